"""The audit log: rows are added and never changed, and a page of it costs the same however long it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, text

from invoke_host.api import Secret
from invoke_host.audit import store
from invoke_host.audit.record import Origin, Target, append
from invoke_host.audit.routes import AUDIT, ROUTES
from invoke_host.audit.service import AuditLog
from invoke_host.audit.store import SCANNED, Filters
from invoke_host.audit.tables import audit_log
from invoke_host.clock import timestamp
from invoke_host.storage import Storage
from invoke_host.testing.app import AppMaker
from invoke_host.testing.schemas import assert_matches_schema

START = datetime(2026, 1, 1, tzinfo=UTC)
HERE = Origin("admin", "Admin", "api", "198.51.100.7")


def fill(storage: Storage, count: int, *, step_s: float = 60.0) -> None:
    """Rows a minute apart: every tenth by `rare`, every seventh about `bob`, actions in turn."""
    actions = ("login", "user.change", "logout")
    rows = [
        {
            "at": timestamp(START + timedelta(seconds=step_s * n)),
            "action": actions[n % 3],
            "outcome": "ok",
            "actor_id": "rare" if n % 10 == 0 else "often",
            "actor_name": "x",
            "via": "api",
            "address": None,
            "target_type": "user",
            "target_id": "bob" if n % 7 == 0 else "ann",
            "target_name": None,
            "details": "{}",
        }
        for n in range(count)
    ]
    storage.run_write(lambda conn: conn.execute(insert(audit_log), rows).close())


def walk(storage: Storage, filters: Filters, limit: int) -> Iterator[store.AuditPage]:
    """All pages."""
    before = None
    while True:
        page = storage.run_read(store.page, filters, limit, before)
        yield page
        before = page.next_before
        if before is None:
            return


def test_nobody_can_change_or_remove_a_row(each_storage: Storage) -> None:
    each_storage.run_write(append, HERE, "user.create", Target("user", "bob", "bob@example.org"), now="now")
    before = each_storage.run_read(store.after, 0, 10)
    assert len(before) == 1
    statements = ["UPDATE audit_log SET actor_name = 'nobody'", "DELETE FROM audit_log"]
    if each_storage.engine.dialect.name == "postgresql":
        statements.append("TRUNCATE audit_log")
    else:
        statements.append("INSERT OR REPLACE INTO audit_log SELECT id, at, 'x', outcome, actor_id, actor_name, via, "
                          "address, target_type, target_id, target_name, details FROM audit_log")  # fmt: skip
    for statement in statements:
        with pytest.raises(Exception, match="append-only"):
            each_storage.run_write(lambda conn, sql=statement: conn.execute(text(sql)).close())
    assert each_storage.run_read(store.after, 0, 10) == before


def test_a_row_is_there_with_what_it_is_about_or_not_at_all(each_storage: Storage) -> None:
    def fail(conn: Connection) -> None:
        append(conn, HERE, "user.create", now="now")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        each_storage.run_write(fail)
    assert each_storage.run_read(store.after, 0, 10) == []


def test_what_comes_from_outside_is_cut_masked_and_on_one_line(each_storage: Storage) -> None:
    origin = Origin("admin", "A\nB\u202e" + "x" * 400, "api", "1" * 100)
    details = {"password": "p", "url": "postgresql://u:secret@db", "token": "t", "s": Secret("z"), "name": "a\nb"}
    each_storage.run_write(append, origin, "x", Target("user", "i" * 300, "n\n" * 300), details=details, now="now")
    (entry,) = each_storage.run_read(store.after, 0, 10)
    assert "\n" not in entry.actor_name + str(entry.target_name)
    assert (len(entry.actor_name), len(str(entry.address)), len(str(entry.target_id))) <= (320, 64, 255)
    for secret in ('"p"', "secret@", '"t"', '"z"'):
        assert secret not in entry.details


def hours(number: int) -> datetime:
    return START + timedelta(hours=number)


FILTERS = [
    Filters(action=action, actor_id=actor, target_id=target, since=since, until=until)
    for action, actor, target, since, until in product(
        (None, "login"), (None, "rare"), (None, "bob"), (None, hours(3)), (None, hours(9))
    )
]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_every_filter_finds_what_it_says_newest_first(each_storage: Storage, limit: int) -> None:
    fill(each_storage, 900)
    everything = each_storage.run_read(store.after, 0, 1000)
    for filters in FILTERS:
        found = [entry for page in walk(each_storage, filters, limit) for entry in page.entries]
        assert found == [entry for entry in reversed(everything) if filters.match(entry)], filters
        assert found


def test_until_is_the_first_moment_that_is_too_late(each_storage: Storage) -> None:
    fill(each_storage, 10)
    filters = Filters(since=START + timedelta(minutes=3), until=START + timedelta(minutes=5))
    page = each_storage.run_read(store.page, filters, 100, None)
    assert [entry.at[14:16] for entry in page.entries] == ["04", "03"]


def test_a_page_looks_at_a_bounded_number_of_rows_and_says_where_to_go_on(storage: Storage) -> None:
    fill(storage, 3 * SCANNED)
    pages = list(walk(storage, Filters(actor_id="often", action="user.delete"), 10))
    assert len(pages) == 3
    assert all(page.entries == [] for page in pages)


def test_times_that_are_out_of_step_with_ids_are_found(storage: Storage) -> None:
    """A clock was set back by half an hour in between."""
    fill(storage, 50)
    late = [entry.at for entry in storage.run_read(store.after, 0, 100)]
    fill(storage, 50)
    since = START + timedelta(minutes=20)
    found = [entry for page in walk(storage, Filters(since=since), 30) for entry in page.entries]
    assert len(found) == 2 * sum(at >= timestamp(since) for at in late)


@contextmanager
def watched(storage: Storage) -> Iterator[list[tuple[str, Any]]]:
    asked: list[tuple[str, Any]] = []

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        asked.append((statement, parameters))

    event.listen(storage.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(storage.engine, "before_cursor_execute", note)


def plans(storage: Storage, unit: Callable[..., Any], *args: Any) -> list[str]:
    """SQLite's plan of each statement of the unit."""
    with watched(storage) as asked:
        storage.run_read(unit, *args)
    explain = "EXPLAIN QUERY PLAN "
    return storage.run_read(
        lambda conn: [row[3] for sql, values in asked for row in conn.exec_driver_sql(explain + sql, values)]
    )


