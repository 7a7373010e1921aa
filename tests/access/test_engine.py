"""The engine: answers to single checks, failing closed, cost in statements, and what it refuses to be built with."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, func, insert, literal, select, text, true

from invoke_host.access import AccessEngine, Verdict, allowed
from invoke_host.access.policies.admin import AdminPolicy
from invoke_host.access.policies.owner import OwnerPolicy
from invoke_host.api import (
    ANONYMOUS,
    Action,
    Actor,
    Forbidden,
    Grant,
    HookFailed,
    InvokeHostError,
    NotFound,
    Policy,
    ResourceType,
    StartupError,
)
from invoke_host.identity.none import SYSTEM_ACTOR

from .conftest import ACTIONS, ALICE, BOB, DELETE, EDIT, ROOT, SEE, THING, things
from .policies import Locked, Public, Quarantine


def engine_with(*policies: Policy) -> AccessEngine:
    return AccessEngine(ACTIONS, [THING], policies)


@pytest.fixture
def filled(conn):
    """1 and 2 are Alice's, 3 is Bob's and public, 4 is nobody's, 5 is Alice's and in quarantine."""
    rows = [
        (1, "alice", "private", "normal"),
        (2, "alice", None, "normal"),
        (3, "bob", "public", "normal"),
        (4, None, "private", "normal"),
        (5, "alice", "private", "quarantine"),
    ]
    conn.execute(insert(things), [dict(zip(("id", "owner", "visibility", "state"), row, strict=True)) for row in rows])
    return conn


@pytest.fixture
def default() -> AccessEngine:
    """The policies that a host has if nobody configures any."""
    return engine_with(AdminPolicy(), OwnerPolicy())


def test_the_owner_may_do_everything_with_what_is_theirs(filled, default):
    default.authorize(filled, ALICE, "thing.delete", 1)


def test_not_visible_and_missing_are_the_same_answer(filled, default):
    with pytest.raises(NotFound) as hidden:
        default.authorize(filled, BOB, "thing.delete", 1)
    with pytest.raises(NotFound) as missing:
        default.authorize(filled, BOB, "thing.delete", 99)
    assert str(hidden.value) == "There is no thing '1'."
    assert str(hidden.value).replace("1", "99") == str(missing.value)


def test_visible_but_not_permitted_is_forbidden(filled):
    with pytest.raises(Forbidden, match=r"thing\.edit is not permitted"):
        engine_with(OwnerPolicy(), Public()).authorize(filled, ALICE, "thing.edit", 3)


def test_what_cannot_be_seen_cannot_be_touched_whatever_a_policy_allows(filled):
    class EditsBlindly(Policy):
        name = "blind"

        def grant(self, actor, action, resource, facts):
            return None if action.see else Grant(allow=true())

    engine = engine_with(EditsBlindly())
    with pytest.raises(NotFound):
        engine.authorize(filled, ALICE, "thing.edit", 1)
    assert filled.scalars(engine.visible(select(things.c.id), ALICE, "thing.edit")).all() == []


@pytest.mark.parametrize("actor", [ROOT, SYSTEM_ACTOR])
def test_administrators_and_the_local_user_reach_everything(filled, default, actor):
    assert len(filled.scalars(default.visible(select(things.c.id), actor, "thing.view")).all()) == 5
    default.authorize(filled, actor, "thing.delete", 4)


def test_the_anonymous_caller_owns_nothing_not_even_what_has_no_owner(filled, default):
    assert filled.scalars(default.visible(select(things.c.id), ANONYMOUS, "thing.view")).all() == []


def test_an_anonymous_administrator_is_not_believed(filled, default):
    ghost = Actor(id=None, kind="anonymous", is_admin=True)
    assert filled.scalars(default.visible(select(things.c.id), ghost, "thing.view")).all() == []


def test_deny_stops_administrators_too(filled):
    with pytest.raises(NotFound):
        engine_with(AdminPolicy(), Quarantine()).authorize(filled, ROOT, "thing.view", 5)


@pytest.mark.parametrize(
    "raw", ["", "one", "1 ", "1.0", "٣", "-1", "9" * 18, "9" * 19, "9" * 40, 10**30, None, "1\x00", 1.5, b"1"]
)
def test_an_id_that_no_row_can_have_is_not_found_on_any_database(filled, default, raw):
    with pytest.raises(NotFound):
        default.authorize(filled, ROOT, "thing.view", raw)


def test_an_integer_id_may_come_as_text_from_a_url(filled, default):
    default.authorize(filled, ALICE, "thing.view", "1")


def test_text_ids_with_nul_are_not_found():
    names = Table("names", MetaData(), Column("name", String(8), primary_key=True))
    resource = ResourceType("name", names, names.c.name)
    engine = AccessEngine([Action("name.see", "name", "", see=True)], [resource], [AdminPolicy()])
    with pytest.raises(NotFound):
        engine.authorize(None, ROOT, "name.see", "a\x00b")


class Failing(Policy):
    """A policy with a fault."""

    name = "failing"

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def grant(self, actor, action, resource, facts):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("answer", [KeyError("groups"), True, "yes", Grant(allow=True), things.c.owner == "alice"])
def test_a_policy_that_raises_or_answers_nonsense_makes_the_request_fail_and_never_pass(filled, answer):
    engine = engine_with(AdminPolicy(), Failing(answer))
    for question in (
        lambda: engine.authorize(filled, ROOT, "thing.view", 1),
        lambda: engine.visible(select(things.c.id), ROOT, "thing.view"),
        lambda: engine.permissions(filled, ROOT, [1], ["thing.view"]),
        lambda: engine.explain(filled, ROOT, "thing.view", 1),
    ):
        with pytest.raises(HookFailed, match="plugin 'failing' failed in grant"):
            question()


def test_unknown_actions_and_resources_are_errors_with_a_suggestion(filled, default):
    with pytest.raises(InvokeHostError, match=r"unknown action 'thing.veiw'; did you mean 'thing.view'"):
        default.authorize(filled, ROOT, "thing.veiw", 1)
    with pytest.raises(InvokeHostError, match="unknown resource type 'picture'; known: thing"):
        default.resource("picture")


def test_the_filter_comes_before_limit_and_counts(filled, default):
    page = default.visible(select(things.c.id).order_by(things.c.id.desc()).limit(2), BOB, "thing.view")
    assert filled.scalars(page).all() == [3]
    count = default.visible(select(func.count()).select_from(things), ALICE, "thing.view")
    assert filled.scalar(count) == 3


def test_counters_obey_the_same_rules_through_over(conn, default):
    counts = Table("counts", MetaData(), Column("user", String(36)), Column("count", Integer))
    counts.create(conn)
    conn.execute(insert(counts), [{"user": "alice", "count": 3}, {"user": "bob", "count": 4}])
    resource = THING.over(counts, {"owner": counts.c.user})
    total = select(func.sum(counts.c.count))
    assert conn.scalar(default.visible(total, ALICE, "thing.view", resource)) == 3
    assert conn.scalar(default.visible(total, ROOT, "thing.view", resource)) == 7


def test_permissions_answer_for_each_id_including_invisible_and_missing_ones(filled):
    engine = engine_with(OwnerPolicy(), Public(), Locked())
    assert engine.permissions(filled, ALICE, [1, 3, 4, 99], ["thing.view", "thing.edit"]) == {
        1: {"thing.view"},
        3: {"thing.view"},
        4: set(),
        99: set(),
    }


def test_permissions_refuse_to_mix_resources(conn):
    other = ResourceType("other", things, things.c.id)
    engine = AccessEngine([*ACTIONS, Action("other.see", "other", "")], [THING, other], [AdminPolicy()])
    with pytest.raises(ValueError, match="one resource at a time"):
        engine.permissions(conn, ROOT, [1], ["thing.view", "other.see"])


def test_a_check_and_the_buttons_of_a_page_cost_one_statement_each(filled, default, statements):
    default.authorize(filled, ALICE, "thing.delete", 1)
    assert len(statements) == 1
    for size in (10, 1000):
        statements.clear()
        default.permissions(filled, ALICE, list(range(size)), ["thing.view", "thing.edit", "thing.delete"])
        assert len(statements) == 1


def test_statements_are_kept_per_actor_and_action(filled):
    class Counting(OwnerPolicy):
        calls = 0

        def grant(self, actor, action, resource, facts):
            type(self).calls += 1
            return super().grant(actor, action, resource, facts)

    engine = engine_with(Counting())
    engine.authorize(filled, ALICE, "thing.delete", 1)
    first = Counting.calls
    for key in (1, 2, 1):
        engine.authorize(filled, ALICE, "thing.delete", key)
    assert Counting.calls == first
    with pytest.raises(NotFound):
        engine.authorize(filled, BOB, "thing.delete", 1)
    assert Counting.calls > first


def test_an_actor_that_loses_a_right_is_another_actor_to_the_cache(filled, default):
    default.authorize(filled, ROOT, "thing.delete", 1)
    demoted = Actor(ROOT.id, "user", is_admin=False)
    with pytest.raises(NotFound):
        default.authorize(filled, demoted, "thing.delete", 1)


def test_a_new_session_of_the_same_person_compiles_nothing_anew(default):
    """A login must cost the person's first request nothing; the policies decide by who they are."""
    first = Actor(ALICE.id, "user", "Alice", provider="test", session_id="1")
    later = Actor(ALICE.id, "user", "Alice B.", provider="test", token_id="2")
    assert default.predicate(first, "thing.view") is default.predicate(later, "thing.view")
    weaker = Actor(ALICE.id, "user", provider="test", token_id="2", token_scopes=frozenset({"read"}))
    assert default.predicate(first, "thing.view") is not default.predicate(weaker, "thing.view")


