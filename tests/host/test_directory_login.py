"""Logins with the company directory on whole hosts: who becomes who here, with which role, and in which groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.slapd import Slapd

from .accounts import AUTH, Person, configure
from .conftest import NewHost
from .directory import GROUPS, MAPPED, WORD, Company, configuration, dn, running_slapd
from .process import NO_DEVICES

Open = Callable[..., Company]


@pytest.fixture
def slapd() -> Iterator[Slapd]:
    with running_slapd() as server:
        yield server


@pytest.fixture
def opened(new_host: NewHost, root, slapd: Slapd) -> Open:
    """`opened("local", "ldap", admin_groups=[...])`: a host that asks the directory, without devices."""

    def open_it(*providers: str, auth: str = "", **more) -> Company:
        configure(root, login=False, more=configuration(slapd.uri, *providers, auth=auth, **{**MAPPED, **more}))
        return Company(new_host(NO_DEVICES), slapd)

    return open_it


def member(slapd: Slapd, group: str, *people: str) -> None:
    slapd.change(f"cn={group},{GROUPS}", member=[dn(uid) for uid in people] or ["cn=nobody"])


def test_people_of_the_directory_have_accounts_with_role_and_groups(opened: Open):
    company = opened()
    ann, eve = company.log_in("ann"), company.log_in("EVE")
    me = company.me(ann)
    assert (me["email"], me["display_name"], me["is_admin"]) == ("ann@example.org", "Ann", False)
    assert company.me(eve)["is_admin"]
    assert (company.groups(ann), company.groups(eve)) == ({"Painters"}, set())
    (group,) = [each for each in eve.client.get("/api/v1/groups/").json()["items"] if each["name"] == "Painters"]
    (row,) = eve.client.get(f"/api/v1/groups/{group['group_id']}/members").json()["items"]
    assert (row["email"], row["provider"]) == ("ann@example.org", "ldap")
    (linked,) = eve.client.get(f"{AUTH}/users/{ann.id}/identities").json()
    assert (linked["provider"], linked["login"], linked["blocked_at"]) == ("ldap", "ann", None)
    assert len(linked["subject"]) == 36  # entryUUID
    for name, password in (("ann", "wrong"), ("ann", ""), ("nobody", WORD), ("*", WORD), ("ann\0", WORD)):
        answer = company.try_login(name, password)
        assert answer.status in (401, 422), answer.text
        assert WORD not in answer.text
    assert WORD not in company.host.log


def test_a_board_that_is_shared_with_a_mapped_group_is_seen_by_its_people_and_only_as_long(opened: Open, slapd: Slapd):
    company = opened()
    ann, bob, eve = (company.log_in(uid) for uid in ("ann", "bob", "eve"))
    (painters,) = [each for each in ann.client.get("/api/v1/groups/mine").json() if each["name"] == "Painters"]
    board = eve.client.post("/api/v1/boards/?board_name=Paintings").json()["board_id"]
    path = f"/api/v1/boards/{board}"
    granted = eve.client.put(f"{path}/grants", {"group_id": painters["group_id"], "role": "viewer"})
    assert granted.status in (200, 201, 204), granted.text
    assert (ann.client.get(path).status, bob.client.get(path).status) == (200, 404)

    member(slapd, "painters", "bob")
    company.log_in("bob")
    assert bob.client.get(path).status == 200  # his other session, too
    assert ann.client.get(path).status == 200  # not asked about yet
    company.rechecked(ann)
    assert ann.client.get(path).status == 404
    assert company.is_in(ann)
    assert {each["provider"] for each in company.audit("group.member.remove")} == {"ldap"}


@pytest.mark.parametrize("way", ["login", "re-check"])
def test_promotion_and_demotion_follow_the_directory(opened: Open, slapd: Slapd, way: str):
    company = opened()
    ann, eve = company.log_in("ann"), company.log_in("eve")

    def again(person: Person, uid: str) -> None:
        if way == "login":
            company.log_in(uid)
        else:
            company.rechecked(person)

    assert ann.client.get(f"{AUTH}/users").status == 403
    member(slapd, "admins", "ann", "eve")
    again(ann, "ann")
    assert company.me(ann)["is_admin"]
    assert ann.client.get(f"{AUTH}/users").status == 200
    member(slapd, "admins", "ann")
    again(eve, "eve")
    assert not company.me(eve)["is_admin"]
    assert eve.client.get(f"{AUTH}/users").status == 403
    member(slapd, "admins")  # the last one stays, or nobody could administrate
    again(ann, "ann")
    assert company.me(ann)["is_admin"]
    assert [each["reason"] for each in company.audit("user.change") if "reason" in each] == ["last_admin"]


def test_name_and_address_follow_the_directory(opened: Open, slapd: Slapd):
    company = opened()
    ann = company.log_in("ann")
    slapd.change(dn("ann"), cn=["Ann Lee"], mail=["ann.lee@example.org"])
    company.rechecked(ann)
    me = company.me(ann)
    assert (me["display_name"], me["email"]) == ("Ann Lee", "ann.lee@example.org")
    slapd.change(dn("ann"), mail=["bob@example.org"])
    bob = company.log_in("bob")
    company.rechecked(ann, bob)
    assert company.me(ann)["email"] == "ann.lee@example.org"  # that one is Bob's
    assert company.me(bob)["email"] == "bob@example.org"
    assert {"provider": "ldap", "reason": "email_taken", "email": "bob@example.org"} in company.audit("user.change")


def test_whoever_is_not_in_the_required_group_does_not_come_in(opened: Open, slapd: Slapd):
    member(slapd, "staff", "bob", "eve")
    company = opened()
    answer = company.try_login("ann")
    assert (answer.status, answer.detail) == (401, "Incorrect email or password")


def test_s_e3_an_address_in_the_directory_opens_no_account_here_until_an_administrator_links_it(
    opened: Open, slapd: Slapd
):
    company = opened("local", "ldap", admin_groups=[])
    admin = company.local_admin()
    slapd.person("mallory", WORD, mail="root@local.example")
    member(slapd, "staff", "ann", "mallory")
    answer = company.try_login("mallory")
    assert (answer.status, answer.detail) == (401, "Incorrect email or password")
    (refused,) = company.audit("identity.refused")
    assert (refused["provider"], refused["reason"], refused["email"]) == ("ldap", "email_taken", "root@local.example")
    assert len(company.sql("SELECT id FROM users WHERE id <> 'system'")) == 1

    link = {"provider": "ldap", "subject": refused["subject"], "login": "mallory"}
    assert admin.client.post(f"{AUTH}/users/{admin.id}/identities", link).status in (200, 201, 204)
    linked = company.log_in("mallory")
    assert linked.id == admin.id
    assert company.me(linked)["email"] == "root@local.example"


def test_without_auto_create_an_administrator_links_people_first(opened: Open):
    company = opened("local", "ldap", auth="auto_create = false", admin_groups=[])
    admin = company.local_admin()
    assert company.try_login("ann").status == 401
    (refused,) = company.audit("identity.refused")
    assert refused["reason"] == "not_linked"
    made = admin.client.post(
        f"{AUTH}/users", {"email": "ann@here.example", "display_name": "Ann", "password": "seven blue kettles sing 4"}
    ).json()
    link = {"provider": "ldap", "subject": refused["subject"], "login": "ann"}
    assert admin.client.post(f"{AUTH}/users/{made['user_id']}/identities", link).status in (200, 201, 204)
    ann = company.log_in("ann")
    assert (ann.id, company.me(ann)["email"], company.groups(ann)) == (
        made["user_id"],
        "ann@here.example",
        {"Painters"},
    )
