"""Preset `389ds` against a real 389 Directory Server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ds389 import DirectoryServer389
from invoke_auth_ldap import LdapOptions
from optional_servers import DS389, needs
from slapd import BASE, READER_DN, READER_PASSWORD

from conftest import login
from invoke_host.api import Authenticated, Identity, Rejected, StartupError

pytestmark = pytest.mark.soak

PASSWORD = "Wren-41-saffron"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirectoryServer389]:
    needs(*DS389)
    server = DirectoryServer389(tmp_path_factory.mktemp("ds389") / "server")
    try:
        server.start()
        alice = server.person("alice", PASSWORD)
        inner = server.group("painters", alice)
        outer = server.group("artists", inner)
        server.change(inner, member=[alice, outer])  # a circle
        yield server
    finally:
        server.stop()


def options(server: DirectoryServer389, **more: Any) -> LdapOptions:
    values = {
        "preset": "389ds",
        "servers": [server.uri],
        "tls": "plain",
        "allow_plaintext": True,
        "base": BASE,
        "service_dn": READER_DN,
        "service_password": READER_PASSWORD,
        **more,
    }
    return LdapOptions.model_validate(values)


async def test_the_preset_logs_in_under_the_unique_id(server: DirectoryServer389, open_provider: Any) -> None:
    provider = await open_provider(options(server))
    outcome = await login(provider, "Alice", PASSWORD)
    assert isinstance(outcome, Authenticated)
    identity = outcome.identity
    assert len(identity.subject) == 35
    assert (identity.login, identity.display_name, identity.email) == ("alice", "Alice", "alice@example.org")
    assert identity.groups == {f"cn={name},ou=groups,{BASE}" for name in ("painters", "artists")}
    assert await provider.refresh(Identity("ldap", identity.subject, "alice")) == Authenticated(identity)


async def test_names_that_it_takes_for_others_are_unknown(server: DirectoryServer389, open_provider: Any) -> None:
    provider = await open_provider(options(server))
    for name in ("ali*", "alice\0", "al\u200bice", "ａlice", "alice)(objectClass=*", "nobody"):
        assert await login(provider, name, PASSWORD) is None, name
    assert await login(provider, "alice", "wrong") == Rejected("bad_credentials")


async def test_an_account_that_is_locked_by_an_administrator_is_refused(
    server: DirectoryServer389, open_provider: Any
) -> None:
    dn = server.person("locked", PASSWORD)
    provider = await open_provider(options(server))
    known = await login(provider, "locked", PASSWORD)
    assert isinstance(known, Authenticated)
    server.change(dn, nsAccountLock=["true"])
    assert await login(provider, "locked", PASSWORD) == Rejected("disabled")
    assert await login(provider, "locked", "wrong") == Rejected("disabled")
    assert await provider.refresh(Identity("ldap", known.identity.subject, "locked")) == Rejected("disabled")


async def test_too_many_wrong_passwords_are_the_servers_to_answer(
    server: DirectoryServer389, open_provider: Any
) -> None:
    server.change("cn=config", passwordLockout=["on"], passwordMaxFailure=["3"])
    try:
        server.person("tried", PASSWORD)
        provider = await open_provider(options(server))
        answers = [await login(provider, "tried", f"wrong-{number}") for number in range(4)]
        assert answers[0] == Rejected("bad_credentials")
        assert answers[-1] == Rejected("locked")
        assert await login(provider, "tried", PASSWORD) == Rejected("locked")
    finally:
        server.change("cn=config", passwordLockout=["off"])


async def test_a_password_that_must_be_changed_is_not_enough(server: DirectoryServer389, open_provider: Any) -> None:
    server.change("cn=config", passwordMustChange=["on"])
    try:
        dn = server.person("fresh", PASSWORD)
        server.change(dn, userPassword=["Set-by-the-helpdesk-1"])
        provider = await open_provider(options(server))
        assert await login(provider, "fresh", "Set-by-the-helpdesk-1") == Rejected("must_change_password")
    finally:
        server.change("cn=config", passwordMustChange=["off"])


async def test_an_in_chain_search_is_refused_at_start(server: DirectoryServer389, open_provider: Any) -> None:
    with pytest.raises(StartupError, match="search_nested"):
        await open_provider(options(server, groups="ad_in_chain"))