class Members(Policy):
    """Learns by I/O who is a member, once per request."""

    name = "members"

    def __init__(self) -> None:
        self.members: frozenset[str] = frozenset({"bob"})
        self.looked_up = 0

    async def facts(self, actor):
        self.looked_up += 1
        return {"member": actor.id in self.members}

    def grant(self, actor, action, resource, facts):
        return Grant(allow=literal(True)) if facts["member"] else None


async def test_facts_are_looked_up_once_per_request_and_never_kept_beyond_it(filled):
    policy = Members()
    engine = engine_with(policy)
    bob = await engine.prepare(BOB)
    for _ in range(3):
        engine.authorize(filled, bob, "thing.view", 1)
    assert policy.looked_up == 1
    policy.members = frozenset()
    with pytest.raises(NotFound):
        engine.authorize(filled, await engine.prepare(BOB), "thing.view", 1)


async def test_a_check_without_the_facts_fails_instead_of_guessing(filled):
    with pytest.raises(HookFailed, match="facts were not looked up"):
        engine_with(Members()).authorize(filled, BOB, "thing.view", 1)


async def test_facts_that_fail_make_the_request_fail(filled):
    class Down(Members):
        async def facts(self, actor):
            raise ConnectionError("directory down")

    with pytest.raises(HookFailed, match="'members' failed in facts: ConnectionError: directory down"):
        await engine_with(AdminPolicy(), Down()).prepare(ROOT)


