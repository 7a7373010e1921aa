"""Storage contract, part 3: what goes in comes out, and the SQL that the host uses works."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Connection, exists, insert, inspect, select, true, update

from invoke_host.storage.schema import db_epoch
from invoke_host.testing.contracts._storage_base import MakeBackend, StorageSuite, add, items, names, need, opened

VALUES: dict[str, list[Any]] = {
    "count": [0, 1, 2**31, 2**53 + 1, 2**63 - 1],
    "flag": [True, False, None],
    "moment": [0.0, 1_800_000_000.123456, None],
    "content": ["", " ", "ä€😀", "'\";--\\%_", "line\nline\r\n", "x" * 1_000_000, None],
    "document": [{"a": [1, 2.5, None, True, "ä€😀"], "b": {}}, [], "text", 0],
}


class StorageData(StorageSuite):
    """Values and queries."""

    @pytest.mark.parametrize("column", sorted(VALUES))
    def test_values_come_back_as_they_went_in(self, make_backend: MakeBackend, column: str) -> None:
        """With their types: True is not 1, a number is not a text, and nothing is cut or trimmed."""
        with opened(make_backend()) as storage:
            for number, value in enumerate(VALUES[column]):
                storage.run_write(add, f"row {number}", **{column: value})
            query = select(items.c[column]).order_by(items.c.id)
            found = storage.run_read(lambda connection: list(connection.scalars(query)))
        assert found == VALUES[column]
        assert [type(value) for value in found] == [type(value) for value in VALUES[column]]

    def test_text_compares_and_sorts_by_case(self, make_backend: MakeBackend) -> None:
        """Names differ that differ in case only; timestamps as text sort by time."""
        with opened(make_backend()) as storage:
            for name in ("Alice", "alice", "2026-01-01 12:00:00.100", "2026-01-01 12:00:00.099"):
                storage.run_write(add, name)
            query = select(items.c.name).where(items.c.name == "alice")
            assert storage.run_read(lambda connection: list(connection.scalars(query))) == ["alice"]
            ordered = select(items.c.name).where(items.c.name < "3").order_by(items.c.name)
            found = storage.run_read(lambda connection: list(connection.scalars(ordered)))
            assert found == ["2026-01-01 12:00:00.099", "2026-01-01 12:00:00.100"]

    def test_ids_grow_and_are_handed_out(self, make_backend: MakeBackend) -> None:
        """The key of a new row is known after the insert."""

        def insert_two(connection: Connection) -> list[int]:
            keys = [connection.execute(insert(items).values(name=name)).inserted_primary_key for name in ("one", "two")]
            return [key[0] for key in keys if key is not None]

        with opened(make_backend()) as storage:
            first, second = storage.run_write(insert_two)
            assert 0 < first < second

    def test_a_thousand_rows_go_in_at_once(self, make_backend: MakeBackend) -> None:
        """As one statement with many values, in order."""
        rows = [{"name": f"row {number:04}"} for number in range(1000)]
        with opened(make_backend()) as storage:
            storage.run_write(lambda connection: connection.execute(insert(items), rows).rowcount)
            assert storage.run_read(names) == [row["name"] for row in rows]

    def test_long_lists_of_names_can_be_asked_for(self, make_backend: MakeBackend) -> None:
        """A gallery acts on a selection of thousands."""
        with opened(make_backend()) as storage:
            storage.run_write(add, "name 4321")
            query = select(items.c.name).where(items.c.name.in_([f"name {number}" for number in range(5000)]))
            assert storage.run_read(lambda connection: list(connection.scalars(query))) == ["name 4321"]

    def test_exists_is_a_boolean_column(self, make_backend: MakeBackend) -> None:
        """Permissions are computed in the list itself."""
        child = items.alias("child")
        query = select(items.c.name, exists().where(child.c.parent_id == items.c.id).label("has_children"))
        with opened(make_backend()) as storage:
            storage.run_write(add, "parent", id=1000)
            storage.run_write(add, "child", parent_id=1000)
            rows = storage.run_read(lambda connection: connection.execute(query.order_by(items.c.name.desc())).all())
        assert [tuple(row) for row in rows] == [("parent", True), ("child", False)]

    def test_null_is_neither_true_nor_false(self, make_backend: MakeBackend) -> None:
        """Access rules depend on it: unknown never means allowed."""
        with opened(make_backend()) as storage:
            storage.run_write(add, "unknown")
            for condition in (items.c.flag, ~items.c.flag, items.c.flag.is_(true())):
                assert storage.run_read(_names_where, condition) == []

    def test_the_database_has_a_clock_that_moves_within_a_transaction(self, make_backend: MakeBackend) -> None:
        """Leases are compared with it, in seconds since the epoch."""
        with opened(make_backend()) as storage:

            def clock(connection: Connection) -> tuple[float, float]:
                first = connection.scalar(select(db_epoch()))
                time.sleep(0.01)  # the only way to let a foreign clock move
                second = connection.scalar(select(db_epoch()))
                assert first is not None
                assert second is not None
                return first, second

            first, second = storage.run_read(clock)
        assert abs(first - time.time()) < 60
        assert first < second < first + 30

    def test_returning_gives_back_what_an_update_changed(self, make_backend: MakeBackend) -> None:
        """The queue claims with one statement."""
        backend = make_backend()
        need(backend, "returning")
        statement = update(items).where(items.c.name == "mine").values(count=7).returning(items.c.id, items.c.count)
        with opened(backend) as storage:
            storage.run_write(add, "mine", id=5)
            found = storage.run_write(lambda connection: connection.execute(statement).all())
        assert [tuple(row) for row in found] == [(5, 7)]

    def test_skip_locked_passes_over_what_another_transaction_holds(self, make_backend: MakeBackend) -> None:
        """Two workers never get the same row and never wait for each other."""
        backend = make_backend()
        need(backend, "skip_locked")
        query = select(items.c.name).order_by(items.c.id).limit(1).with_for_update(skip_locked=True)
        with opened(backend) as storage:
            storage.run_write(add, "one")
            storage.run_write(add, "two")
            with storage.engine.execution_options(invoke_write=True).begin() as connection:
                assert connection.scalar(query) == "one"
                assert storage.run_write(lambda connection: connection.scalar(query)) == "two"

    def test_constraints_have_the_names_they_were_given(self, make_backend: MakeBackend) -> None:
        """A migration can only drop what it can name."""
        with opened(make_backend()) as storage:
            found = inspect(storage.engine)
            assert [each["name"] for each in found.get_unique_constraints(items.name)] == ["uq_contract_items_name"]
            assert [each["name"] for each in found.get_check_constraints(items.name)] == [
                "ck_contract_items_not_negative"
            ]
            assert [each["name"] for each in found.get_foreign_keys(items.name)] == [
                "fk_contract_items_parent_id_contract_items"
            ]


def _names_where(connection: Connection, condition: ColumnElement[bool]) -> list[str]:
    return list(connection.scalars(select(items.c.name).where(condition)))
