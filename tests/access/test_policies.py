"""The built-in policies, each by itself: what it says to whom, and where it keeps silent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import insert, select

from invoke_host.access import AccessEngine
from invoke_host.access.policies import (
    BUILTIN,
    AdminPolicy,
    GrantsPolicy,
    OwnerPolicy,
    SuspendedPolicy,
    TokensPolicy,
    VisibilityPolicy,
)
from invoke_host.api import ANONYMOUS, ROLES, Actor, Grant, Policy, UserId
from invoke_host.identity.none import SYSTEM_ACTOR
from invoke_host.storage.prepared import PreparedSelect

from .conftest import ALICE, BOB, ROOT, THING
from .shelves import ABOVE, ACTIONS, BOOK, COUNTED, RESOURCES, SHELF, SHELF_ACTIONS, shelf_grants, shelves

CAROL = Actor(UserId("carol"), "user", groups=frozenset({"guests", "team"}))
VIEW, ADD, CURATE, BURN = SHELF_ACTIONS


def rows(conn, policy: Policy, actor: Actor, action) -> set[int]:
    """Ids of the shelves that the policy alone allows."""
    grant = policy.grant(actor, action, SHELF, {})
    return set() if grant is None else set(conn.scalars(select(shelves.c.id).where(grant.allow)))


@pytest.fixture
def filled(conn):
    """1 private, 2 shared, 3 public, 4 of unknown visibility, 5 nobody's and private; 1 to 4 are Alice's."""
    seen = ("private", "shared", "public", None, "private")
    conn.execute(
        insert(shelves),
        [
            {"id": key, "owner": None if key == 5 else "alice", "visibility": value, "state": "open"}
            for key, value in enumerate(seen, 1)
        ],
    )
    return conn


def grant(conn, shelf: int, role: str, *, user: str | None = None, group: str | None = None) -> None:
    conn.execute(insert(shelf_grants), {"shelf_id": shelf, "user": user, "group": group, "role": role})


def test_owner_allows_what_is_the_actors_and_nothing_to_the_anonymous_caller(filled):
    assert rows(filled, OwnerPolicy(), ALICE, BURN) == {1, 2, 3, 4}
    assert rows(filled, OwnerPolicy(), BOB, VIEW) == set()
    assert OwnerPolicy().grant(ANONYMOUS, VIEW, SHELF, {}) is None


def test_owner_is_silent_on_things_without_owner(filled):
    assert OwnerPolicy().grant(ALICE, VIEW, replace(SHELF, columns={}), {}) is None


@pytest.mark.parametrize("actor", [ROOT, SYSTEM_ACTOR])
def test_admin_allows_administrators_everything(filled, actor):
    assert rows(filled, AdminPolicy(), actor, BURN) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("actor", [ALICE, ANONYMOUS, replace(ANONYMOUS, is_admin=True)])
def test_admin_is_silent_on_everybody_else(actor):
    assert AdminPolicy().grant(actor, VIEW, SHELF, {}) is None


def test_visibility_lets_everybody_look_at_what_is_shared_or_public_and_add_to_what_is_public(filled):
    assert rows(filled, VisibilityPolicy(), BOB, VIEW) == {2, 3}
    assert rows(filled, VisibilityPolicy(), BOB, ADD) == {3}


@pytest.mark.parametrize("action", [CURATE, BURN])
def test_no_visibility_makes_anybody_an_editor(action):
    assert VisibilityPolicy().grant(BOB, action, SHELF, {}) is None


def test_visibility_is_silent_to_the_anonymous_caller_and_on_things_without_visibility():
    assert VisibilityPolicy().grant(ANONYMOUS, VIEW, SHELF, {}) is None
    assert VisibilityPolicy().grant(BOB, VIEW, BOOK, {}) is None


@pytest.mark.parametrize("given", ROLES)
@pytest.mark.parametrize("action", SHELF_ACTIONS, ids=lambda action: action.name)
def test_a_role_is_good_for_the_actions_of_weaker_roles_and_for_no_other(filled, given, action):
    grant(filled, 1, given, user="bob")
    may = action.role is not None and ROLES.index(given) >= ROLES.index(action.role)
    assert rows(filled, GrantsPolicy(), BOB, action) == ({1} if may else set())


def test_a_grant_is_for_its_user_or_for_each_member_of_its_group(filled):
    grant(filled, 1, "viewer", user="carol")
    grant(filled, 2, "viewer", group="team")
    grant(filled, 3, "viewer", group="others")
    grant(filled, 4, "viewer", group="guests")
    assert rows(filled, GrantsPolicy(), CAROL, VIEW) == {1, 2, 4}
    assert rows(filled, GrantsPolicy(), ALICE, VIEW) == {2}  # a member of the team
    assert rows(filled, GrantsPolicy(), BOB, VIEW) == set()


def test_the_strongest_of_several_grants_counts(filled):
    grant(filled, 1, "viewer", user="carol")
    grant(filled, 1, "editor", group="guests")
    assert rows(filled, GrantsPolicy(), CAROL, CURATE) == {1}


def test_a_user_and_a_group_of_one_name_are_not_mixed_up(filled):
    grant(filled, 1, "viewer", group="bob")
    grant(filled, 2, "viewer", user="team")
    assert rows(filled, GrantsPolicy(), BOB, VIEW) == set()
    assert rows(filled, GrantsPolicy(), CAROL, VIEW) == set()


def test_a_member_of_very_many_groups_is_asked_in_one_statement(filled):
    grant(filled, 3, "viewer", group="g299")
    many = replace(BOB, groups=frozenset(f"g{number}" for number in range(300)))
    assert rows(filled, GrantsPolicy(), many, VIEW) == {3}


def test_a_role_that_is_none_of_ours_is_worth_nothing(filled):
    grant(filled, 1, "owner", user="bob")
    grant(filled, 2, "", user="bob")
    assert rows(filled, GrantsPolicy(), BOB, VIEW) == set()


def test_grants_are_silent_to_the_anonymous_caller_and_where_there_are_none():
    assert GrantsPolicy().grant(ANONYMOUS, VIEW, SHELF, {}) is None
    assert GrantsPolicy().grant(BOB, BURN, SHELF, {}) is None
    assert GrantsPolicy().grant(BOB, VIEW, BOOK, {}) is None


@pytest.mark.parametrize("scopes", [frozenset(), frozenset({"read"}), frozenset({"a-scope-of-later"})])
def test_a_token_that_may_only_read_is_restricted_to_seeing(scopes):
    token = replace(ROOT, token_scopes=scopes)
    assert TokensPolicy().grant(token, VIEW, SHELF, {}) is None
    assert TokensPolicy().grant(token, ADD, SHELF, {}).restrict is not None


@pytest.mark.parametrize("scope", ["generate", "manage-own", "admin"])
def test_a_token_with_a_scope_that_changes_things_is_left_to_the_routes(scope):
    assert TokensPolicy().grant(replace(ALICE, token_scopes=frozenset({scope})), ADD, SHELF, {}) is None


def test_callers_without_a_token_are_not_restricted():
    assert TokensPolicy().grant(ALICE, BURN, SHELF, {}) is None


@pytest.mark.parametrize("actor", [ALICE, ROOT])
def test_who_is_suspended_sees_nothing_administrators_included(filled, actor):
    engine = AccessEngine(ACTIONS, RESOURCES, [policy() for policy in BUILTIN])
    assert filled.scalars(engine.visible(select(shelves.c.id), actor, "shelf.view")).all() != []
    gone = replace(actor, is_suspended=True)
    assert filled.scalars(engine.visible(select(shelves.c.id), gone, "shelf.view")).all() == []


def test_the_active_are_not_suspended():
    assert SuspendedPolicy().grant(ALICE, VIEW, SHELF, {}) is None


@pytest.mark.parametrize("policy", BUILTIN, ids=lambda policy: policy.name)
@pytest.mark.parametrize("resource", [SHELF, ABOVE, BOOK, COUNTED, THING], ids=lambda each: each.table.name)
def test_built_in_policies_have_a_word_or_none_for_every_kind_of_thing_and_caller(policy, resource):
    callers = [ANONYMOUS, ALICE, CAROL, ROOT, SYSTEM_ACTOR, replace(ROOT, is_suspended=True, token_scopes=frozenset())]
    for actor in callers:
        for action in ACTIONS:
            assert isinstance(policy().grant(actor, action, resource, {}), (Grant, type(None)))


@pytest.mark.parametrize("resource", [SHELF, BOOK], ids=lambda each: each.name)
def test_what_they_say_runs_on_the_drivers_own_cursor(engine, filled, resource):
    """No list of placeholders that is written anew at each run, which `PreparedSelect` leaves to SQLAlchemy."""
    access = AccessEngine(ACTIONS, RESOURCES, [policy() for policy in BUILTIN])
    for actor in (ALICE, CAROL, ROOT, replace(ROOT, is_suspended=True)):
        for action in ACTIONS:
            if action.resource == resource.name:
                statement = PreparedSelect(select(resource.id).where(access.predicate(actor, action.name)))
                statement.all(filled, {})
                assert statement._plan.direct, (actor, action)