async def test_prepare_costs_nothing_when_no_policy_needs_facts(default):
    assert await default.prepare(ALICE) is ALICE


async def test_facts_cannot_be_changed_by_whoever_holds_the_actor():
    engine = engine_with(Members())
    bob = await engine.prepare(BOB)
    assert isinstance(bob.facts, MappingProxyType)
    with pytest.raises(TypeError):
        bob.facts["members"]["member"] = True


def test_explain_names_each_policy_for_the_action_and_for_seeing(filled):
    engine = engine_with(OwnerPolicy(), Quarantine())
    why = engine.explain(filled, ALICE, "thing.edit", 5)
    assert [(each.action, each.policy, each.verdict) for each in why] == [
        ("thing.view", "owner", Verdict(allow="yes")),
        ("thing.view", "quarantine", Verdict(deny="yes")),
        ("thing.edit", "owner", Verdict(allow="yes")),
        ("thing.edit", "quarantine", Verdict(deny="yes")),
    ]
    assert not allowed(why)
    assert not allowed([])


def test_explain_of_a_row_that_does_not_exist_is_not_found(filled, default):
    with pytest.raises(NotFound):
        default.explain(filled, ROOT, "thing.view", 99)


def test_a_listing_of_ones_own_rows_uses_the_index_on_the_owner(conn, default):
    conn.execute(text("CREATE INDEX ix_owner ON things (owner, id)"))
    statement = default.visible(select(things.c.id).order_by(things.c.id.desc()).limit(50), ALICE, "thing.view")
    sql = str(statement.compile(conn, compile_kwargs={"literal_binds": True}))
    plan = " ".join(row[-1] for row in conn.execute(text(f"EXPLAIN QUERY PLAN {sql}")))
    assert "ix_owner (owner=?)" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize(
    ("actions", "resources", "complaint"),
    [
        ([Action("a", "thign", "")], [THING], "nobody declares; did you mean 'thing'"),
        ([SEE, Action("thing.peek", "thing", "", see=True)], [THING], "two actions with see=True"),
        ([EDIT, Action("thing.edit", "thing", "other")], [THING], "declared twice"),
        ([DELETE], [THING, ResourceType("thing", things, things.c.id)], "declared twice"),
    ],
)
def test_a_vocabulary_that_contradicts_itself_stops_the_start(actions, resources, complaint):
    with pytest.raises(StartupError, match=complaint):
        AccessEngine(actions, resources, [])
