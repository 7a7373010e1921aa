"""The one connection for writes of a database with one writer: kept, never lent to readers, given up after trouble."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from invoke_host.storage import Storage


def driver(connection: Connection) -> int:
    return id(connection.connection.dbapi_connection)


def fails(connection: Connection) -> None:
    connection.execute(text("INSERT INTO nowhere VALUES (1)"))


def refuses(connection: Connection) -> None:
    connection.execute(text("UPDATE users SET display_name = 'x'"))
    raise LookupError


def name_of(connection: Connection) -> str:
    return connection.execute(text("SELECT display_name FROM users")).scalar_one()


def test_writes_share_a_connection_that_no_reader_gets(storage: Storage) -> None:
    writers = {storage.run_write(driver) for _ in range(3)}
    readers = {storage.run_read(driver) for _ in range(3)}
    assert len(writers) == 1
    assert not writers & readers


def test_a_unit_that_raises_is_rolled_back_and_the_connection_goes_on(storage: Storage) -> None:
    first = storage.run_write(driver)
    with pytest.raises(LookupError):
        storage.run_write(refuses)
    assert storage.run_read(name_of) == "System"
    assert storage.run_write(driver) == first


def test_after_an_error_of_the_database_the_next_write_works(storage: Storage) -> None:
    storage.run_write(driver)
    with pytest.raises(DBAPIError):
        storage.run_write(fails)
    storage.run_write(lambda connection: connection.execute(text("UPDATE users SET display_name = 'Bob'")).close())
    assert storage.run_read(name_of) == "Bob"


def test_who_writes_while_another_thread_does_waits_for_it(storage: Storage) -> None:
    inside, seen = threading.Event(), []

    def first(connection: Connection) -> None:
        connection.execute(text("UPDATE users SET display_name = 'first'"))
        inside.set()
        other.join(0.2)  # it can't be done before this transaction is
        seen.append(other.is_alive())

    def second() -> None:
        inside.wait()
        storage.run_write(lambda connection: seen.append(name_of(connection)))

    other = threading.Thread(target=second)
    other.start()
    storage.run_write(first)
    other.join()
    assert seen == [True, "first"]
