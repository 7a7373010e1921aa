"""Prepared writes do what SQLAlchemy's do, on both databases, also where they can't take the short way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Connection,
    Delete,
    Insert,
    Update,
    bindparam,
    case,
    delete,
    event,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from invoke_host.api import StorageConflict
from invoke_host.events.tables import outbox
from invoke_host.identity.tables import users
from invoke_host.queue.tables import queue_counts, queue_rates, queue_state
from invoke_host.storage import PreparedWrite, Storage
from invoke_host.storage.plans import Plan
from tests.storage.units import STAMP

Write = Insert | Update | Delete
Given = Write | Callable[[str], Write]
Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]

WHO = users.c.id == bindparam("who")
PERSON = {"id": "zoe", "email": "zoe@x", "created_at": STAMP, "updated_at": STAMP}


def raised(dialect: str) -> Insert:
    row = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(queue_state)
    more = queue_state.c.value + row.excluded.value
    return row.on_conflict_do_update(index_elements=[queue_state.c.key], set_={"value": more})


def raised_to(dialect: str) -> Insert:
    return raised(dialect).returning(queue_state.c.value)


def added_once(dialect: str) -> Insert:
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(queue_state).on_conflict_do_nothing()


#: The statement and its values; without a sequence of them it is run once.
CASES: dict[str, tuple[Given, Values]] = {
    "insert what is given": (insert(users), PERSON),
    "insert what is given, with a boolean": (insert(users), {**PERSON, "is_admin": True, "display_name": "é %s :x 5%"}),
    "insert values of the statement and of the run": (insert(users).values(display_name="Z"), PERSON),
    "insert and return": (insert(users).returning(users.c.id, users.c.is_admin), PERSON),
    "insert with a key that the database makes": (
        insert(outbox),
        {"kind": "k", "payload": "{}", "created_at": STAMP},
    ),
    "insert and return the key that the database made": (
        insert(outbox).returning(outbox.c.kind),
        {"kind": "k", "payload": "{}", "created_at": STAMP},
    ),
    "insert many": (insert(users), [{**PERSON, "id": f"z{n}", "email": f"z{n}@x"} for n in range(50)]),
    "insert several in one statement": (
        insert(queue_state).values([{"key": "a", "value": 1}, {"key": "b", "value": 2}]),
        {},
    ),
    "insert from a select": (
        insert(queue_state).from_select(["key", "value"], select(users.c.id, literal_column("7")).where(WHO)),
        {"who": "eve"},
    ),
    "add to a row that exists": (raised, {"key": "turn", "value": 3}),
    "add to a row that does not": (raised, {"key": "new", "value": 3}),
    "add and return": (raised_to, {"key": "turn", "value": 3}),
    "add to many": (raised, [{"key": "turn", "value": 3}, {"key": "new", "value": 4}, {"key": "turn", "value": 5}]),
    "insert unless it exists": (added_once, {"key": "turn", "value": 3}),
    "update by a value of the run": (
        update(users).where(WHO).values(display_name=bindparam("shown")),
        {"who": "eve", "shown": "E"},
    ),
    "update a column that the run names": (update(users).where(WHO), {"who": "eve", "display_name": "E"}),
    "update with an expression": (
        update(queue_state)
        .where(queue_state.c.key == bindparam("k"))
        .values(value=queue_state.c.value + bindparam("n")),
        {"k": "turn", "n": 2},
    ),
    "update with a boolean": (
        update(users).where(users.c.is_active == bindparam("on", type_=Boolean())).values(is_admin=bindparam("admin")),
        {"on": True, "admin": True},
    ),
    "update with nothing": (update(users).where(WHO).values(display_name=None), {"who": "ann"}),
    "update and return": (
        update(users)
        .where(users.c.id > bindparam("who"))
        .values(is_active=False)
        .returning(users.c.id, users.c.is_active),
        {"who": "ann"},
    ),
    "update nothing": (update(users).where(WHO).values(display_name="x"), {"who": "' OR 1=1 --"}),
    "update many": (
        update(users).where(WHO).values(display_name=bindparam("shown")),
        [{"who": "ann", "shown": "A"}, {"who": "nobody", "shown": "-"}, {"who": "eve", "shown": "E"}],
    ),
    "update and return an expression": (
        update(queue_state).values(value=queue_state.c.value * 2).returning(func.abs(queue_state.c.value) + 1),
        {},
    ),
    "update a float and return it": (
        update(queue_rates)
        .values(us_per_work=queue_rates.c.us_per_work * bindparam("by"))
        .returning(queue_rates.c.us_per_work),
        {"by": 0.5},
    ),
    "update by several values": (update(users).where(users.c.id.in_(["ann", "eve"])).values(is_active=False), {}),
    "update by several values of the run": (
        update(users)
        .where(users.c.id.in_(bindparam("some", expanding=True)))
        .values(is_active=False)
        .returning(users.c.id),
        {"some": ["ann", "eve"]},
    ),
    "delete": (delete(users).where(WHO), {"who": "eve"}),
    "delete and return": (delete(users).where(users.c.id < bindparam("who")).returning(users.c.email), {"who": "eve"}),
    "delete many": (delete(users).where(WHO), [{"who": "eve"}, {"who": "nobody"}, {"who": "bob"}]),
    "delete by a condition": (
        delete(queue_state).where(case((queue_state.c.value > 1, 1), else_=0) == bindparam("x")),
        {"x": 1},
    ),
}

#: What a driver's cursor can't do alone.
LONG_WAY = {"update by several values", "update by several values of the run"}


def fill(conn: Connection) -> None:
    for name, admin in (("ann", True), ("bob", False), ("eve", False)):
        row = {"id": name, "email": f"{name}@x", "display_name": name.title(), "is_admin": admin}
        conn.execute(insert(users).values(**row, created_at=STAMP, updated_at=STAMP))
    conn.execute(insert(queue_state).values(key="turn", value=5))
    conn.execute(insert(queue_rates).values(model="m", us_per_work=2.5, work=1.0))


def contents(conn: Connection) -> list[list[Any]]:
    keyless = [column for column in outbox.c if column is not outbox.c.id]
    return [
        [tuple(row) for row in conn.execute(select(*columns).order_by(*columns))]
        for columns in (users.c, queue_state.c, queue_rates.c, keyless)
    ]


def made(given: Given, dialect: str) -> Write:
    return given(dialect) if callable(given) else given


def usual(conn: Connection, given: Given, values: Values) -> Any:
    statement = made(given, conn.dialect.name)
    result = conn.execute(statement, values, execution_options={"preserve_rowcount": True})
    return sorted(map(tuple, result.all())) if statement.exported_columns else result.rowcount


def short(conn: Connection, prepared: PreparedWrite, given: Given, values: Values) -> Any:
    if not isinstance(values, Mapping):
        return prepared.many(conn, values)
    if made(given, conn.dialect.name).exported_columns:
        return sorted(map(tuple, prepared.all(conn, values)))
    return prepared.run(conn, values)


@pytest.mark.parametrize("case", CASES)
async def test_a_prepared_write_changes_and_returns_what_sqlalchemys_does(each_storage: Storage, case: str) -> None:
    given, values = CASES[case]
    prepared = PreparedWrite(given)
    names = frozenset(values if isinstance(values, Mapping) else values[0])

    def both(conn: Connection) -> tuple[Any, ...]:
        outcomes = []
        for way in (lambda: usual(conn, given, values), lambda: short(conn, prepared, given, values)):
            with conn.begin_nested() as nested:
                outcomes.append((way(), contents(conn)))
                nested.rollback()
        plan = Plan.of(made(given, conn.dialect.name), conn.dialect, names)
        return outcomes[0], outcomes[1], plan.direct, contents(conn)

    await each_storage.write(fill)
    for _ in range(2):  # when it is compiled, and after that
        expected, got, direct, before = await each_storage.write(both)
        assert got == expected
        assert direct is (case not in LONG_WAY)
        assert (got[1] == before) == (case in ("update nothing", "insert unless it exists"))


async def test_statements_that_read_alike_keep_their_own_values(each_storage: Storage) -> None:
    await each_storage.write(fill)
    for who in ("ann", "eve", "nobody", "ann"):
        statement = update(users).where(users.c.id == who).values(display_name=f"for {who}").returning(users.c.id)
        assert await each_storage.write(PreparedWrite(statement).all, {}) == ([] if who == "nobody" else [(who,)])
    names = await each_storage.read(lambda conn: conn.execute(select(users.c.id, users.c.display_name)).all())
    assert dict(map(tuple, names)) | {"system": None} == {  # type: ignore[arg-type]
        "ann": "for ann",
        "bob": "Bob",
        "eve": "for eve",
        "system": None,
    }


async def test_other_columns_than_the_last_time_are_written_too(each_storage: Storage) -> None:
    prepared = PreparedWrite(update(users).where(WHO))
    await each_storage.write(fill)
    for values in ({"display_name": "E"}, {"is_active": False}, {"display_name": "F"}):
        assert await each_storage.write(prepared.run, {"who": "eve", **values}) == 1
    query = select(users.c.display_name, users.c.is_active).where(users.c.id == "eve")
    assert tuple(await each_storage.read(lambda conn: conn.execute(query).one())) == ("F", False)


async def test_no_rows_are_no_statement(each_storage: Storage) -> None:
    assert await each_storage.write(PreparedWrite(insert(users)).many, []) == 0


async def test_a_broken_rule_is_reported_as_sqlalchemy_does(each_storage: Storage) -> None:
    prepared = PreparedWrite(insert(users))
    await each_storage.write(fill)
    for values in ([PERSON, PERSON], [{**PERSON, "email": "eve@x"}]):
        with pytest.raises(StorageConflict) as caught:
            await each_storage.write(prepared.many, values)
        assert isinstance(caught.value.__cause__, IntegrityError)
    counter = {"queue_id": "q", "user_id": "nobody", "status": "pending", "count": 1}
    with pytest.raises(StorageConflict):
        await each_storage.write(PreparedWrite(insert(queue_counts)).run, counter)


async def test_who_listens_to_statements_hears_of_writes(each_storage: Storage) -> None:
    heard: list[str] = []
    prepared = PreparedWrite(raised)

    def listen(connection: Connection, cursor: Any, statement: str, *rest: object) -> None:
        heard.append(statement)

    event.listen(each_storage.engine, "before_cursor_execute", listen)
    assert await each_storage.write(prepared.run, {"key": "a", "value": 1}) == 1
    assert await each_storage.write(prepared.many, [{"key": "a", "value": 1}, {"key": "b", "value": 1}]) == 2
    assert await each_storage.write(PreparedWrite(raised_to).first, {"key": "a", "value": 1}) == (3,)
    event.remove(each_storage.engine, "before_cursor_execute", listen)
    assert await each_storage.write(prepared.run, {"key": "a", "value": 1}) == 1
    assert len([each for each in heard if "INSERT INTO queue_state" in each]) == 3


async def test_a_reader_can_not_write_through_one(each_storage: Storage) -> None:
    with pytest.raises(Exception, match=r"(?i)read-?only"):
        await each_storage.read(PreparedWrite(insert(queue_state)).run, {"key": "a", "value": 1})
