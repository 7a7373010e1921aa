"""A small table with an owner, a visibility that may be NULL, a state, and a share table; nothing of the host's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Boolean, Column, Engine, Integer, MetaData, String, Table, create_engine, event
from sqlalchemy.pool import StaticPool

from invoke_host.api import Action, Actor, ResourceType, UserId

metadata = MetaData()

things = Table(
    "things",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner", String(36)),
    Column("visibility", String(16)),
    Column("state", String(16)),
    Column("locked", Boolean),
)

shares = Table(
    "shares",
    metadata,
    Column("thing_id", Integer, primary_key=True),
    Column("group", String(36), primary_key=True),
)

SEE = Action("thing.view", "thing", "See a thing", see=True)
EDIT = Action("thing.edit", "thing", "Change a thing")
DELETE = Action("thing.delete", "thing", "Delete a thing")
ACTIONS = (SEE, EDIT, DELETE)

THING = ResourceType(
    "thing",
    things,
    things.c.id,
    {
        "id": things.c.id,
        "owner": things.c.owner,
        "visibility": things.c.visibility,
        "state": things.c.state,
        "locked": things.c.locked,
    },
)

ALICE = Actor(UserId("alice"), "user", groups=frozenset({"team"}))
BOB = Actor(UserId("bob"), "user")
ROOT = Actor(UserId("root"), "user", is_admin=True)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """SQLite in memory with the tables made."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql(postgres_url) -> Iterator[Engine]:
    """The same tables in a throw-away PostgreSQL."""
    engine = create_engine(postgres_url)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def conn(engine):
    """A connection whose work is rolled back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def statements(engine):
    """SQL that reaches the database during the test."""
    seen: list[str] = []

    def record(conn, cursor, statement, parameters, context, executemany):
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", record)
    yield seen
    event.remove(engine, "before_cursor_execute", record)
