"""What servers answer besides yes and no: referrals, errors, lines of a log. None of it is about a password."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from invoke_auth_ldap import LdapProvider
from slapd import BASE, READER_DN, Slapd
from stub import BIND, SEARCH, entry, reference, result, stub

from conftest import login, plain
from invoke_host.api import Authenticated, Unavailable
from invoke_host.testing.fakes import FakeHost

PASSWORD = "Wren-41-saffron"
ALICE = f"uid=alice,ou=people,{BASE}"
UUID = "b4f1a2c0-0000-1000-8000-000000000001"
NOWHERE = Slapd(Path("/nowhere"), port=1)  # never started: who answers is a stub
PERSON = entry(ALICE, {"uid": [b"alice"], "entryUUID": [UUID.encode()], "cn": [b"Alice"]})


class TestElsewhere:
    """Referrals are never followed: ldap3 would go there with the same password."""

    async def answers(self, open_provider: Any, *search: bytes, bind: bytes | None = None) -> Any:
        def behave(kind: int, request: bytes) -> list[bytes] | None:
            if kind == BIND:
                return [result(BIND) if READER_DN.encode() in request or bind is None else bind]
            return list(search) if kind == SEARCH else None

        async with stub(behave) as one:
            provider = await open_provider(plain(NOWHERE, servers=[one.uri], groups="none", check_account_state=False))
            return await login(provider, "alice", PASSWORD)

    async def test_a_directory_of_a_test_can_let_somebody_in(self, open_provider: Any) -> None:
        assert isinstance(await self.answers(open_provider, PERSON, result(SEARCH)), Authenticated)

    async def test_nothing_follows_a_referral(self, open_provider: Any) -> None:
        async with stub(lambda kind, request: [result(kind)]) as elsewhere:
            there = f"{elsewhere.uri}/{BASE}"
            refers = result(SEARCH, 10, referral=there)
            assert isinstance(await self.answers(open_provider, refers), Unavailable)
            assert isinstance(await self.answers(open_provider, PERSON, refers), Unavailable)
            bind = result(BIND, 10, referral=there)
            assert isinstance(await self.answers(open_provider, PERSON, result(SEARCH), bind=bind), Unavailable)
            along = (reference(there), PERSON, reference(there), result(SEARCH))
            assert isinstance(await self.answers(open_provider, *along), Authenticated)
            assert await self.answers(open_provider, reference(there), result(SEARCH)) is None
            assert elsewhere.clients == 0

    @pytest.mark.parametrize("code", [1, 2, 3, 11, 12, 50, 53, 80, 118])
    async def test_a_search_that_failed_is_no_unknown_name(self, open_provider: Any, code: int) -> None:
        for search in ((result(SEARCH, code),), (PERSON, result(SEARCH, code))):
            assert isinstance(await self.answers(open_provider, *search), Unavailable)

    @pytest.mark.parametrize("code", [1, 2, 7, 8, 13, 14, 80, 118])
    async def test_a_bind_that_the_server_could_not_judge_is_no_wrong_password(
        self, open_provider: Any, code: int
    ) -> None:
        outcome = await self.answers(open_provider, PERSON, result(SEARCH), bind=result(BIND, code))
        assert isinstance(outcome, Unavailable)

    async def test_what_a_server_says_can_not_forge_a_line_in_the_log(self, tmp_path: Path) -> None:
        evil = entry(f"uid=alice\x1b[2J\nadmin logged in,{BASE}", {"uid": [b"alice"]})

        def behave(kind: int, request: bytes) -> list[bytes] | None:
            return [result(BIND)] if kind == BIND else [evil, result(SEARCH)] if kind == SEARCH else None

        async with stub(behave) as one:
            options = plain(NOWHERE, servers=[one.uri])
            host = FakeHost(tmp_path, {"ldap": options})
            provider = LdapProvider(host, options)
            await provider.open()
            assert isinstance(await login(provider, "alice", PASSWORD), Unavailable)
            found = await provider.diagnose("alice", None)
            await provider.close()
        text = "".join(str(each.get("reason", "")) for each in host.logged) + "".join(each.text for each in found)
        assert "logged in" in text
        assert text.isprintable()
