"""Prepared reads give what SQLAlchemy gives, on both databases, also where they can't take the short way."""

from __future__ import annotations

import asyncio
import re
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Connection,
    Numeric,
    Select,
    bindparam,
    column,
    event,
    func,
    insert,
    literal,
    literal_column,
    select,
    table,
)
from sqlalchemy.exc import DBAPIError

from invoke_host.api import StorageError, StorageUnavailable
from invoke_host.identity.tables import users
from invoke_host.storage import PreparedSelect, Storage
from invoke_host.testing.postgres_backend import PostgresBackend
from invoke_host.testing.storage import open_storage
from tests.storage.units import STAMP

COLUMNS = (users.c.id, users.c.display_name, users.c.is_admin, users.c.created_at)
PEOPLE = select(*COLUMNS).order_by(users.c.id)
WHO = users.c.id == bindparam("who")

STATEMENTS: dict[str, tuple[Select[*tuple[Any, ...]], dict[str, Any]]] = {
    "everybody": (PEOPLE, {}),
    "by a value of the run": (PEOPLE.where(WHO), {"who": "eve"}),
    "by a value of the statement": (PEOPLE.where(users.c.id == "bob"), {}),
    "by both": (PEOPLE.where(WHO, users.c.email == "eve@x"), {"who": "eve"}),
    "by a hostile value": (PEOPLE.where(WHO), {"who": "' OR 1=1 --"}),
    "by a boolean": (PEOPLE.where(users.c.is_admin == bindparam("admin", type_=Boolean())), {"admin": True}),
    "by another value than the statement's": (PEOPLE.where(users.c.id == bindparam("who", "bob")), {"who": "ann"}),
    "by one value in two places": (PEOPLE.where(WHO | (users.c.display_name == bindparam("who"))), {"who": "ann"}),
    "with a percent sign": (PEOPLE.where(users.c.display_name.contains("%", autoescape=True)), {}),
    "with a percent sign in the SQL": (select(literal_column("'5%'").label("x")).where(WHO).select_from(users), {}),
    "limit and offset": (PEOPLE.limit(bindparam("n")).offset(bindparam("skip")), {"n": 2, "skip": 1}),
    "counted": (select(users.c.is_active, func.count()).group_by(users.c.is_active).order_by(users.c.is_active), {}),
    "by several values": (PEOPLE.where(users.c.id.in_(["ann", "eve"])), {}),
    "by several values of the run": (
        PEOPLE.where(users.c.id.in_(bindparam("some", expanding=True))),
        {"some": ["bob", "eve"]},
    ),
    "by a value asked for at each run": (PEOPLE.where(users.c.id == bindparam(None, callable_=lambda: "ann")), {}),
    "with a column to convert": (select(users.c.id, literal(Decimal("1.50"), Numeric(5, 2))).where(WHO), {}),
}


def add_people(connection: Connection) -> None:
    for name, shown, admin in (("ann", "Ann %s :x 5%", True), ("bob", None, False), ("eve", "Ève ☃", False)):
        row = {"id": name, "email": f"{name}@x", "display_name": shown, "is_admin": admin, "is_active": not admin}
        connection.execute(insert(users).values(**row, created_at=STAMP, updated_at=STAMP))


@pytest.mark.parametrize("case", STATEMENTS)
async def test_rows_are_those_that_sqlalchemy_reads(each_storage: Storage, case: str) -> None:
    statement, parameters = STATEMENTS[case]
    parameters = {"who": "ann", **parameters} if "who" in str(statement) else parameters
    prepared = PreparedSelect(statement)

    def both(connection: Connection) -> tuple[list[Any], list[Any], Any]:
        usual = [tuple(row) for row in connection.execute(statement, parameters)]
        return (
            usual,
            [tuple(row) for row in prepared.all(connection, parameters)],
            prepared.first(connection, parameters),
        )

    await each_storage.write(add_people)
    for _ in range(2):  # when it is compiled, and after that
        usual, rows, first = await each_storage.read(both)
        assert rows == usual
        assert first is None if not usual else tuple(first) == usual[0]
    assert usual or case == "by a hostile value"


