"""The provider of single-user mode."""

from __future__ import annotations

import pytest

from invoke_host.api import SYSTEM_USER_ID, Authenticated, ConfigError, Identity, Rejected, RequestView, StartupError
from invoke_host.config.loader import load
from invoke_host.identity.authenticate import Authenticator
from invoke_host.identity.none import SYSTEM_ACTOR, SYSTEM_IDENTITY, NoneProvider, is_loopback

ANY = RequestView("GET", "/", {"authorization": "Bearer stolen"}, "203.0.113.9", secure=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.3", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_addresses_of_this_machine_are_served(host):
    assert NoneProvider().check_bind(host) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "gpu.example.org", "127.0.0.1.example.org"])
def test_addresses_that_others_can_reach_are_refused_with_the_ways_out(host):
    reason = NoneProvider().check_bind(host)
    assert "[auth] providers" in reason
    assert "[auth.none] allow_remote = true" in reason
    assert not is_loopback(host)


def test_the_operator_may_insist():
    assert NoneProvider(allow_remote=True).check_bind("0.0.0.0") is None


def test_a_refusal_stops_the_start_naming_the_provider_and_the_address(log):
    with pytest.raises(StartupError, match=r"login provider 'none' refuses to serve on '0\.0\.0\.0'"):
        Authenticator([NoneProvider()], log=log.logger).check_bind("0.0.0.0")


async def test_every_request_is_the_local_administrator_and_the_same_value(log):
    authenticator = Authenticator([NoneProvider()], log=log.logger)
    actor = await authenticator.actor(ANY)
    assert actor is SYSTEM_ACTOR
    assert (actor.id, actor.kind, actor.is_admin, actor.is_anonymous) == (SYSTEM_USER_ID, "system", True, False)
    assert await authenticator.actor(RequestView("POST", "/x", {}, None, secure=True)) is actor
    assert authenticator.single_user


async def test_only_its_own_identity_stays_good():
    assert await NoneProvider().refresh(SYSTEM_IDENTITY) == Authenticated(SYSTEM_IDENTITY)
    assert isinstance(await NoneProvider().refresh(Identity("ldap", "system")), Rejected)


@pytest.mark.parametrize("providers", [["none", "ldap"], ["local", "none"]])
def test_it_cannot_be_combined_with_another_provider(tmp_path, providers):
    (tmp_path / "invoke-host.toml").write_text(f"[auth]\nproviders = {providers}\n")
    with pytest.raises(ConfigError, match=r"invoke-host\.toml:2: auth\.providers"):
        load(tmp_path, env={})
