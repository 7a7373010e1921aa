"""The part of the policy suite that needs no database: what a policy answers, and what it does while it is asked."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Boolean, ColumnElement, FromClause, TextClause, make_url, select
from sqlalchemy.sql.elements import ColumnClause
from sqlalchemy.sql.visitors import iterate

from invoke_host.api import Action, Actor, Grant, ResourceType
from invoke_host.testing.contracts._policy_base import CALLERS, Asked, MakePolicy, PolicySuite
from invoke_host.testing.contracts._policy_world import World

_SIDES = ("allow", "deny", "restrict")

_SQLITE = make_url("sqlite://").get_dialect()()
_POSTGRESQL = make_url("postgresql+psycopg://").get_dialect()()

#: The time that a policy may take to learn about one caller, in seconds; the caller's request waits for it.
FACTS_S = 1.0

#: Processor time for one answer, in seconds, on average over all questions.
GRANT_S = 0.002


class PolicyAnswers(PolicySuite):
    """Name, answers, purity."""

    def test_it_has_one_name_that_a_configuration_can_say(self, make_policy: MakePolicy) -> None:
        """`[access] policies` names it, and what it learned about callers is kept under it."""
        names = {make_policy().name, make_policy().name}
        assert len(names) == 1, f"two policies of one kind have the names {sorted(names)}"
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,63}", names.pop()), "a name is lower-case letters, digits and _"

    def test_it_has_a_word_or_none_for_every_caller_action_and_kind_of_thing(self, asked: Asked, world: World) -> None:
        """Whatever it raises fails the request: of everybody, for every thing that it did not think of."""
        for actor, action, resource in questions(asked, world):
            grant = asked.grant(actor, action, resource)
            assert grant is None or type(grant) is Grant, f"{_about(actor, action, resource)}: {grant!r}"

    def test_each_side_of_an_answer_is_a_condition_in_sql(self, asked: Asked, world: World) -> None:
        """Python's own True is no condition, a column of text is none on PostgreSQL."""
        for actor, action, resource in questions(asked, world):
            for side, condition in _sides(asked.grant(actor, action, resource)):
                about = f"{_about(actor, action, resource)}: {side} is {condition!r}"
                assert isinstance(condition, ColumnElement), about
                assert condition.type._type_affinity is Boolean or str(condition) == "NULL", about  # noqa: SLF001

    def test_the_same_question_gets_the_same_sql(self, asked: Asked, world: World) -> None:
        """In whichever order they come: the host keeps the answer and asks no second time."""
        first = {number: _sql(asked, question) for number, question in enumerate(questions(asked, world))}
        again = list(enumerate(questions(asked, world)))
        for number, question in reversed(again):
            assert _sql(asked, question) == first[number], f"another answer the second time: {_about(*question)}"

    def test_another_policy_of_its_kind_says_the_same(
        self, asked: Asked, make_policy: MakePolicy, world: World
    ) -> None:
        """Each process of a host has one, and a host that starts anew has another."""
        first = {number: _sql(asked, question) for number, question in enumerate(questions(asked, world))}
        other = Asked(make_policy(), asked.callers)
        for number, question in reversed(list(enumerate(questions(asked, world)))):
            assert _sql(other, question) == first[number], _about(*question)

    def test_it_decides_by_who_calls_and_not_by_how_they_came(self, asked: Asked, world: World) -> None:
        """Session, token and name are blank when the host asks, so that a new login costs nothing."""
        new = "another"
        for actor, action, resource in questions(asked, world):
            came = replace(actor, session_id=new, token_id=new, display_name=new)
            blank = _sql(asked, (actor, action, resource))
            told = _compiled(asked.policy.grant(came, action, resource, asked.facts(actor)))
            assert told == blank, _about(actor, action, resource)

    def test_it_does_nothing_but_answer(self, asked: Asked, world: World) -> None:
        """No file, no socket, no process, no sleep: everybody's requests wait on the event loop meanwhile."""
        with _watched() as done:
            for actor, action, resource in questions(asked, world):
                asked.grant(actor, action, resource)
                assert not done, f"{_about(actor, action, resource)}: it did {done[0]}; fetch it in `facts()`"

    def test_it_answers_at_once(self, asked: Asked, world: World) -> None:
        """A caller whom the host has not seen lately waits for some twenty answers."""
        every = list(questions(asked, world))
        begun = time.thread_time()
        for question in every:
            asked.grant(*question)
        each_s = (time.thread_time() - begun) / len(every)
        assert each_s <= GRANT_S, f"an answer takes {each_s * 1000:.1f} ms"

    async def test_it_learns_about_any_caller_in_time_and_off_the_loop(self, make_policy: MakePolicy) -> None:
        """`facts()` is awaited once for each request, whoever calls."""
        policy = make_policy()
        for actor in (*CALLERS, *self.callers):
            loop = asyncio.get_running_loop()
            begun, blocked = loop.time(), time.thread_time()
            async with asyncio.timeout(FACTS_S):
                facts = await policy.facts(actor)
            assert isinstance(facts, Mapping), f"facts() answers {facts!r}, want a mapping"
            assert loop.time() - begun <= FACTS_S, f"facts() took {loop.time() - begun:.1f} s"
            assert time.thread_time() - blocked <= FACTS_S / 4, "facts() keeps the event loop busy"

    def test_it_uses_published_columns_and_its_own_tables_only(self, asked: Asked, world: World) -> None:
        """Other columns change without notice; text that is written into SQL binds nothing and fits one database."""
        for actor, action, resource in questions(asked, world):
            known = self._known(resource)
            for side, condition in _sides(asked.grant(actor, action, resource)):
                for element in iterate(condition):
                    about = f"{_about(actor, action, resource)}: {side} uses {element}"
                    assert not isinstance(element, TextClause), f"{about}, which is written as text"
                    if isinstance(element, ColumnClause) and str(element) != "*":  # what EXISTS selects
                        assert not element.is_literal, f"{about}, which is written as text"
                        assert element in known or element.table in _own(self.tables), f"{about}, not published"

    def test_its_conditions_are_about_the_row_and_bring_no_other_table_in(self, asked: Asked, world: World) -> None:
        """A column of another table outside of EXISTS joins every row with every row of it."""
        for actor, action, resource in questions(asked, world):
            for side, condition in _sides(asked.grant(actor, action, resource)):
                froms = select(resource.table).where(condition).get_final_froms()
                assert froms == [resource.table], f"{_about(actor, action, resource)}: {side} reads {froms}"

    def _known(self, resource: ResourceType) -> set[Any]:
        known: set[Any] = {resource.id, *resource.columns.values()}
        if resource.grants is not None:
            given = resource.grants
            known |= {given.resource_id, given.user, given.group, given.role}
        if resource.parent is not None:
            known |= self._known(resource.parent)
        return _Identities(known)


