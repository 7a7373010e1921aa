"""Which groups a person is in, in a real directory, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from invoke_auth_ldap.groups import Groups
from slapd import BASE, READER_DN, ROOT_DN, Slapd

from conftest import login, plain
from invoke_host.api import Authenticated, Identity, Rejected, Unavailable

PASSWORD = "Wren-41-saffron"
GROUPS = f"ou=groups,{BASE}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """Alice paints; painters are artists, artists are staff, staff are painters (a circle); two groups called `ops`."""
    server = Slapd(tmp_path_factory.mktemp("groups") / "slapd").start()
    try:
        alice = server.person("alice", PASSWORD)
        bob = server.person("bob", PASSWORD)
        painters = server.group("painters", alice, bob)
        artists = server.group("artists", painters)
        staff = server.group("staff", artists)
        server.change(painters, member=[alice, bob, staff])
        for unit in ("east", "west"):
            server.add(f"ou={unit},{GROUPS}", ["organizationalUnit"], ou=unit)
        server.add(f"cn=ops,ou=east,{GROUPS}", ["groupOfNames"], member=alice)
        server.add(f"cn=ops,ou=west,{GROUPS}", ["groupOfNames"], member=bob)
        server.add(f"cn=Smith\\2C \\22J=1\\22 \\2B Co,{GROUPS}", ["groupOfNames"], member=bob)
        server.add(f"cn=unix,{GROUPS}", ["posixGroup"], gidNumber=100, memberUid="alice")
        yield server
    finally:
        server.stop()


async def groups_of(open_provider: Any, server: Slapd, name: str = "alice", **more: Any) -> set[str]:
    """Names of the groups below ou=groups."""
    outcome = await login(await open_provider(plain(server, **more)), name, PASSWORD)
    assert isinstance(outcome, Authenticated), outcome
    return {dn.removesuffix(f",{GROUPS}") for dn in outcome.identity.groups}


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("none", set()),
        ("member_of", {"cn=painters", "cn=ops,ou=east"}),
        ("search", {"cn=painters", "cn=ops,ou=east"}),
        ("search_nested", {"cn=painters", "cn=ops,ou=east", "cn=artists", "cn=staff"}),
    ],
)
async def test_each_strategy_finds_what_it_says(
    server: Slapd, open_provider: Any, strategy: str, expected: set[str]
) -> None:
    assert await groups_of(open_provider, server, groups=strategy) == expected


@pytest.mark.parametrize(
    ("depth", "found"),
    [(1, {"cn=painters"}), (2, {"cn=painters", "cn=artists"}), (3, {"cn=painters", "cn=artists", "cn=staff"})],
)
async def test_groups_in_groups_end_at_the_depth(
    server: Slapd, open_provider: Any, depth: int, found: set[str]
) -> None:
    nested = await groups_of(open_provider, server, groups="search_nested", group_depth=depth)
    assert nested == {*found, "cn=ops,ou=east"}


async def test_a_level_is_one_search_however_many_groups_it_has(slapd: Slapd, open_provider: Any) -> None:
    alice = slapd.person("alice", PASSWORD)
    inner = [slapd.group(f"inner{number}", alice) for number in range(30)]
    slapd.group("outer", *inner)
    before = slapd.log.count(" SRCH ")
    nested = await groups_of(open_provider, slapd, groups="search_nested")
    assert len(nested) == 31
    own = slapd.log.count(" SRCH ") - before
    assert own <= 2 * (1 + 3), "one for the person, one for each of three levels (the log may have two lines for each)"


async def test_groups_of_one_name_in_two_places_are_two_groups(server: Slapd, open_provider: Any) -> None:
    required = {"required_groups": [f"cn=ops,ou=west,{GROUPS}"]}
    provider = await open_provider(plain(server, **required))
    assert await login(provider, "alice", PASSWORD) == Rejected("required_group")
    assert isinstance(await login(provider, "bob", PASSWORD), Authenticated)


async def test_a_group_is_the_same_however_the_operator_writes_it(server: Slapd, open_provider: Any) -> None:
    odd = f'CN = "smith, \\"J=1\\" + co" , OU=Groups,{BASE.upper()}'
    identity = (await self_of(open_provider, server, "bob", group_map={odd: "Partners"})).identity
    assert identity.host_groups == {"Partners"}


async def self_of(open_provider: Any, server: Slapd, name: str, **more: Any) -> Authenticated:
    outcome = await login(await open_provider(plain(server, **more)), name, PASSWORD)
    assert isinstance(outcome, Authenticated), outcome
    return outcome


async def test_a_filter_may_ask_for_login_names(server: Slapd, open_provider: Any) -> None:
    unix = {"group_filter": "(&(objectClass=posixGroup)(memberUid={login}))"}
    assert await groups_of(open_provider, server, **unix) == {"cn=unix"}
    assert await groups_of(open_provider, server, groups="search_nested", **unix) == {"cn=unix"}


async def test_who_has_no_login_name_for_such_a_filter_is_not_just_without_groups(
    server: Slapd, open_provider: Any
) -> None:
    unix = {"group_filter": "(&(objectClass=posixGroup)(memberUid={login}))", "login_attribute": "employeeNumber"}
    assert isinstance(await login(await open_provider(plain(server, **unix)), "alice", PASSWORD), Unavailable)


class TestWhatFollows:
    """Roles are made of groups at each login and each re-check; nothing of them is kept here."""

    async def test_a_denied_group_wins_over_a_required_one(self, server: Slapd, open_provider: Any) -> None:
        both = {"required_groups": [f"cn=painters,{GROUPS}"], "denied_groups": [f"CN=OPS,ou=east,{GROUPS}"]}
        provider = await open_provider(plain(server, **both))
        assert await login(provider, "alice", PASSWORD) == Rejected("denied_group")
        assert isinstance(await login(provider, "bob", PASSWORD), Authenticated)

    async def test_a_wrong_password_does_not_tell_of_groups(self, server: Slapd, open_provider: Any) -> None:
        provider = await open_provider(plain(server, denied_groups=[f"cn=painters,{GROUPS}"]))
        assert await login(provider, "alice", "wrong") == Rejected("bad_credentials")

    async def test_any_required_group_is_enough(self, server: Slapd, open_provider: Any) -> None:
        either = [f"cn=nobody,{GROUPS}", f"cn=painters,{GROUPS}"]
        assert await self_of(open_provider, server, "alice", required_groups=either)

    async def test_administrators_are_those_of_the_admin_groups_and_no_others(
        self, server: Slapd, open_provider: Any
    ) -> None:
        assert (await self_of(open_provider, server, "alice")).identity.admin is None
        admins = {"admin_groups": [f"cn=ops,ou=east,{GROUPS}"]}
        assert (await self_of(open_provider, server, "alice", **admins)).identity.admin is True
        assert (await self_of(open_provider, server, "bob", **admins)).identity.admin is False

    async def test_groups_of_the_host_follow_the_map(self, server: Slapd, open_provider: Any) -> None:
        assert (await self_of(open_provider, server, "alice")).identity.host_groups is None
        chosen = {f"cn=painters,{GROUPS}": "Painters", f"cn=ops,ou=west,{GROUPS}": "West"}
        assert (await self_of(open_provider, server, "alice", group_map=chosen)).identity.host_groups == {"Painters"}
        assert (await self_of(open_provider, server, "bob", group_map=chosen)).identity.host_groups == {
            "Painters",
            "West",
        }
        twice = {f"cn=painters,{GROUPS}": "One", f"CN=painters,{GROUPS}": "Two"}
        assert (await self_of(open_provider, server, "bob", group_map=twice)).identity.host_groups == {"One", "Two"}

    async def test_who_loses_a_group_loses_what_it_gave_at_the_next_check(
        self, slapd: Slapd, open_provider: Any
    ) -> None:
        alice = slapd.person("alice", PASSWORD)
        group = slapd.group("bosses", alice)
        chosen = {"admin_groups": [group], "group_map": {group: "Bosses"}}
        provider = await open_provider(plain(slapd, **chosen))
        known = await login(provider, "alice", PASSWORD)
        assert isinstance(known, Authenticated)
        assert (known.identity.admin, known.identity.host_groups) == (True, {"Bosses"})
        slapd.change(group, member=[ROOT_DN])
        again = await provider.refresh(Identity("ldap", known.identity.subject, "alice"))
        assert isinstance(again, Authenticated)
        assert (again.identity.admin, again.identity.host_groups) == (False, frozenset())

    async def test_who_leaves_a_required_group_is_out_at_the_next_check(self, slapd: Slapd, open_provider: Any) -> None:
        alice = slapd.person("alice", PASSWORD)
        group = slapd.group("staff", alice)
        provider = await open_provider(plain(slapd, required_groups=[group]))
        known = await login(provider, "alice", PASSWORD)
        assert isinstance(known, Authenticated)
        slapd.change(group, member=[ROOT_DN])
        assert await provider.refresh(Identity("ldap", known.identity.subject)) == Rejected("required_group")


class TestNothingIsOverlooked:
    """A group that is not seen could be a denied one, so doubt is never an answer."""

    async def test_more_groups_than_the_server_gives_are_no_answer(self, tmp_path: Any, open_provider: Any) -> None:
        server = Slapd(tmp_path / "slapd", config=f'limits dn.exact="{READER_DN}" size=3').start()
        try:
            alice = server.person("alice", PASSWORD)
            for number in range(3):
                server.group(f"g{number}", alice)
            provider = await open_provider(plain(server))
            assert isinstance(await login(provider, "alice", PASSWORD), Authenticated)
            server.group("g3", alice)
            assert isinstance(await login(provider, "alice", PASSWORD), Unavailable)
        finally:
            server.stop()

    async def test_many_groups_come_page_by_page(self, tmp_path: Any, open_provider: Any) -> None:
        limits = f'limits dn.exact="{READER_DN}" size.soft=500 size.hard=500 size.prtotal=unlimited'
        server = Slapd(tmp_path / "slapd", config=limits).start()
        try:
            alice = server.person("alice", PASSWORD)
            with server.admin() as connection:
                for number in range(1100):
                    connection.add(f"cn=g{number},{GROUPS}", ["groupOfNames"], {"member": alice})
            assert len(await groups_of(open_provider, server)) == 1100
        finally:
            server.stop()

    async def test_groups_that_may_not_be_searched_are_no_answer(self, server: Slapd, open_provider: Any) -> None:
        for wrong in ({"group_base": f"ou=nowhere,{BASE}"}, {"group_base": "dc=elsewhere"}):
            provider = await open_provider(plain(server, **wrong))
            assert isinstance(await login(provider, "alice", PASSWORD), Unavailable)

    async def test_the_rule_of_active_directory_is_not_asked_elsewhere(self, server: Slapd, open_provider: Any) -> None:
        options = plain(server, groups="search")
        provider = await open_provider(options)
        provider.directory.groups = Groups(options.model_copy(update={"groups": "ad_in_chain"}))
        assert isinstance(await login(provider, "alice", PASSWORD), Unavailable), "`success` with no groups is a lie"
