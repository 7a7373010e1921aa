"""Property: with grants, visibility and things that lie on others, all answers are one, and that of plain Python."""

from __future__ import annotations

from dataclasses import asdict, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, insert, select

from invoke_host.access import AccessEngine, allowed
from invoke_host.api import ANONYMOUS, ROLES, Actor, Forbidden, NotFound

from .shelves import (
    ACTIONS,
    BOOK_ACTIONS,
    COUNTED,
    POLICIES,
    RESOURCES,
    Book,
    GrantRow,
    Shelf,
    Twin,
    book_counts,
    books,
    shelf_grants,
    shelves,
)

USERS = ("alice", "bob")
GROUPS = ("team", "guests")
STATES = ("open", "open", "closed", "frozen", None)

grant_rows = st.one_of(
    st.builds(GrantRow, user=st.sampled_from(USERS), group=st.none(), role=st.sampled_from(ROLES)),
    st.builds(GrantRow, user=st.none(), group=st.sampled_from(GROUPS), role=st.sampled_from(ROLES)),
)
made_shelves = st.lists(
    st.builds(
        Shelf,
        id=st.just(0),
        owner=st.sampled_from((*USERS, None)),
        visibility=st.sampled_from(("private", "private", "shared", "public", None)),
        state=st.sampled_from(STATES),
        grants=st.lists(grant_rows, max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=4,
)
#: On one of the shelves, on none, on one that is gone.
made_books = st.lists(
    st.builds(
        Book,
        id=st.just(0),
        owner=st.sampled_from((*USERS, None)),
        shelf_id=st.sampled_from((0, 1, 2, 3, 99, None)),
        state=st.sampled_from(STATES),
        removed=st.booleans(),
    ),
    min_size=1,
    max_size=6,
)
actors = st.one_of(
    st.just(ANONYMOUS),
    st.builds(
        Actor,
        id=st.sampled_from((*USERS, "carol")),
        kind=st.just("user"),
        is_admin=st.sampled_from((False, False, True)),
        is_suspended=st.sampled_from((False, False, False, True)),
        groups=st.frozensets(st.sampled_from(GROUPS)),
        token_scopes=st.sampled_from((None, None, frozenset(), frozenset({"read"}), frozenset({"read", "manage-own"}))),
    ),
)
chosen_policies = st.lists(st.sampled_from(POLICIES), unique=True, min_size=1)


def fill(conn: Connection, on: list[Shelf], found: list[Book]) -> None:
    conn.execute(
        insert(shelves), [{key: value for key, value in asdict(each).items() if key != "grants"} for each in on]
    )
    if rows := [{"shelf_id": each.id, **asdict(grant)} for each in on for grant in each.grants]:
        conn.execute(insert(shelf_grants), rows)
    conn.execute(insert(books), [asdict(each) for each in found])
    if live := [{"owner": each.owner, "shelf_id": each.shelf_id, "count": 1} for each in found if not each.removed]:
        conn.execute(insert(book_counts), live)


def check(conn: Connection, engine: AccessEngine, actor: Actor, action: str, key: int) -> str:
    try:
        engine.authorize(conn, actor, action, key)
    except NotFound:
        return "not visible"
    except Forbidden:
        return "forbidden"
    return "permitted"


def agree(conn: Connection, on: list[Shelf], found: list[Book], chosen: list[type], actor: Actor) -> None:
    """The property itself, on one connection whose tables are empty."""
    on = [replace(shelf, id=index) for index, shelf in enumerate(on)]
    found = [replace(book, id=index) for index, book in enumerate(found)]
    fill(conn, on, found)
    engine = AccessEngine(ACTIONS, RESOURCES, [policy() for policy in chosen])
    twin = Twin([policy.name for policy in chosen], {shelf.id: shelf for shelf in on})
    real = {"shelf": on, "book": [book for book in found if not book.removed]}
    for action in ACTIONS:
        table = {"shelf": shelves, "book": books}[action.resource]
        rows = real[action.resource]
        may = {row.id: twin.may(row, actor, action) for row in rows}
        see = {row.id: twin.may(row, actor, twin.actions[f"{action.resource}.view"]) for row in rows}
        expected = {key for key, yes in may.items() if yes}
        assert set(conn.scalars(engine.visible(select(table.c.id), actor, action.name))) == expected
        buttons = engine.permissions(conn, actor, [row.id for row in rows], [action.name])
        assert {key for key, names in buttons.items() if names} == expected
        for row in rows:
            answer = "permitted" if may[row.id] else "forbidden" if see[row.id] else "not visible"
            assert check(conn, engine, actor, action.name, row.id) == answer
            why = engine.explain(conn, actor, action.name, row.id)
            assert allowed(why) == may[row.id]
            assert {each.policy: each.verdict for each in why if each.action == action.name} == twin.verdicts(
                row, actor, action
            )
            for each in why:
                if each.because:
                    assert allowed(each.because) == (each.verdict.allow == "yes")
                else:
                    assert each.through is None or each.verdict.allow == "no"
    for book in found:
        if book.removed:
            assert check(conn, engine, actor, "book.view", book.id) == "not visible"
    if all(policy.name != "closed" for policy in chosen):  # counters have no state
        for action in BOOK_ACTIONS:
            total = engine.visible(select(func.count()).select_from(book_counts), actor, action.name, COUNTED)
            assert conn.scalar(total) == sum(twin.may(row, actor, action) for row in real["book"])


CASES = {"on": made_shelves, "found": made_books, "chosen": chosen_policies, "actor": actors}
#: The database is emptied by each rollback, so sharing the fixture between examples is meant.
SHARED = (HealthCheck.function_scoped_fixture,)


@settings(max_examples=200, deadline=None, suppress_health_check=SHARED)
@given(**CASES)
def test_what_lies_on_a_thing_follows_it_in_every_answer(engine, on, found, chosen, actor):
    with engine.connect() as conn:
        agree(conn, on, found, chosen, actor)
        conn.rollback()


@settings(max_examples=60, deadline=None, suppress_health_check=SHARED)
@given(**CASES)
def test_it_does_on_postgresql_too(postgresql, on, found, chosen, actor):
    with postgresql.connect() as conn:
        agree(conn, on, found, chosen, actor)
        conn.rollback()