class _Identities(set[Any]):
    """Membership by identity: `==` of columns is SQL."""

    def __init__(self, members: set[Any]) -> None:
        super().__init__(members)
        self._ids = {id(member) for member in members}

    def __contains__(self, member: object) -> bool:
        return id(member) in self._ids


def questions(asked: Asked, world: World) -> Iterator[tuple[Actor, Action, ResourceType]]:
    """Everything that a host may ask."""
    for resource in world.kinds():
        for action in world.actions_of(resource.name):
            for actor in asked.callers:
                yield actor, action, resource


def _sides(grant: Grant | None) -> list[tuple[str, ColumnElement[bool]]]:
    if grant is None:
        return []
    return [(side, getattr(grant, side)) for side in _SIDES if getattr(grant, side) is not None]


def _sql(asked: Asked, question: tuple[Actor, Action, ResourceType]) -> list[object]:
    return _compiled(asked.grant(*question))


def _compiled(grant: Grant | None) -> list[object]:
    said: list[object] = []
    for side, condition in _sides(grant):
        compiled = condition.compile(dialect=_SQLITE)
        postgres = condition.compile(dialect=_POSTGRESQL)
        said.append((side, str(compiled), sorted(map(repr, compiled.params.items())), str(postgres)))
    return said


def _own(tables: Any) -> set[FromClause]:
    return set() if tables is None else set(tables.tables.values())


def _about(actor: Actor, action: Action, resource: ResourceType) -> str:
    who = actor.id or "anonymous"
    return f"{who} asks for {action.name} on {resource.name}"


_EVENTS = re.compile(r"open|socket\.|subprocess\.|os\.(?!putenv)|sqlite3\.|time\.sleep|urllib\.|shutil\.")
_watching: dict[int, list[str]] = {}


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    done = _watching.get(threading.get_ident())
    if done is not None and _EVENTS.match(event):
        done.append(f"{event} {arguments!r:.80}")


_hooked: list[bool] = []


@contextmanager
def _watched() -> Iterator[list[str]]:
    """What this thread does meanwhile that touches the world outside of it."""
    if not _hooked:  # such a hook stays for good, so there is one
        sys.addaudithook(_note)
        _hooked.append(True)
    done = _watching[threading.get_ident()] = []
    sleep = time.sleep  # the hook hears of it from Python 3.13 on
    time.sleep = lambda seconds: _note("time.sleep", (seconds,))
    try:
        yield done
    finally:
        time.sleep = sleep
        del _watching[threading.get_ident()]
