"""Whatever happens in whatever order: the scheduler does what a plain model of the line does, clock by clock."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Connection, insert, select, update

from invoke_host.access.engine import AccessEngine
from invoke_host.access.policies.admin import AdminPolicy
from invoke_host.access.policies.owner import OwnerPolicy
from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.identity.tables import users
from invoke_host.limits.tables import limits
from invoke_host.queue.store import bulk, finish, forecast, lanes, lease, state
from invoke_host.queue.store.candidates import Selection
from invoke_host.queue.store.items import TERMINAL, QueueItem
from invoke_host.queue.tables import queue_lanes
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.postgres_backend import PostgresBackend
from invoke_host.testing.storage import copy_of
from invoke_host.vocabulary import ACTIONS, RESOURCES

from .conftest import ADMIN, ALICE, BOB, CAROL, NOW, Line, add_users
from .line_model import LineModel, ModelItem
from .many import delete_many
from .test_finishing import died

ACTORS = {str(actor.id): actor for actor in (ALICE, BOB, CAROL)}
USERS = st.sampled_from(sorted(ACTORS))
QUEUES = st.sampled_from(["one", "two"])
WORKS = st.sampled_from([0.5, 1.0, 8.0, 300.0])
ACCESS = AccessEngine(ACTIONS, RESOURCES, [AdminPolicy(), OwnerPolicy()])


@dataclass
class Opened:
    """A line on a database that can be closed and opened again in the middle."""

    line: Line
    reopen: Callable[[], Storage]
    close: Callable[[], None]


class LineMachine(RuleBasedStateMachine):
    """Random events, each told to the database and to the model."""

    opened: Opened
    make: Callable[[], Opened]

    @initialize()
    def start(self) -> None:
        self.opened = type(self).make()
        self.line = self.opened.line
        self.model = LineModel(members=frozenset({"alice", "bob"}))
        self.line.storage.run_write(_make_group)
        self.items: dict[int, ModelItem] = {}
        self.rows: dict[int, QueueItem] = {}

    @rule(user=USERS, count=st.integers(1, 5), queue=QUEUES, work=WORKS, prepend=st.booleans())
    def enqueue(self, user: str, count: int, queue: str, work: float, prepend: bool) -> None:
        done = self.line.add(ACTORS[user], count, queue=queue, work=work, prepend=prepend)
        new = [ModelItem(item_id, user, queue, done.priority) for item_id in done.item_ids]
        self.items |= {item.id: item for item in new}
        self.model.wait(new, begin_us=self.model.begins_at())

    @rule(count=st.integers(1, 4))
    def claim(self, count: int) -> None:
        for _ in range(count):
            self._claim("fair", self.model.next())

    @rule()
    def claim_first_come_first_served(self) -> None:
        self._claim("fifo", self.model.next(fifo=True))

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), engine_s=st.sampled_from([0.01, 0.7, 200.0]))
    def complete(self, data: st.DataObject, engine_s: float) -> None:
        item, row = self._ran(data)
        unit = partial(finish.complete, device="cpu", engine_s=engine_s, now=self.line.now())
        assert self.line.storage.run_write(unit, row.lease_token, []) == "completed"
        self.model.end(item, round(engine_s * 1e6))

    @precondition(lambda self: self.rows)
    @rule(
        data=st.data(),
        how=st.sampled_from(["fails", "canceled", "deleted", "worker dies", "given back"]),
        after_s=st.sampled_from([0.0, 0.05, 100.0]),
    )
    def come_to_nothing(self, data: st.DataObject, how: str, after_s: float) -> None:
        self.line.clock.advance(after_s)
        item, row = self._ran(data)
        run, now = self.line.storage.run_write, self.line.now()
        again = how == "given back"
        if how == "fails":
            assert run(finish.fail, row.lease_token, code="x", message="x", now=now)
        elif how == "canceled":
            run(bulk.cancel_one, ACCESS, ADMIN, item.queue, item.id, now=now)
        elif how == "deleted":
            run(bulk.delete_one, ACCESS, ADMIN, item.queue, item.id, forget_before=NOW, now=now)
        elif how == "worker dies":
            assert died(self.line, row, most_deaths=2)
            item.deaths += 1
            again = item.deaths < 2
        else:
            run(lease.give_back, [row.lease_token], now=now)
        if again:
            self.model.give_back([item])
        else:
            self.model.stop(item, self.line.clock.now())

    @rule()
    def crash_and_restart(self) -> None:
        self.line.storage = self.opened.reopen()
        returned, failed = self.line.storage.run_write(lease.recover, expired_only=False, now=self.line.now())
        assert {item.id for item in returned} == set(self.rows)
        assert failed == []
        if returned:
            self.model.give_back([self.items[item.id] for item in returned])
        self.rows.clear()

    @rule(data=st.data(), user=USERS, queue=QUEUES, how=st.sampled_from(["cancel", "delete", "prune", "clear"]))
    def tidy(self, data: st.DataObject, user: str, queue: str, how: str) -> None:
        waiting = [item for item in self.model.lane(user).waiting if item.queue == queue]
        if how == "prune":
            delete_many(self.line, ACCESS, ACTORS[user], Selection(queue, TERMINAL))
        elif how == "clear":
            delete_many(self.line, ACCESS, ACTORS[user], Selection(queue, ("pending",)))
            for item in waiting:
                self.model.drop(item)
        elif waiting:
            item = data.draw(st.sampled_from(waiting))
            unit = bulk.cancel_one if how == "cancel" else partial(bulk.delete_one, forget_before=NOW)
            self.line.storage.run_write(unit, ACCESS, ACTORS[user], queue, item.id, now=self.line.now())
            self.model.drop(item)

    @rule(
        user=USERS,
        queue=QUEUES,
        what=st.sampled_from(["queue", "own", "weight", "cap", "cap together", "active"]),
        harm=st.sampled_from([False, False, True]),
        number=st.sampled_from([0.5, 1.0, 3.0]),
    )
    def somebody_decides(self, user: str, queue: str, what: str, harm: bool, number: float) -> None:
        run, model = self.line.storage.run_write, self.model
        if what == "queue":
            run(state.set_paused, queue, harm, now=NOW)
            (model.paused.add if harm else model.paused.discard)(queue)
        elif what == "own":
            run(lanes.pause_own, user, harm)
            model.pause_own(user, harm)
        elif what == "weight":
            run(set_limit, f"user:{user}", "each", "weight", number, user_id=user)
            model.weights[user] = number
        elif what == "cap":
            model.caps[user] = int(number) if harm else 3
            run(set_limit, f"user:{user}", "each", "max_running", model.caps[user], user_id=user)
        elif what == "cap together":
            run(set_limit, "group:g", "together", "max_running", 1 + int(number), group_id="g")
            model.together = 1 + int(number)
        else:
            run(_activate, user, not harm)
            (model.gone.add if harm else model.gone.discard)(user)

    @invariant()
    def lanes_are_those_of_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        lines = {row.user_id: row for row in self.line.storage.run_read(_lanes)}
        for user, lane in self.model.lanes.items():
            row = lines.get(user)
            kept = (0, 0, 0, False) if row is None else (row.vtime_us, row.pending, row.running, row.paused)
            assert kept == (lane.vtime_us, len(lane.waiting), len(lane.running), lane.paused), user
        assert self.line.storage.run_read(state.floor_us) == self.model.floor_us

    @invariant()
    def the_forecast_begins_with_whom_the_model_takes(self) -> None:
        if hasattr(self, "model"):
            line = self.line.storage.run_read(forecast.places, "fair", self.line.now())
            first = self.model.next(caps=False)
            assert min(line, key=lambda each: line[each].position, default=None) == (first and first.id)

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self.opened.close()

    def _claim(self, order: lanes.Order, expected: ModelItem | None) -> None:
        assert self.line.storage.run_read(lanes.waits, order) == (expected is not None)
        row = self.line.claim(order)
        assert (row and row.id) == (expected and expected.id)
        if row is not None and expected is not None:
            self.rows[row.id] = row
            estimated_us, charged_us = row.estimated_us or 0, row.charged_us or 0
            weight = self.model.weights.get(row.user_id, 1.0)
            assert abs(charged_us - estimated_us / weight) <= 0.5 or charged_us == 1
            self.model.begin(expected, estimated_us, charged_us, self.line.clock.now())

    def _ran(self, data: st.DataObject) -> tuple[ModelItem, QueueItem]:
        row = self.rows.pop(data.draw(st.sampled_from(sorted(self.rows))))
        return self.items[row.id], row


def set_limit(conn: Connection, subject: str, scope: str, name: str, value: float, **whose: Any) -> None:
    conn.execute(limits.delete().where(limits.c.subject == subject, limits.c.name == name))
    values = {"subject": subject, "scope": scope, "name": name, "value": value, "updated_at": NOW, **whose}
    conn.execute(insert(limits), values)


def _make_group(conn: Connection) -> None:
    times = {"created_at": NOW, "updated_at": NOW}
    conn.execute(insert(groups), {"id": "g", "name": "G", "name_key": "g", "description": "", **times})
    rows = [{"group_id": "g", "user_id": user, "added_at": NOW} for user in ("alice", "bob")]
    conn.execute(insert(group_members), rows)


def _activate(conn: Connection, user: str, active: bool) -> None:
    conn.execute(update(users).where(users.c.id == user).values(is_active=active))


def _lanes(conn: Connection) -> list[Any]:
    return list(conn.execute(select(queue_lanes)))


def run_machine(make: Callable[[], Opened], examples: int, steps: int) -> None:
    case = type("Machine", (LineMachine,), {"make": staticmethod(make)}).TestCase
    case.settings = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    case("runTest").runTest()


def test_the_line_is_the_models_on_sqlite(sqlite_template: Path, log) -> None:
    def make() -> Opened:
        folder = tempfile.TemporaryDirectory()
        backend = copy_of(sqlite_template, Path(folder.name))
        return _opened(lambda: Storage(backend, log=log), folder.cleanup)

    run_machine(make, examples=30, steps=40)


@pytest.mark.timeout(180)
def test_the_line_is_the_models_on_postgresql(postgres_server, postgres_template: str, log) -> None:
    def make() -> Opened:
        database = postgres_server.database(template=postgres_template)
        backend = PostgresBackend(database.__enter__())
        return _opened(lambda: Storage(backend, log=log), lambda: database.__exit__(None, None, None))

    run_machine(make, examples=8, steps=30)


def _opened(make_storage: Callable[[], Storage], clean: Callable[[], None]) -> Opened:
    current = [make_storage()]
    current[0].__enter__()
    current[0].run_write(add_users)

    def reopen() -> Storage:
        current[0].__exit__(None, None, None)
        current[0] = make_storage()
        current[0].__enter__()
        return current[0]

    def close() -> None:
        current[0].__exit__(None, None, None)
        clean()

    return Opened(Line(current[0], FakeClock()), reopen, close)
