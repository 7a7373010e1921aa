"""What the parts of the storage suite share: a table to work on, an open Storage, and skips that name their reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest
import structlog
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
)

from invoke_host.api import StorageBackend
from invoke_host.storage import Storage
from invoke_host.storage.schema import NAMING, Epoch

MakeBackend = Callable[[], StorageBackend]

metadata = MetaData(naming_convention=NAMING)

#: Every kind of column that the host uses.
items = Table(
    "contract_items",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("parent_id", BigInteger().with_variant(Integer, "sqlite"), ForeignKey("contract_items.id")),
    Column("count", BigInteger, nullable=False, server_default="0"),
    Column("flag", Boolean(create_constraint=False)),
    Column("moment", Epoch),
    Column("content", Text),
    Column("document", JSON),
    CheckConstraint("count >= 0", name="not_negative"),
)


class StorageSuite:
    """What a test class of a backend sets."""

    #: Words that must not show where the backend describes itself: the password in its URL, say.
    secrets: ClassVar[tuple[str, ...]] = ()

    #: How long `check` may take, in seconds.
    check_s: ClassVar[float] = 1.5

    @pytest.fixture
    def make_backend(self) -> MakeBackend:
        """Override this: each call returns a new, closed backend on one and the same database, empty for each test."""
        raise NotImplementedError("override the fixture `make_backend`")

    @pytest.fixture
    def unopenable(self) -> StorageBackend:
        """Override this: a backend that can't be opened (no such server, no permission, a file of another kind)."""
        raise NotImplementedError("override the fixture `unopenable`")

    @pytest.fixture
    def cut_connections(self) -> Callable[[], None] | None:
        """Override this where connections can be lost: a function that breaks all that are open, from outside."""
        return None


@contextmanager
def opened(backend: StorageBackend, *, tables: bool = True) -> Iterator[Storage]:
    """A Storage on the backend, with the table `items` in it."""
    with Storage(backend, log=structlog.get_logger("contract")) as storage:
        if tables:
            storage.run_write(metadata.create_all)
        yield storage


def need(backend: StorageBackend, capability: str) -> None:
    """Skip the test by name unless the backend declares the capability."""
    if not getattr(backend.capabilities, capability):
        pytest.skip(f"the backend {backend.name!r} does not declare the capability {capability!r}")


def add(connection: Connection, /, name: str, **values: object) -> None:
    """One row."""
    connection.execute(insert(items).values(name=name, **values))


def names(connection: Connection) -> list[str]:
    """All names, in the order of their ids."""
    return list(connection.scalars(select(items.c.name).order_by(items.c.id)))
