"""Whatever happens in whatever order: lanes, counters and usage are what counting would find.

Who is served when is the subject of test_line_model.py.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Connection, select

from invoke_host.access.engine import AccessEngine
from invoke_host.access.policies.admin import AdminPolicy
from invoke_host.access.policies.owner import OwnerPolicy
from invoke_host.api import Actor, Forbidden, NotFound, TooManyRequests
from invoke_host.queue.store import bookings, bulk, finish, lease
from invoke_host.queue.store.candidates import Selection
from invoke_host.queue.store.items import ITEM_COLUMNS, STATUSES, TERMINAL, QueueItem, queue_item
from invoke_host.queue.store.retry import retry
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.postgres_backend import PostgresBackend
from invoke_host.testing.storage import copy_of
from invoke_host.vocabulary import ACTIONS, RESOURCES

from .conftest import ADMIN, ALICE, BOB, CAROL, NOW, Line, add_users
from .many import cancel_many, delete_many
from .test_finishing import complete, died, output

ACTORS = st.sampled_from([ALICE, BOB, CAROL, ADMIN])
QUEUES = st.sampled_from(["one", "two"])
DESTINATIONS = st.sampled_from([None, "gallery", "canvas"])
ACCESS = AccessEngine(
    ACTIONS,
    RESOURCES,
    [AdminPolicy(), OwnerPolicy()],
)


class QueueMachine(RuleBasedStateMachine):
    """Random use of the store; the drift check knows what must hold."""

    @initialize()
    def start(self) -> None:
        self.line: Line = type(self).make_line()
        self.running: list[QueueItem] = []
        self.ids: list[int] = []

    @rule(actor=ACTORS, count=st.integers(1, 4), queue=QUEUES, destination=DESTINATIONS, prepend=st.booleans())
    def enqueue(self, actor: Actor, count: int, queue: str, destination: str | None, prepend: bool) -> None:
        self.line.max_size = 12
        try:
            done = self.line.add(actor, count, queue=queue, destination=destination, prepend=prepend)
        except TooManyRequests:
            return
        self.ids += done.item_ids

    @rule()
    def claim(self) -> None:
        waiting = {item.user_id for item in self.pending()}
        item = self.line.claim()
        assert (item is None) == (not waiting)
        if item is None:
            return
        own = self.pending(user=item.user_id)
        assert all((each.priority, -each.id) <= (item.priority, -item.id) for each in own)
        self.running.append(item)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), how=st.sampled_from(["complete", "fail", "died", "give_back"]))
    def finish(self, data: st.DataObject, how: str) -> None:
        item = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        run = self.line.storage.run_write
        if how == "complete":
            assert complete(self.line, item, output()) in ("completed", "lost")
        elif how == "fail":
            run(finish.fail, item.lease_token, code="x", message="x", now=NOW)
        elif how == "died":
            died(self.line, item, most_deaths=1)
        else:
            run(lease.give_back, [item.lease_token], now=NOW)

    @precondition(lambda self: self.running)
    @rule()
    def crash(self) -> None:
        self.line.storage.run_write(lease.recover, expired_only=False, now=NOW)
        self.running.clear()

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), actor=ACTORS, queue=QUEUES, delete=st.booleans())
    def one(self, data: st.DataObject, actor: Actor, queue: str, delete: bool) -> None:
        unit = partial(bulk.delete_one, forget_before=NOW) if delete else bulk.cancel_one
        item_id = data.draw(st.sampled_from(self.ids))
        with suppress(NotFound, Forbidden):
            self.line.storage.run_write(unit, ACCESS, actor, queue, item_id, now=NOW)

    @rule(actor=ACTORS, queue=QUEUES, destination=DESTINATIONS, active=st.booleans())
    def cancel_many(self, actor: Actor, queue: str, destination: str | None, active: bool) -> None:
        statuses = ("pending", "in_progress") if active else ("pending",)
        which = Selection(queue, statuses, destination=destination)
        cancel_many(self.line, ACCESS, actor, which)

    @rule(actor=ACTORS, queue=QUEUES, which=st.sampled_from([TERMINAL, STATUSES, ("pending",)]))
    def delete_many(self, actor: Actor, queue: str, which: tuple) -> None:
        delete_many(self.line, ACCESS, actor, Selection(queue, which))

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), actor=ACTORS, queue=QUEUES)
    def retry(self, data: st.DataObject, actor: Actor, queue: str) -> None:
        wanted = data.draw(st.lists(st.sampled_from(self.ids), max_size=3))
        try:
            done = self.line.storage.run_write(retry, ACCESS, actor, queue, wanted, max_size=12, now=NOW)
        except (NotFound, Forbidden, TooManyRequests):
            return
        self.ids += done.new_ids

    @invariant()
    def counters_are_what_counting_finds(self) -> None:
        if hasattr(self, "line"):
            assert self.line.drift() == []
            assert self.line.storage.run_read(bookings.drift) == []

    def teardown(self) -> None:
        if hasattr(self, "line"):
            type(self).close_line()

    def pending(self, user: str | None = None) -> list[QueueItem]:
        items = self.line.storage.run_read(_all)
        return [item for item in items if item.status == "pending" and user in (None, item.user_id)]


def _all(conn: Connection) -> list[QueueItem]:
    return [queue_item(row) for row in conn.execute(select(*ITEM_COLUMNS))]


def machine(make_line, close_line, examples: int):
    members = {"make_line": staticmethod(make_line), "close_line": staticmethod(close_line)}
    case = type("Machine", (QueueMachine,), members).TestCase
    case.settings = settings(
        max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
    return case


def test_counters_hold_on_sqlite(sqlite_template: Path, log) -> None:
    opened: list[tuple[Storage, tempfile.TemporaryDirectory]] = []

    def make_line() -> Line:
        folder = tempfile.TemporaryDirectory()
        storage = Storage(copy_of(sqlite_template, Path(folder.name)), log=log)
        storage.__enter__()
        opened.append((storage, folder))
        storage.run_write(add_users)
        return Line(storage, FakeClock())

    def close_line() -> None:
        storage, folder = opened.pop()
        storage.__exit__(None, None, None)
        folder.cleanup()

    machine(make_line, close_line, 25)("runTest").runTest()


@pytest.mark.timeout(120)
def test_counters_hold_on_postgresql(postgres_server, postgres_template: str, log) -> None:
    opened: list = []

    def make_line() -> Line:
        database = postgres_server.database(template=postgres_template)
        storage = Storage(PostgresBackend(database.__enter__()), log=log)
        storage.__enter__()
        opened.append((storage, database))
        storage.run_write(add_users)
        return Line(storage, FakeClock())

    def close_line() -> None:
        storage, database = opened.pop()
        storage.__exit__(None, None, None)
        database.__exit__(None, None, None)

    machine(make_line, close_line, 8)("runTest").runTest()
