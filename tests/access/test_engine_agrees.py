"""Property: listing, single check, buttons, "why" and a plain Python reference give one answer, NULLs included."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select

from invoke_host.access import AccessEngine, allowed, decide
from invoke_host.api import ANONYMOUS, Actor, Forbidden, NotFound

from .conftest import ACTIONS, SEE, THING, shares, things
from .policies import ALL, Row

USERS = ("alice", "bob")

rows = st.lists(
    st.builds(
        Row,
        id=st.just(0),
        owner=st.sampled_from((*USERS, None)),
        visibility=st.sampled_from(("public", "private", None)),
        state=st.sampled_from(("normal", "quarantine", None)),
        locked=st.sampled_from((True, False, None)),
        shared_with=st.frozensets(st.sampled_from(("team", "guests"))),
    ),
    min_size=1,
    max_size=8,
)

actors = st.one_of(
    st.just(ANONYMOUS),
    st.builds(
        Actor,
        id=st.sampled_from(USERS),
        kind=st.just("user"),
        is_admin=st.booleans(),
        groups=st.frozensets(st.sampled_from(("team", "guests"))),
        token_scopes=st.none() | st.just(frozenset({"read"})),
    ),
)


def check(conn: Connection, engine: AccessEngine, actor: Actor, action: str, thing: int) -> str:
    try:
        engine.authorize(conn, actor, action, thing)
    except NotFound:
        return "not visible"
    except Forbidden:
        return "forbidden"
    return "permitted"


def agree(conn: Connection, found: list[Row], chosen: list[type], actor: Actor) -> None:
    """The property itself, on one connection whose tables are empty."""
    found = [replace(row, id=index) for index, row in enumerate(found)]
    conn.execute(
        insert(things),
        [{name: getattr(row, name) for name in ("id", "owner", "visibility", "state", "locked")} for row in found],
    )
    if pairs := [{"thing_id": row.id, "group": group} for row in found for group in row.shared_with]:
        conn.execute(insert(shares), pairs)
    policies = [each() for each in chosen]
    engine = AccessEngine(ACTIONS, [THING], policies)
    ids = [row.id for row in found]
    buttons = engine.permissions(conn, actor, ids, [action.name for action in ACTIONS])
    for action in ACTIONS:
        sees = {row.id: decide(policy.verdict(row, actor, SEE) for policy in policies) for row in found}
        may = {
            row.id: sees[row.id] and decide(policy.verdict(row, actor, action) for policy in policies) for row in found
        }
        expected = {row.id for row in found if may[row.id]}
        assert set(conn.scalars(engine.visible(select(things.c.id), actor, action.name))) == expected
        flags = select(things.c.id, engine.flag(actor, action.name).label("flag"))
        assert {key: bool(flag) for key, flag in conn.execute(flags)} == may
        assert {key for key, names in buttons.items() if action.name in names} == expected
        for row in found:
            answer = "permitted" if may[row.id] else "forbidden" if sees[row.id] else "not visible"
            assert check(conn, engine, actor, action.name, row.id) == answer
            why = engine.explain(conn, actor, action.name, row.id)
            assert allowed(why) == may[row.id]
            by_policy = {each.policy: each.verdict for each in why if each.action == action.name}
            assert by_policy == {policy.name: policy.verdict(row, actor, action) for policy in policies}


CASES = {"found": rows, "chosen": st.lists(st.sampled_from(ALL), unique=True, min_size=1), "actor": actors}
#: The database is emptied by each rollback, so sharing the fixture between examples is meant.
SHARED = (HealthCheck.function_scoped_fixture,)


@settings(max_examples=150, deadline=None, suppress_health_check=SHARED)
@given(**CASES)
def test_listing_single_check_buttons_and_explanation_agree_with_plain_python(engine, found, chosen, actor):
    with engine.connect() as conn:
        agree(conn, found, chosen, actor)
        conn.rollback()


@settings(max_examples=60, deadline=None, suppress_health_check=SHARED)
@given(**CASES)
def test_they_agree_on_postgresql_too(postgresql, found, chosen, actor):
    with postgresql.connect() as conn:
        agree(conn, found, chosen, actor)
        conn.rollback()
