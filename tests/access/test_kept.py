"""What is kept: equal questions get the same predicate, and facts that differ never share one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from sqlalchemy import false, insert, select, true

from invoke_host.access import AccessEngine
from invoke_host.access.kept import Unkept, facts_key
from invoke_host.api import Grant, Policy

from .conftest import ACTIONS, ALICE, BOB, THING, things


class Learned(Policy):
    """Allows what its facts say."""

    name = "learned"

    def __init__(self, **facts) -> None:
        self.known = facts
        self.asked = 0

    async def facts(self, actor):
        return self.known

    def grant(self, actor, action, resource, facts):
        self.asked += 1
        return Grant(allow=true() if facts["open"] else false())


@pytest.fixture
def filled(conn):
    conn.execute(insert(things), {"id": 1, "owner": "alice"})
    return conn


async def ask(conn, engine, actor):
    who = await engine.prepare(actor)
    return conn.scalars(engine.visible(select(things.c.id), who, "thing.view")).all()


async def test_policies_are_asked_once_for_facts_that_are_equal(filled):
    policy = Learned(open=True, groups={"b", "a"}, until=datetime(2026, 11, 23, tzinfo=UTC))
    engine = AccessEngine(ACTIONS, [THING], [policy])
    assert await ask(filled, engine, BOB) == [1]
    asked = policy.asked
    policy.known = dict(reversed(policy.known.items()))
    assert await ask(filled, engine, replace(BOB, session_id="another", display_name="Bobby")) == [1]
    assert policy.asked == asked


async def test_facts_that_change_act_at_once(filled):
    policy = Learned(open=True)
    engine = AccessEngine(ACTIONS, [THING], [policy])
    for is_open in (True, False, True, False):
        policy.known = {"open": is_open}
        assert await ask(filled, engine, BOB) == ([1] if is_open else [])


async def test_what_was_kept_for_one_actor_is_not_given_to_another(filled):
    class Mine(Learned):
        def grant(self, actor, action, resource, facts):
            return Grant(allow=resource.columns["owner"] == actor.id)

    engine = AccessEngine(ACTIONS, [THING], [Mine(open=True)])
    assert await ask(filled, engine, ALICE) == [1]
    assert await ask(filled, engine, BOB) == []


@pytest.mark.parametrize("fact", [object(), [object()], frozenset(range(1000))], ids=["object", "inside", "many"])
async def test_facts_that_may_change_under_the_key_are_asked_about_each_time(filled, fact):
    policy = Learned(open=True, fact=fact)
    engine = AccessEngine(ACTIONS, [THING], [policy])
    await ask(filled, engine, BOB)
    asked = policy.asked
    policy.known = {**policy.known, "open": False}
    assert await ask(filled, engine, BOB) == []
    assert policy.asked > asked


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, False), (1, 1.0), ("1", 1), ((1, 2), [1, 2]), ((1, 2), (2, 1)), (None, False), ("a", b"a")],
)
def test_values_that_python_calls_equal_are_other_facts_when_their_types_differ(one, other):
    assert facts_key({"p": {"x": one}}) != facts_key({"p": {"x": other}})


def test_the_same_facts_are_one_key_in_whichever_order_and_wrapping():
    assert facts_key({"p": {"x": 1, "y": {2, 3}}}) == facts_key(
        MappingProxyType({"p": {"y": frozenset({3, 2}), "x": 1}})
    )


def test_a_key_does_not_change_with_what_it_was_made_from():
    groups = ["a"]
    before = facts_key({"p": {"groups": groups}})
    groups.append("b")
    assert facts_key({"p": {"groups": groups}}) != before


def test_subclasses_of_plain_values_are_not_believed():
    class Word(str):
        __slots__ = ()

    with pytest.raises(Unkept):
        facts_key({"p": {"x": Word("a")}})


def test_the_same_question_gets_the_same_object(engine):
    access = AccessEngine(ACTIONS, [THING], [Learned(open=True)])
    actor = replace(ALICE, facts={"learned": {"open": True}})
    again = replace(ALICE, facts={"learned": {"open": True}}, session_id="other")
    assert access.predicate(actor, "thing.view") is access.predicate(again, "thing.view")