@pytest.mark.parametrize("statistics", [True, False])
def test_every_page_stays_on_its_index(storage: Storage, statistics: bool) -> None:
    fill(storage, 3000)
    if statistics:
        storage.run_write(lambda conn: conn.exec_driver_sql("ANALYZE").close())
    for filters, before in product(FILTERS, (None, 500)):
        found = plans(storage, store.page, filters, 10, before)
        assert not any("TEMP B-TREE" in plan for plan in found), (filters, found)
        leading = next(
            (name for name in ("target_id", "actor_id", "action") if getattr(filters, name) is not None), None
        )
        if leading is None:
            bounded = before is not None or filters.since is not None or filters.until is not None
            wanted = "SEARCH audit_log USING INTEGER PRIMARY KEY" if bounded else "SCAN audit_log"
        else:
            wanted = f"SEARCH audit_log USING INDEX ix_audit_log_{leading}"
        assert found[-1].startswith(wanted), (filters, found)
        for probe in found[:-1]:  # of the search for a time
            assert probe.startswith("SEARCH audit_log"), found
    assert plans(storage, store.after, 100, 10)[-1].startswith("SEARCH audit_log USING INTEGER PRIMARY KEY")


def test_the_number_of_statements_does_not_grow_with_the_log(storage: Storage) -> None:
    fill(storage, 20_000, step_s=10)
    with watched(storage) as asked:
        storage.run_read(store.page, Filters(since=hours(1), until=hours(5)), 10, None)
    assert len(asked) < 40


def test_an_export_goes_from_the_oldest_to_the_newest(each_storage: Storage) -> None:
    fill(each_storage, 25)
    seen: list[int] = []
    while batch := each_storage.run_read(store.after, seen[-1] if seen else 0, 10):
        seen += [entry.id for entry in batch]
    assert len(seen) == 25
    assert seen == sorted(seen)
    assert [entry.id for entry in each_storage.run_read(store.newest, 3)] == seen[-3:]


async def test_administrators_read_it_over_http(make_app: AppMaker, storage: Storage) -> None:
    fill(storage, 30)
    details = {"is_admin": {"from": False, "to": True}}
    storage.run_write(
        append, HERE, "user.change", Target("user", "bob", "bob@x.org"), details=details, now="2026-02-01"
    )
    api = await make_app(ROUTES, services={AUDIT: AuditLog(storage)})
    admin = api.as_caller("admin")

    answer = await admin.get("/api/v1/audit/", params={"limit": "20"})
    assert_matches_schema(ROUTES[0], 200, answer.json())
    newest = answer.json()["items"][0]
    assert newest == {
        "id": 31,
        "at": "2026-02-01",
        "action": "user.change",
        "outcome": "ok",
        "actor_id": "admin",
        "actor_name": "Admin",
        "via": "api",
        "address": "198.51.100.7",
        "target_type": "user",
        "target_id": "bob",
        "target_name": "bob@x.org",
        "details": details,
    }
    rest = await admin.get("/api/v1/audit/", params={"cursor": answer.json()["next_cursor"]})
    assert (len(rest.json()["items"]), rest.json()["next_cursor"]) == (11, None)
    params = {
        "action": "login",
        "target_id": "bob",
        "since": "2026-01-01T00:00:00Z",
        "until": "2026-01-01T02:00:00+01:00",
    }
    found = (await admin.get("/api/v1/audit/", params=params)).json()["items"]
    assert [entry["at"] for entry in found] == ["2026-01-01 00:21:00.000", "2026-01-01 00:00:00.000"]
    for wrong in ({"cursor": "x"}, {"limit": "0"}, {"limit": "1001"}, {"since": "yesterday"}):
        assert (await admin.get("/api/v1/audit/", params=wrong)).status == 422
    assert (await api.get("/api/v1/audit/")).status == 401
    assert (await api.as_caller("alice").get("/api/v1/audit/")).status == 403
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await admin.request(method, "/api/v1/audit/")).status == 405
