"""What is asked at each enqueue is found by index, for a user among many and for a group, on SQLite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from invoke_host.identity.tables import users
from invoke_host.limits import effective, usage
from invoke_host.limits.minutes import prune_step
from invoke_host.limits.tables import limits
from invoke_host.limits.usage import Booking
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock

from .conftest import House, add_people

NOW = "2026-01-01 12:00:00.000"

PERSON = {"created_at": NOW, "updated_at": NOW}
LIMIT = {"scope": "each", "name": "max_pending", "value": 3.0, "updated_at": NOW}


@pytest.fixture(params=["with statistics", "without statistics"])
def house(storage: Storage, clock: FakeClock, request: pytest.FixtureRequest) -> House:
    """Two years of three people, two of them in many groups."""
    storage.run_write(add_people)
    house = House(storage, clock)
    house.group("students", "alice")
    others = [{**PERSON, "id": f"u{number}", "email": f"u{number}@example.org"} for number in range(500)]
    storage.run_write(lambda conn: conn.execute(insert(users), others).rowcount)
    rows = [{**LIMIT, "subject": f"user:{each['id']}", "user_id": each["id"]} for each in others]
    storage.run_write(lambda conn: conn.execute(insert(limits), rows).rowcount)
    for number in range(50):
        house.group(f"group{number}", "carol", "bob")
        house.set(group=f"group{number}", images_per_day=number)
    dates = [(year, month, day) for year in (2024, 2025) for month in range(1, 13) for day in range(1, 29)]
    days = [f"{year}-{month:02d}-{day:02d} 10:00:00.000" for year, month, day in dates]
    house.storage.run_write(usage.book, [Booking(user, at, 1, 1) for user in ("alice", "bob", "carol") for at in days])
    if request.param == "with statistics":
        storage.run_write(lambda conn: conn.exec_driver_sql("ANALYZE").close())
    return house


def plans(house: House, unit: Callable[..., Any], *args: Any) -> list[str]:
    """SQLite's plan of each statement of the unit that looks for something."""
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            asked.append((statement, parameters[0] if isinstance(parameters, list) else parameters))

    def explain(conn: Connection) -> list[str]:
        return [row[3] for text, values in asked for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)]

    event.listen(house.storage.engine, "before_cursor_execute", note)
    house.storage.run_write(unit, *args)
    event.remove(house.storage.engine, "before_cursor_execute", note)
    assert asked
    return house.storage.run_read(explain)


@pytest.mark.parametrize(
    ("unit", "arguments"),
    [
        (effective.of, ("alice",)),
        (usage.of_user, ("alice", NOW)),
        (usage.of_group, ("students", NOW)),
        (usage.book, ([Booking("alice", NOW, -1, -1)],)),
        (usage.forget, ([Booking("alice", NOW, 1, 1)],)),
        (prune_step, (1,)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_nothing_is_looked_through(house: House, unit: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    found = plans(house, unit, *arguments)
    scans = [plan for plan in found if plan.startswith("SCAN") and "anon_" not in plan]
    assert scans == [], found


def test_the_unit_is_never_a_bound_value_where_it_could_decide_about_an_index(house: House) -> None:
    """SQLite would compile the statement anew at each run; see `usage`."""
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    event.listen(house.storage.engine, "before_cursor_execute", note)
    for unit, arguments in (
        (usage.of_user, ("alice", NOW)),
        (usage.of_group, ("students", NOW)),
        (usage.book, ([Booking("alice", NOW, 0, 1)],)),
        (usage.forget, ([Booking("alice", NOW, 1, 1)],)),
        (prune_step, (1,)),
    ):
        house.storage.run_write(unit, *arguments)  # type: ignore[arg-type]
    event.remove(house.storage.engine, "before_cursor_execute", note)
    assert [statement for statement in asked if "unit = ?" in statement] == []
