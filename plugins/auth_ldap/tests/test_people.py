"""Who somebody is: found by name, known by an id that never changes, in a real directory."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slapd import BASE, READER_DN, Slapd

from conftest import login, plain
from invoke_host.api import Authenticated, Identity, Rejected, Unavailable
from invoke_host.testing.fakes import FakeHost

PASSWORD = "Wren-41-saffron"
PEOPLE = f"ou=people,{BASE}"
ODD = f"cn=Liddell\\2C Alice (CTO) * \\22A\\22,{PEOPLE}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    server = Slapd(tmp_path_factory.mktemp("people") / "slapd").start()
    try:
        server.person("alice", PASSWORD)
        server.person("bob", PASSWORD, mail=["bob@example.org", "robert@example.org"])
        server.person("twice", PASSWORD, mail="shared@example.org")
        server.person("thrice", PASSWORD, mail="shared@example.org")
        odd = {"cn": ['Liddell, Alice (CTO) * "A"'], "sn": "L", "uid": "odd", "userPassword": PASSWORD}
        server.add(ODD, ["inetOrgPerson"], **odd)
        server.group("painters", ODD)
        server.add(f"ou=west,{PEOPLE}", ["organizationalUnit"], ou="west")
        for unit in ("", "ou=west,"):
            values = {"cn": "Same", "sn": "Same", "userPassword": PASSWORD}
            server.add(f"uid=same,{unit}{PEOPLE}", ["inetOrgPerson"], **values)
        yield server
    finally:
        server.stop()


LOOK_ALIKES = ("Ｗren-41-saffron", "Wren\u00ad-41-saffron", "Wren-41-ſaffron", "Wren-41-saﬀron")
OTHER_SPELLINGS = ("ａlice", "al\u00adice", "alice,ou=west", "alice+uid=bob", "alice\\", "#616c696365", "*")
UNUSABLE_NAMES = ("", " ", "\t", "\u200b", "\u202e", "a\nb", "a\x7fb", "\ud800", "é" * 129, "x" * 10**6)
UNUSABLE_PASSWORDS = ("", " ", "\u00a0", "\u00ad", "\u200b", "\0", "x\0", "\ud800", "x" * 1025, "x" * 10**6)
NOBODY: dict[str, Any] = {"service_dn": None, "service_password": None}
TEMPLATE: dict[str, Any] = {
    "bind": "template",
    "bind_templates": [f"uid={{login}},ou=west,{PEOPLE}", f"uid={{login}},{PEOPLE}"],
}


async def identity(open_provider: Any, server: Slapd, name: str, password: str = PASSWORD, **more: Any) -> Identity:
    outcome = await login(await open_provider(plain(server, **more)), name, password)
    assert isinstance(outcome, Authenticated), outcome
    return outcome.identity


class TestIdentity:
    async def test_it_is_the_entrys_own_id_with_name_and_mail_beside_it(
        self, server: Slapd, open_provider: Any
    ) -> None:
        alice = await identity(open_provider, server, " Alice ")
        assert str(uuid.UUID(alice.subject)) == alice.subject
        assert (alice.login, alice.display_name, alice.email) == ("alice", "Alice", "alice@example.org")

    async def test_it_stays_when_the_person_is_renamed_and_moved(self, slapd: Slapd, open_provider: Any) -> None:
        slapd.person("eve", PASSWORD)
        before = await identity(open_provider, slapd, "eve")
        slapd.add(f"ou=west,{PEOPLE}", ["organizationalUnit"], ou="west")
        with slapd.admin() as connection:
            connection.modify_dn(f"uid=eve,{PEOPLE}", "uid=evelyn", new_superior=f"ou=west,{PEOPLE}")
        after = await identity(open_provider, slapd, "evelyn")
        assert (after.subject, after.login) == (before.subject, "evelyn")
        provider = await open_provider(plain(slapd))
        assert await provider.refresh(before) == Authenticated(after)

    async def test_another_person_of_the_same_name_is_another_one(self, slapd: Slapd, open_provider: Any) -> None:
        slapd.person("eve", PASSWORD)
        before = await identity(open_provider, slapd, "eve")
        slapd.delete(f"uid=eve,{PEOPLE}")
        slapd.person("eve", PASSWORD)
        assert (await identity(open_provider, slapd, "eve")).subject != before.subject
        assert await (await open_provider(plain(slapd))).refresh(before) == Rejected("gone")

    async def test_of_several_mail_addresses_none_is_taken(self, server: Slapd, open_provider: Any) -> None:
        assert (await identity(open_provider, server, "bob")).email is None
        assert (await identity(open_provider, server, "odd")).email is None

    @pytest.mark.parametrize("attribute", ["employeeNumber", "mail", "noSuchAttribute", "userPassword"])
    async def test_an_id_attribute_that_is_none_makes_the_directory_unavailable_and_says_so(
        self, server: Slapd, tmp_path: Path, attribute: str
    ) -> None:
        from invoke_auth_ldap import LdapProvider

        options = plain(server, id_attribute=attribute)
        host = FakeHost(tmp_path, {"ldap": options})
        provider = LdapProvider(host, options)
        await provider.open()
        outcome = await login(provider, "bob", PASSWORD)
        await provider.close()
        assert isinstance(outcome, Unavailable)
        said = [each for each in host.logged if each["event"] == "ldap_unavailable"]
        assert attribute in said[0]["reason"]
        assert "set id_attribute" in said[0]["reason"]

    async def test_a_guid_in_bytes_is_written_as_active_directory_does(
        self, tmp_path: Path, open_provider: Any
    ) -> None:
        schema = (
            "attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch "
            "SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )\n"
            "objectclass ( 1.2.840.113556.1.5.9999 NAME 'lent' AUXILIARY MAY objectGUID )\n"
        )
        guid = uuid.UUID("28002a5c-5c00-4a29-8a28-292a5cff0001")  # as bytes, full of ( ) * \ and NUL
        server = Slapd(tmp_path / "slapd", schema=schema).start()
        try:
            dn = server.person("alice", PASSWORD)
            server.change(dn, objectClass=["inetOrgPerson", "lent"], objectGUID=[guid.bytes_le])
            alice = await identity(open_provider, server, "alice", id_attribute="objectGUID")
            assert alice.subject == str(guid)
            provider = await open_provider(plain(server, id_attribute="objectGUID"))
            assert await provider.refresh(Identity("ldap", str(guid))) == Authenticated(alice)
            server.change(dn, objectGUID=[b"short"])
            assert isinstance(await login(provider, "alice", PASSWORD), Unavailable)
        finally:
            server.stop()

    @pytest.mark.parametrize("subject", ["", "*", "nobody", "a\0b", "*)(uid=alice", "\U0010ffff"])
    @pytest.mark.parametrize("attribute", ["entryUUID", "objectGUID"])
    async def test_an_id_that_nobody_has_is_gone(
        self, server: Slapd, open_provider: Any, subject: str, attribute: str
    ) -> None:
        provider = await open_provider(plain(server, id_attribute=attribute))
        assert await provider.refresh(Identity("ldap", subject)) == Rejected("gone")


class TestNames:
    @pytest.mark.parametrize(
        "name",
        ["ａlice", "aliceſ", "al\u00adice", "al\u200bice", "\u202ealice", "a lice", "alice,", "ali*", "*", "alice\0",
         "alice\u3000x", "alice)(uid=*", "alice)(", "\\61lice", f"uid=alice,{PEOPLE}"],
    )  # fmt: skip
    async def test_what_only_looks_like_a_name_is_unknown(self, server: Slapd, open_provider: Any, name: str) -> None:
        assert await login(await open_provider(plain(server)), name, PASSWORD) is None

    @pytest.mark.parametrize(
        "name", ["", " ", "\t", "\u200b", "\u202e", "a\nb", "a\x7fb", "\ud800", "é" * 129, "x" * 10**6]
    )
    async def test_a_name_that_nobody_has_is_never_sent(self, slapd: Slapd, open_provider: Any, name: str) -> None:
        slapd.stop()
        assert await login(await open_provider(plain(slapd)), name, PASSWORD) is None

    async def test_two_of_one_name_are_nobody(self, server: Slapd, open_provider: Any) -> None:
        assert await login(await open_provider(plain(server)), "same", PASSWORD) == Rejected("ambiguous")
        by_mail = plain(server, user_filter="(|(uid={login})(mail={login}))")
        assert await login(await open_provider(by_mail), "shared@example.org", PASSWORD) == Rejected("ambiguous")
        assert await login(await open_provider(by_mail), "alice@example.org", PASSWORD)

    async def test_one_entry_of_a_server_that_gives_one_proves_nothing(
        self, tmp_path: Path, open_provider: Any
    ) -> None:
        server = Slapd(tmp_path / "slapd", config=f'limits dn.exact="{READER_DN}" size=1').start()
        try:
            server.person("one", PASSWORD, mail="shared@example.org")
            server.person("two", PASSWORD, mail="shared@example.org")
            provider = await open_provider(plain(server, user_filter="(|(uid={login})(mail={login}))"))
            assert isinstance(await login(provider, "shared@example.org", PASSWORD), Unavailable)
            assert isinstance(await login(provider, "one", PASSWORD), Authenticated)
        finally:
            server.stop()

    async def test_a_dn_full_of_specials_binds_and_has_groups(self, server: Slapd, open_provider: Any) -> None:
        odd = await identity(open_provider, server, "odd")
        assert odd.display_name == 'Liddell, Alice (CTO) * "A"'
        assert odd.groups == {f"cn=painters,ou=groups,{BASE}"}

    async def test_a_filter_of_the_operator_keeps_people_out(self, server: Slapd, open_provider: Any) -> None:
        provider = await open_provider(plain(server, account_filter="(!(mail=alice@example.org))"))
        assert await login(provider, "alice", PASSWORD) == Rejected("account_filter")
        assert await login(provider, "alice", "wrong") == Rejected("bad_credentials")
        assert isinstance(await login(provider, "bob", PASSWORD), Authenticated)


class TestPasswords:
    @pytest.mark.parametrize(
        "password",
        ["Straße-ﬁx-ª", "ключ-Ⅷ", "🦊-fox-🫠", "blank at the end ", " blank at the start", "tab\tinside", "x" * 1024,
         'a"b\\c,d*e(f)', "e\u0301", "\u00ad-hyphen", "\x01-\x02"],
    )  # fmt: skip
    async def test_a_password_is_sent_as_it_is(self, slapd: Slapd, open_provider: Any, password: str) -> None:
        slapd.person("eve", password.encode())
        assert await identity(open_provider, slapd, "eve", password)

    @pytest.mark.parametrize(
        "password", ["Ｗren-41-saffron", "Wren\u00ad-41-saffron", "Wren-41-ſaffron", "Wren-41-saﬀron"]
    )
    async def test_what_only_looks_like_the_password_is_wrong(
        self, server: Slapd, open_provider: Any, password: str
    ) -> None:
        assert await login(await open_provider(plain(server)), "alice", password) == Rejected("bad_credentials")

    @pytest.mark.parametrize(
        "password", ["", " ", "\u00a0", "\u00ad", "\u200b", "\0", "x\0", "\ud800", "x" * 1025, "x" * 10**6]
    )
    async def test_a_password_that_nobody_has_is_never_sent(
        self, tmp_path: Path, open_provider: Any, password: str
    ) -> None:
        server = Slapd(tmp_path / "slapd", schema="allow bind_anon_dn bind_anon_cred\n").start()
        try:
            server.person("alice", PASSWORD)
            before = server.log.count(" ACCEPT ")
            assert await login(await open_provider(plain(server)), "alice", password) == Rejected("bad_credentials")
            assert server.log.count(" ACCEPT ") == before
        finally:
            server.stop()


class TestBindModes:
    async def test_templates_are_tried_in_order(self, server: Slapd, open_provider: Any) -> None:
        searched = await identity(open_provider, server, "alice")
        assert await identity(open_provider, server, "alice", **TEMPLATE) == searched
        provider = await open_provider(plain(server, **TEMPLATE))
        assert await login(provider, "alice", "wrong") == Rejected("bad_credentials")
        assert await login(provider, "nobody", PASSWORD) is None, "with a service account it can be known"

    async def test_without_a_service_account_people_read_their_own_entry(
        self, server: Slapd, open_provider: Any
    ) -> None:
        own = {**TEMPLATE, **NOBODY, "recheck": False, "groups": "none"}
        searched = await identity(open_provider, server, "alice", groups="none")
        assert await identity(open_provider, server, "alice", **own) == searched
        provider = await open_provider(plain(server, **own))
        assert await login(provider, "alice", "wrong") == Rejected("bad_credentials")
        assert isinstance(await provider.refresh(searched), Authenticated)

    @pytest.mark.parametrize(
        "name", ["ａlice", "al\u00adice", "alice,ou=west", "alice+uid=bob", "alice\\", "#616c696365", "*"]
    )
    async def test_a_template_takes_no_other_spelling(self, server: Slapd, open_provider: Any, name: str) -> None:
        for more in ({}, {**NOBODY, "recheck": False}):
            provider = await open_provider(plain(server, **TEMPLATE, **more))
            assert not isinstance(await login(provider, name, PASSWORD), Authenticated)

    async def test_an_entry_that_can_not_be_read_is_no_wrong_password(self, tmp_path: Path, open_provider: Any) -> None:
        rights = f'access to attrs=userPassword by anonymous auth\naccess to * by dn.exact="{READER_DN}" read'
        server = Slapd(tmp_path / "slapd", rights=rights).start()
        try:
            server.person("alice", PASSWORD)
            own = {**TEMPLATE, **NOBODY, "recheck": False}
            assert isinstance(await login(await open_provider(plain(server, **own)), "alice", PASSWORD), Unavailable)
        finally:
            server.stop()

    async def test_anonymous_search_is_asked_for_and_works(self, tmp_path: Path, open_provider: Any) -> None:
        rights = "access to attrs=userPassword by anonymous auth\naccess to * by * read"
        server = Slapd(tmp_path / "slapd", rights=rights).start()
        try:
            server.person("alice", PASSWORD)
            assert await identity(open_provider, server, "alice", **NOBODY, anonymous_search=True)
        finally:
            server.stop()

    async def test_a_service_account_that_is_not_taken_is_no_wrong_password(
        self, server: Slapd, open_provider: Any
    ) -> None:
        provider = await open_provider(plain(server, service_password="wrong"))
        assert isinstance(await login(provider, "alice", PASSWORD), Unavailable)
        assert isinstance(await provider.refresh(Identity("ldap", "x")), Unavailable)

    async def test_a_base_that_is_not_there_is_no_unknown_name(self, server: Slapd, open_provider: Any) -> None:
        provider = await open_provider(plain(server, user_base=f"ou=nowhere,{BASE}"))
        assert isinstance(await login(provider, "alice", PASSWORD), Unavailable)
        assert isinstance(await provider.refresh(Identity("ldap", "x")), Unavailable)


async def test_unknown_and_wrong_password_ask_the_server_alike(slapd: Slapd, open_provider: Any) -> None:
    slapd.person("alice", PASSWORD)
    provider = await open_provider(plain(slapd))

    async def steps(name: str) -> list[str]:
        at = len(slapd.log)
        await login(provider, name, "wrong")
        async with asyncio.timeout(2):
            while slapd.log[at:].count(" closed") < 2:  # noqa: ASYNC110 - the server tells nobody when it writes
                await asyncio.sleep(0.01)
        words = (" ACCEPT ", " BIND dn=", " SRCH base=", " RESULT ", " UNBIND")
        return sorted(word for line in slapd.log[at:].splitlines() for word in words if word in line)

    wrong, unknown = await steps("alice"), await steps("nobody")
    assert wrong == unknown
    assert wrong.count(" ACCEPT ") == 2
