"""The provider keeps the contract for login providers, against a real slapd."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ldap3
import pytest
from invoke_auth_ldap import LdapProvider
from slapd import BASE, READER_PASSWORD, Slapd

from conftest import plain
from invoke_host.testing.contracts import AuthProviderContract
from invoke_host.testing.fakes import FakeHost


class TestLdap(AuthProviderContract):
    good = ("alice", "Wren-41-saffron-Lintel")
    secrets = (READER_PASSWORD,)
    deadline_s = 2.0

    @pytest.fixture
    def make_provider(self, tmp_path: Path) -> Iterator[Any]:
        self.server = Slapd(tmp_path / "slapd").start()
        alice = self.server.person(*self.good)
        self.painters = self.server.group("painters", alice, f"uid=nobody,ou=people,{BASE}")
        options = plain(
            self.server,
            connect_timeout_s=1,
            read_timeout_s=1,
            login_timeout_s=1.5,
            cooldown_s=0,
            account_filter="(!(title=gone))",
        )
        yield lambda: LdapProvider(FakeHost(tmp_path, {"ldap": options}), options)
        self.server.stop()

    async def many(self, count: int) -> Sequence[tuple[str, str]]:
        people = [(f"person{number}", f"Dunlin-{number}-copper") for number in range(count)]
        for person in people:
            self.server.group(f"team-{person[0]}", self.server.person(*person))
        return people

    async def disable(self, login: str) -> None:
        self.server.change(f"uid={login},ou=people,{BASE}", title=["gone"])

    async def delete(self, login: str) -> None:
        self.server.delete(f"uid={login},ou=people,{BASE}")

    async def leave_group(self, login: str) -> str:
        with self.server.admin() as connection:
            connection.modify(self.painters, {"member": [(ldap3.MODIFY_DELETE, [f"uid={login},ou=people,{BASE}"])]})
        return self.painters

    async def rename_display(self, login: str) -> None:
        self.server.change(f"uid={login},ou=people,{BASE}", cn=["Alice Liddell"])

    async def backend_down(self) -> None:
        await asyncio.to_thread(self.server.stop)

    async def backend_silent(self) -> None:
        self.server.freeze()

    async def backend_up(self) -> None:
        self.server.stop()
        await asyncio.to_thread(self.server.start)