async def test_a_statement_can_serve_two_databases(storage: Storage, postgres_server, postgres_template) -> None:
    prepared = PreparedSelect(PEOPLE.where(WHO))
    with postgres_server.database(template=postgres_template) as url:
        async with open_storage(PostgresBackend(url)) as other:
            for one in (storage, other, storage):
                row = await one.read(prepared.first, {"who": "system"})
                assert row is not None
                assert row[0] == "system"


async def test_a_mistake_in_the_statement_is_reported_as_sqlalchemy_does(each_storage: Storage) -> None:
    prepared = PreparedSelect(select(column("x")).select_from(table("no_such_table")))
    with pytest.raises(DBAPIError, match="no_such_table") as caught:
        await each_storage.read(prepared.all, {})
    assert not isinstance(caught.value, StorageError)
    assert caught.value.statement


async def test_a_missing_value_is_a_mistake(each_storage: Storage) -> None:
    with pytest.raises((KeyError, DBAPIError), match="who"):
        await each_storage.read(PreparedSelect(PEOPLE.where(WHO)).all, {})


async def test_a_lost_connection_is_unavailable_and_the_next_read_has_a_new_one(
    postgres_server, postgres_template
) -> None:
    prepared = PreparedSelect(PEOPLE)

    def cut_off(connection: Connection) -> None:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        driver.close()
        prepared.all(connection, {})

    with postgres_server.database(template=postgres_template) as url:
        async with open_storage(PostgresBackend(url)) as storage:
            with pytest.raises(StorageUnavailable):
                await storage.read(cut_off)
            assert await storage.read(prepared.all, {})


async def test_who_listens_to_statements_hears_of_them(each_storage: Storage) -> None:
    heard: list[str] = []
    prepared = PreparedSelect(PEOPLE)
    await each_storage.read(prepared.all, {})

    def listen(connection: Connection, cursor: Any, statement: str, *rest: object) -> None:
        heard.append(statement)

    event.listen(each_storage.engine, "before_cursor_execute", listen)
    await each_storage.read(prepared.all, {})
    event.remove(each_storage.engine, "before_cursor_execute", listen)
    await each_storage.read(prepared.all, {})
    assert len([each for each in heard if re.search(r"FROM users", each)]) == 1


async def test_many_threads_may_share_one(each_storage: Storage) -> None:
    prepared = PreparedSelect(PEOPLE.where(WHO))
    await each_storage.write(add_people)
    names = ["ann", "bob", "eve"] * 20
    rows = await asyncio.gather(*(each_storage.read(prepared.first, {"who": name}) for name in names))
    assert [row[0] for row in rows if row] == names


def seen_by(who: str, *, limit: int) -> Select[*tuple[Any, ...]]:
    """A statement with the reader's id in many places, in each of the shapes that SQLAlchemy copies as it compiles."""
    other = users.alias("other")
    mine = select(users.c.id).where(users.c.id == who)
    inner = select(users.c.id, users.c.email).where(users.c.id == who).limit(limit).subquery("inner_one")
    page = select(users.c.id).where(users.c.id.in_(mine.correlate(None))).cte("page")
    same = select(func.count()).where(other.c.id == users.c.id, other.c.id == who).correlate(users).scalar_subquery()
    return (
        select(users.c.id, inner.c.email, same.label("same"), literal(who).label("said"))
        .select_from(users.join(inner, inner.c.id == users.c.id).outerjoin(page, page.c.id == users.c.id))
        .where(users.c.id.in_(mine), (users.c.id == who) | (users.c.email == f"{who}@x"))
    )


@pytest.mark.parametrize("limit", [1, 5])
async def test_statements_that_read_alike_never_take_over_values_of_each_other(
    each_storage: Storage, limit: int
) -> None:
    """They share what was compiled; whose id is in it must be the one of the statement at hand."""
    await each_storage.write(add_people)
    for who in ("ann", "bob", "eve", "nobody", "ann"):
        statement = seen_by(who, limit=limit)

        def both(
            connection: Connection, statement: Select[*tuple[Any, ...]] = statement
        ) -> tuple[list[Any], list[Any]]:
            usual = [tuple(row) for row in connection.execute(statement)]
            return usual, [tuple(row) for row in PreparedSelect(statement).all(connection, {})]

        usual, rows = await each_storage.read(both)
        assert rows == usual == ([] if who == "nobody" else [(who, f"{who}@x", 1, who)])
