"""Callers whom a provider knows by the request itself, and when a credential was last used, over real HTTP."""

from __future__ import annotations

import pytest

from invoke_host.api import Authenticated, AuthProvider, Identity, Rejected
from invoke_host.config.schema import SessionsConfig
from tests.identity.credential_host import bearer, cookie, credential_host, refused


@pytest.fixture
async def host(storage, clock, tmp_path, log):
    async with credential_host(storage, clock, tmp_path, log.logger) as running:
        yield running


class Header(AuthProvider):
    """Believes a header, as behind a reverse proxy that logs people in."""

    name = "proxy"

    async def from_request(self, request):
        user = request.headers.get("x-remote-user")
        if user is None:
            return None
        return Rejected("unknown") if user == "mallory" else Authenticated(Identity("proxy", user))

    async def refresh(self, identity):
        return Authenticated(identity)


class TestProviders:
    @pytest.fixture
    async def host(self, storage, clock, tmp_path, log):
        known = frozenset({"proxy"})
        async with credential_host(storage, clock, tmp_path, log.logger, providers=(Header(),), known=known) as host:
            yield host

    async def test_a_provider_may_know_who_has_no_credential_of_ours(self, host):
        found = (await host.who({"X-Remote-User": "alice"})).json()
        assert (found["id"], found["carrier"], found["provider"], found["session_id"]) == (
            "alice", "provider", "proxy", None,
        )  # fmt: skip

    async def test_a_session_comes_before_it_and_a_bad_bearer_too(self, host):
        issued = await host.login("bob", provider="proxy")
        assert (await host.who({**cookie(issued), "X-Remote-User": "alice"})).json()["id"] == "bob"
        assert await refused(host, {**bearer("bad"), "X-Remote-User": "alice"})

    async def test_a_stale_cookie_leaves_the_word_to_it(self, host):
        assert (await host.who({**cookie("old"), "X-Remote-User": "alice"})).json()["id"] == "alice"
        assert await refused(host, cookie("old"))
        assert (await host.who({**cookie("old"), "X-Remote-User": "mallory"})).status == 401

    async def test_a_session_of_a_provider_that_is_in_use_no_more_is_refused(self, host):
        assert await refused(host, bearer(await host.login("bob", provider="local")))

    async def test_renewal_is_for_sessions_only(self, host):
        answer = await host.who({"X-Remote-User": "alice"}, method="POST")
        assert answer.status == 200
        assert "X-Refreshed-Token" not in answer.headers
        assert "Set-Cookie" not in answer.headers


class TestUsage:
    """When credentials were last used: written seldom, together and in the background."""

    async def test_many_requests_are_one_write(self, host, clock, storage):
        one, two, key = await host.login(), await host.login(), await host.api_token()
        clock.advance(120)
        commits = []
        storage.on_commit(lambda: commits.append(1))
        for credential in (one, two, key) * 3:
            assert (await host.who(bearer(credential))).status == 200
        assert commits == []
        await host.credentials.flush_task().run()
        assert commits == [1]
        await host.credentials.flush_task().run()
        assert commits == [1]
        assert host.rows("SELECT DISTINCT last_seen_at FROM sessions") == [("2026-01-01 12:02:00.000",)]
        assert host.rows("SELECT last_used_at, last_used_address FROM api_tokens") == [
            ("2026-01-01 12:02:00.000", "127.0.0.1")
        ]

    async def test_one_credential_is_noted_at_most_once_a_minute(self, host, clock):
        issued, key = await host.login(), await host.api_token()
        await host.who(bearer(key))
        await host.credentials.usage.flush()
        clock.advance(59)
        await host.who(bearer(issued))
        await host.who(bearer(key))
        await host.credentials.usage.flush()
        assert host.rows("SELECT last_seen_at FROM sessions") == [("2026-01-01 12:00:00.000",)]
        assert host.rows("SELECT last_used_at FROM api_tokens") == [("2026-01-01 12:00:00.000",)]
        clock.advance(1)
        await host.who(bearer(issued))
        await host.who(bearer(key))
        await host.credentials.stop()
        assert host.rows("SELECT last_seen_at FROM sessions") == [("2026-01-01 12:01:00.000",)]
        assert host.rows("SELECT last_used_at FROM api_tokens") == [("2026-01-01 12:01:00.000",)]

    async def test_a_write_that_fails_is_made_up_for(self, host, clock, monkeypatch):
        issued = await host.login()
        clock.advance(100)
        await host.who(bearer(issued))

        async def broken(*_):
            raise OSError("disk full")

        with monkeypatch.context() as patch:
            patch.setattr(host.storage, "write", broken)
            with pytest.raises(OSError, match="disk full"):
                await host.credentials.usage.flush()
        await host.credentials.usage.flush()
        assert host.rows("SELECT last_seen_at FROM sessions") == [("2026-01-01 12:01:40.000",)]

    async def test_use_during_the_write_is_not_lost(self, host, clock, monkeypatch):
        issued = await host.login()
        clock.advance(100)
        await host.who(bearer(issued))
        write = host.storage.write

        async def meanwhile(*args):
            clock.advance(100)
            await host.who(bearer(issued))
            return await write(*args)

        with monkeypatch.context() as patch:
            patch.setattr(host.storage, "write", meanwhile)
            await host.credentials.usage.flush()
        assert host.rows("SELECT last_seen_at FROM sessions") == [("2026-01-01 12:01:40.000",)]
        await host.credentials.usage.flush()
        assert host.rows("SELECT last_seen_at FROM sessions") == [("2026-01-01 12:03:20.000",)]

    async def test_a_short_idle_limit_does_not_end_a_session_in_use(self, storage, clock, tmp_path, log):
        times = SessionsConfig(lifetime_s=3600, remembered_lifetime_s=3600, idle_s=60, longest_s=3600)
        async with credential_host(storage, clock, tmp_path, log.logger, times=times) as host:
            issued = await host.login()
            for _ in range(10):
                clock.advance(50)
                assert (await host.who(bearer(issued))).status == 200

    async def test_a_refused_credential_leaves_no_trace(self, host, clock):
        issued = await host.login()
        host.sql("UPDATE users SET is_active = 0 WHERE id = 'alice'")
        clock.advance(100)
        assert await refused(host, bearer(issued))
        await host.credentials.usage.flush()
        assert host.rows("SELECT last_seen_at FROM sessions") == [("2026-01-01 12:00:00.000",)]
