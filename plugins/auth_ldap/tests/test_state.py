"""Accounts that may not be used: told by the entry, or by the server's answer to the bind."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from invoke_auth_ldap.connection import BindResult, Entry
from invoke_auth_ldap.state import account_problem, bind_problem
from slapd import BASE, Slapd

from conftest import login, plain
from invoke_host.api import Authenticated, Identity, Rejected

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
PASSWORD = "Wren-41-saffron"
POLICY = f"cn=policy,ou=services,{BASE}"


def ticks(when: datetime) -> str:
    """As Active Directory counts: 100 ns from 1601."""
    return str(int((when - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000)


def entry(**values: str) -> Entry:
    return Entry("uid=alice", {name.lower(): [value.encode()] for name, value in values.items()})


@pytest.mark.parametrize(
    ("values", "at_login", "later"),
    [
        ({}, None, None),
        ({"userAccountControl": "512"}, None, None),
        ({"userAccountControl": "514"}, "disabled", "disabled"),
        ({"userAccountControl": "66050"}, "disabled", "disabled"),
        ({"userAccountControl": "nonsense"}, None, None),
        ({"accountExpires": "0"}, None, None),
        ({"accountExpires": "9223372036854775807"}, None, None),
        ({"accountExpires": "9223372036854775806"}, None, None),
        ({"accountExpires": ticks(datetime(2026, 6, 1, 11, 59, tzinfo=UTC))}, "account_expired", "account_expired"),
        ({"accountExpires": ticks(datetime(2026, 6, 1, 12, 1, tzinfo=UTC))}, None, None),
        ({"nsAccountLock": "TRUE"}, "disabled", "disabled"),
        ({"nsAccountLock": "true"}, "disabled", "disabled"),
        ({"nsAccountLock": "false"}, None, None),
        ({"pwdAccountLockedTime": "000001010000Z"}, "disabled", "disabled"),
        ({"pwdAccountLockedTime": "20260601115900Z"}, "locked", None),
        ({"pwdReset": "TRUE"}, "must_change_password", None),
        ({"pwdReset": "FALSE"}, None, None),
        ({"passwordExpirationTime": "19700101000000Z"}, "must_change_password", None),
        ({"passwordExpirationTime": "20300101000000Z"}, None, None),
        ({"krbPrincipalExpiration": "20260601115959Z"}, "account_expired", "account_expired"),
        ({"krbPrincipalExpiration": "20260601115959.5Z"}, "account_expired", "account_expired"),
        ({"krbPrincipalExpiration": "202606011159Z"}, "account_expired", "account_expired"),
        ({"krbPrincipalExpiration": "20260601120001Z"}, None, None),
        ({"krbPrincipalExpiration": "soon"}, None, None),
        ({"krbPrincipalExpiration": "20261399000000Z"}, None, None),
    ],
)
def test_an_entry_tells_what_speaks_against_the_account(
    values: dict[str, str], at_login: str | None, later: str | None
) -> None:
    assert account_problem(entry(**values), NOW, at_login=True) == at_login
    assert account_problem(entry(**values), NOW, at_login=False) == later


AD = "80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data {}, v4563"


@pytest.mark.parametrize(
    ("code", "message", "problem"),
    [
        (0, "", None),
        (49, "", "bad_credentials"),
        (49, AD.format("52e"), "bad_credentials"),
        (49, AD.format("525"), "bad_credentials"),
        (49, AD.format("533"), "disabled"),
        (49, AD.format("775"), "locked"),
        (49, AD.format("701"), "account_expired"),
        (49, AD.format("532"), "password_expired"),
        (49, AD.format("773"), "must_change_password"),
        (49, AD.format("530"), "outside_hours"),
        (49, AD.format("ffffffff"), "bad_credentials"),
        (19, "", "locked"),
        (53, "", "disabled"),
        (32, "", "bad_credentials"),
        (34, "", "bad_credentials"),
        (48, "", "bad_credentials"),
        (50, "", "disabled"),
    ],
)
def test_a_bind_is_refused_by_its_reason(code: int, message: str, problem: str | None) -> None:
    assert bind_problem(BindResult(code, message)) == problem


@pytest.mark.parametrize("code", [1, 2, 3, 7, 8, 10, 11, 13, 14, 51, 52, 80, 118])
def test_a_result_that_speaks_of_the_server_is_never_a_wrong_password(code: int) -> None:
    with pytest.raises(LookupError):
        bind_problem(BindResult(code, AD.format("52e")))


class TestPasswordPolicy:
    """OpenLDAP's ppolicy overlay."""

    @pytest.fixture
    def server(self, tmp_path: Path) -> Any:
        server = Slapd(tmp_path / "slapd", config=f'overlay ppolicy\nppolicy_default "{POLICY}"').start()
        try:
            server.add(
                POLICY,
                ["applicationProcess", "pwdPolicy"],
                pwdAttribute="userPassword",
                pwdLockout="TRUE",
                pwdMaxFailure="2",
                pwdLockoutDuration="1",
                pwdMustChange="TRUE",
            )
            server.alice = server.person("alice", PASSWORD)  # type: ignore[attr-defined]
            yield server
        finally:
            server.stop()

    async def test_an_administrators_lock_ends_logins_and_sessions(self, server: Any, open_provider: Any) -> None:
        provider = await open_provider(plain(server))
        known = await login(provider, "alice", PASSWORD)
        assert isinstance(known, Authenticated)
        server.change(server.alice, pwdAccountLockedTime=["000001010000Z"])
        assert isinstance(await login(provider, "alice", PASSWORD), Rejected)
        assert await provider.refresh(Identity("ldap", known.identity.subject)) == Rejected("disabled")

    async def test_a_lock_that_the_policy_ignores_counts_here(self, server: Any, open_provider: Any) -> None:
        server.change(POLICY, pwdLockout=["FALSE"])
        server.change(server.alice, pwdAccountLockedTime=["000001010000Z"])
        assert await login(await open_provider(plain(server)), "alice", PASSWORD) == Rejected("disabled")
        unchecked = await open_provider(plain(server, check_account_state=False))
        assert isinstance(await login(unchecked, "alice", PASSWORD), Authenticated)

    async def test_wrong_passwords_lock_the_login_but_end_no_session(self, server: Any, open_provider: Any) -> None:
        provider = await open_provider(plain(server))
        known = await login(provider, "alice", PASSWORD)
        assert isinstance(known, Authenticated)
        server.change(POLICY, pwdLockoutDuration=["0"])
        for number in range(2):
            assert await login(provider, "alice", f"wrong-{number}") == Rejected("bad_credentials")
        assert isinstance(await login(provider, "alice", PASSWORD), Rejected)
        assert isinstance(await provider.refresh(Identity("ldap", known.identity.subject)), Authenticated)

    async def test_a_lock_that_has_run_out_does_not_cost_another_try(self, server: Any, open_provider: Any) -> None:
        server.change(server.alice, pwdAccountLockedTime=["20200101000000Z"])
        assert isinstance(await login(await open_provider(plain(server)), "alice", PASSWORD), Authenticated)

    async def test_a_password_that_must_be_changed_is_not_enough(self, server: Any, open_provider: Any) -> None:
        server.change(server.alice, pwdReset=["TRUE"])
        assert await login(await open_provider(plain(server)), "alice", PASSWORD) == Rejected("must_change_password")


async def test_attributes_of_other_directories_count_where_they_are(tmp_path: Path, open_provider: Any) -> None:
    schema = (
        "attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )\n"
        "attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
        "objectclass ( 1.2.840.113556.1.5.9999 NAME 'lent' AUXILIARY MAY ( userAccountControl $ nsAccountLock ) )\n"
    )
    server = Slapd(tmp_path / "slapd", schema=schema).start()
    try:
        for uid, values in (("one", {"userAccountControl": "514"}), ("two", {"nsAccountLock": "TRUE"})):
            dn = server.person(uid, PASSWORD)
            server.change(dn, objectClass=["inetOrgPerson", "lent"], **{name: [v] for name, v in values.items()})
            assert await login(await open_provider(plain(server)), uid, PASSWORD) == Rejected("disabled")
            server.change(dn, **{name: [] for name in values})
            assert isinstance(await login(await open_provider(plain(server)), uid, PASSWORD), Authenticated)
    finally:
        server.stop()
