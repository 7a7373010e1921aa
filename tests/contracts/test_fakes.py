"""The kit's stand-ins behave as the real parts do where a plugin can tell."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text, true
from sqlalchemy.pool import StaticPool

from invoke_host.api import (
    Authenticated,
    Grant,
    InvokeHostError,
    LoginContext,
    PluginConfig,
    Rejected,
    RequestView,
    Secret,
    Unavailable,
)
from invoke_host.testing.fakes import FakeHost, FakeProvider, StaticPolicy

CONTEXT = LoginContext(peer=None, deadline_s=5)


class Options(PluginConfig):
    depth: int = 3


async def test_a_fake_host_commits_writes_and_rolls_back_what_a_read_changes(tmp_path):
    engine = create_engine("sqlite://", poolclass=StaticPool)
    host = FakeHost(tmp_path, {"acme": Options()}, engine=engine)

    def insert(conn, value):
        conn.execute(text("INSERT INTO t VALUES (:value)"), {"value": value})

    def count(conn):
        return conn.scalar(text("SELECT count(*) FROM t"))

    await host.write(lambda conn: conn.execute(text("CREATE TABLE t (v INTEGER)")) and None)
    await host.write(insert, 1)
    await host.read(insert, 2)
    assert await host.read(count) == 1
    engine.dispose()


async def test_a_fake_host_without_engine_refuses_like_a_host_that_has_not_started(tmp_path):
    with pytest.raises(InvokeHostError):
        await FakeHost(tmp_path, {}).read(lambda conn: None)


def test_caplog_sees_what_a_plugin_writes_to_the_log_of_a_fake_host(tmp_path, caplog):
    with caplog.at_level("DEBUG"):
        FakeHost(tmp_path, {}).log.warning("careful", password="hunter2")
    assert "careful" in caplog.text
    assert "hunter2" in caplog.text


def test_a_fake_host_records_events_and_log_and_knows_the_options(tmp_path):
    host = FakeHost(tmp_path, {"acme": Options(depth=7)})
    host.emit("ping", {"n": 1}, "alice")
    host.log.warning("careful", n=2)
    assert host.emitted == [("ping", {"n": 1}, "alice")]
    assert host.logged == [{"event": "careful", "n": 2, "log_level": "warning"}]
    assert host.options(Options).depth == host.config("acme").depth == 7


async def test_a_fake_provider_knows_its_people_and_says_what_it_is_told_to():
    provider = FakeProvider("acme", {"alice": "secret"})
    known = await provider.from_password("alice", Secret("secret"), CONTEXT)
    assert isinstance(known, Authenticated)
    assert known.identity.provider == "acme"
    assert await provider.from_password("alice", Secret("wrong"), CONTEXT) is None
    assert await provider.from_request(RequestView("GET", "/", {}, None, secure=False)) is None
    provider.people.clear()
    assert await provider.refresh(known.identity) == Rejected("gone")
    provider.outcome = Unavailable("down")
    assert await provider.from_password("anybody", Secret(""), CONTEXT) == Unavailable("down")
    provider.outcome = OSError("cable")
    with pytest.raises(OSError, match="cable"):
        await provider.refresh(known.identity)


def test_a_static_policy_answers_the_same_and_remembers_who_asked():
    from invoke_host.identity.none import SYSTEM_ACTOR
    from invoke_host.images.access import RESOURCE, VIEW

    policy = StaticPolicy("fixed", Grant(allow=true()))
    assert policy.grant(SYSTEM_ACTOR, VIEW, RESOURCE, {}) == policy.grant(SYSTEM_ACTOR, VIEW, RESOURCE, {})
    assert policy.asked == [(SYSTEM_ACTOR, "image.view")] * 2
