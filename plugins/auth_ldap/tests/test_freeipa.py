"""Preset `freeipa`. Debian has no server of it, so an OpenLDAP stands in with FreeIPA's attributes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slapd import BASE, Slapd

from conftest import login, plain
from invoke_host.api import Authenticated, Identity, Rejected

PASSWORD = "Wren-41-saffron"
ALICE = f"uid=alice,ou=people,{BASE}"
UNIQUE_ID = "d7b9f2b8-0a3c-11ef-9d2e-525400a1b2c3"
SCHEMA = """
attributetype ( 2.16.840.1.113730.3.8.3.1 NAME 'ipaUniqueID' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 2.16.840.1.113719.1.301.4.14.1 NAME 'krbPrincipalExpiration' EQUALITY generalizedTimeMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )
objectclass ( 2.16.840.1.113730.3.8.4.1 NAME 'ipaObject' AUXILIARY
  MAY ( ipaUniqueID $ nsAccountLock $ krbPrincipalExpiration ) )
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    server = Slapd(tmp_path / "slapd", schema=SCHEMA).start()
    try:
        unix = {"uidNumber": 1001, "gidNumber": 1001, "homeDirectory": "/home/alice", "ipaUniqueID": UNIQUE_ID}
        classes = ["inetOrgPerson", "posixAccount", "ipaObject"]
        server.add(ALICE, classes, uid="alice", cn="Alice", sn="A", userPassword=PASSWORD, **unix)
        server.group("painters", ALICE)
        yield server
    finally:
        server.stop()


async def test_the_preset_logs_in_under_the_unique_id_with_the_groups_of_the_entry(
    server: Slapd, open_provider: Any
) -> None:
    outcome = await login(await open_provider(plain(server, preset="freeipa")), "alice", PASSWORD)
    assert isinstance(outcome, Authenticated)
    assert outcome.identity.subject == UNIQUE_ID
    assert outcome.identity.groups == {f"cn=painters,ou=groups,{BASE}"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"nsAccountLock": ["TRUE"]}, "disabled"),
        ({"krbPrincipalExpiration": ["20200101000000Z"]}, "account_expired"),
    ],
)
async def test_who_may_not_log_in_has_no_session_either(
    server: Slapd, open_provider: Any, change: dict[str, list[str]], code: str
) -> None:
    provider = await open_provider(plain(server, preset="freeipa"))
    server.change(ALICE, **change)
    assert await login(provider, "alice", PASSWORD) == Rejected(code)
    assert await provider.refresh(Identity("ldap", UNIQUE_ID, "alice")) == Rejected(code)
