"""P10: whatever happens in whatever order, usage is what a plain model says, never below zero, and equals the items.

The model knows a list of items and what each of them is booked with, and adds up. What is let in it judges by trying
the items one after another.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Connection, insert

from invoke_host.access.engine import AccessEngine
from invoke_host.access.policies.admin import AdminPolicy
from invoke_host.access.policies.owner import OwnerPolicy
from invoke_host.api import NotFound, TooManyRequests
from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.limits import store as limit_store
from invoke_host.limits import usage
from invoke_host.limits.minutes import prune_step
from invoke_host.limits.values import OF_EVERYONE, Change, Subject
from invoke_host.queue.ownership import OWNED
from invoke_host.queue.store import bookings, bulk, finish, lease
from invoke_host.queue.store.enqueue import NewBatch, enqueue
from invoke_host.queue.store.items import QueueItem
from invoke_host.queue.store.new_items import NewItem, new_items
from invoke_host.queue.store.retry import retry
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.postgres_backend import PostgresBackend
from invoke_host.testing.storage import copy_of
from invoke_host.vocabulary import ACTIONS, RESOURCES

from .conftest import ADMIN, NOW, Line, add_users

MEMBERS = ("alice", "bob")
USERS = st.sampled_from(["alice", "bob", "carol"])
SUBJECTS = st.sampled_from([OF_EVERYONE, Subject("group", "team"), Subject("user", "alice"), Subject("user", "bob")])
VALUES = st.one_of(st.none(), st.integers(0, 8))
NAMES = st.sampled_from(
    ["max_pending", "images_per_minute", "images_per_day", "engine_s_per_day", "engine_s_per_month"]
)
ENDS = st.sampled_from(["complete", "fail", "give_back"])
ACCESS = AccessEngine(ACTIONS, RESOURCES, [AdminPolicy(), OwnerPolicy()])


@dataclass
class Known:
    """An item as the model knows it, also after its row is gone."""

    user: str
    created: datetime
    status: str
    booked_us: int
    started: datetime | None = None
    expected_us: int = 0

    @property
    def images(self) -> int:
        return int(self.status in ("pending", "in_progress", "completed"))

    def lies_in(self, window: str, now: datetime) -> bool:
        shape = {"minute": "%Y-%m-%d %H:%M", "day": "%Y-%m-%d", "month": "%Y-%m"}[window]
        return self.created.strftime(shape) == now.strftime(shape)


class LimitsMachine(RuleBasedStateMachine):
    """Random use of the store under random limits."""

    @initialize()
    def start(self) -> None:
        self.line: Line = type(self).make_line()
        self.rules: dict[tuple[str, str, str], float | None] = {}
        self.items: dict[int, Known] = {}
        self.gone: list[Known] = []
        self.running: list[QueueItem] = []

    # What administrators do ------------------------------------------------------------------------------------------

    @rule(
        subject=SUBJECTS,
        name=st.sampled_from(
            ["max_pending", "images_per_minute", "images_per_day", "engine_s_per_day", "engine_s_per_month"]
        ),
        value=VALUES,
        together=st.booleans(),
    )
    def limit(self, subject: Subject, name: str, value: float | None, together: bool) -> None:
        together = together and subject.kind == "group"
        change = Change({}, {name: value}) if together else Change({name: value}, {})
        self.line.storage.run_write(limit_store.change, subject, change, now=NOW)
        self.rules[subject.key, "together" if together else "each", name] = value

    @rule(source=USERS, heir=USERS)
    def transfer(self, source: str, heir: str) -> None:
        if source == heir:
            return
        for token in [item.lease_token for item in self.running if item.user_id == source]:
            self.running = [item for item in self.running if item.lease_token != token]
            self.line.storage.run_write(lease.give_back, [token], now=self.line.now())
        for item in self.items.values():
            if item.user == source:
                item.user = heir
                item.status = "pending" if item.status == "in_progress" else item.status
        self.line.storage.run_write(OWNED.transfer, source, heir, now=self.line.now())

    # What users do ---------------------------------------------------------------------------------------------------

    @rule(user=USERS, works=st.lists(st.sampled_from([0.5, 1.0, 40.0, 200.0]), min_size=1, max_size=6))
    def ask(self, user: str, works: list[float]) -> None:
        batch = NewBatch(
            queue_id="default", user_id=user, origin=None, destination=None, prepend=False,
            idempotency_key=None, request_sha256="0" * 64,
        )  # fmt: skip
        batch = replace(batch, request="{}")
        items = new_items([NewItem("{}", "toy", work) for work in works], {})
        fit = self.fit(user, list(items.estimates_us))
        try:
            done = self.line.storage.run_write(enqueue, batch, items, max_size=1000, now=self.line.now())
        except TooManyRequests:
            assert fit == 0
            return
        assert done.enqueued == fit
        assert (done.limited_by is not None) == (fit < len(works))
        for item_id, estimate_us in zip(done.item_ids, items.estimates_us, strict=False):
            self.items[item_id] = Known(user, self.line.clock.now(), "pending", estimate_us)

    @precondition(lambda self: self.items)
    @rule(data=st.data(), delete=st.booleans())
    def end(self, data: st.DataObject, delete: bool) -> None:
        item_id = data.draw(st.sampled_from(sorted(self.items)))
        item = self.items[item_id]
        if item.status in ("pending", "in_progress"):
            self.cancel(item)
        if delete:
            self.gone.append(self.items.pop(item_id))
        unit = partial(bulk.delete_one, forget_before=NOW) if delete else bulk.cancel_one
        self.line.storage.run_write(unit, ACCESS, ADMIN, "default", item_id, now=self.line.now())
        self.running = [each for each in self.running if each.id != item_id]

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        item_id = data.draw(st.sampled_from(sorted(self.items)))
        item = self.items[item_id]
        with suppress(TooManyRequests, NotFound):
            done = self.line.storage.run_write(
                retry, ACCESS, ADMIN, "default", [item_id], max_size=1000, now=self.line.now()
            )
            for new_id in done.new_ids:
                assert self.fit(item.user, [self.line.item(new_id).booked_us]) == 1
                booked_us = self.line.item(new_id).booked_us
                self.items[new_id] = Known(item.user, self.line.clock.now(), "pending", booked_us)

    # What the host does ----------------------------------------------------------------------------------------------

    @rule()
    def begin(self) -> None:
        if (item := self.line.claim()) is not None:
            known = self.items[item.id]
            known.status, known.started, known.expected_us = (
                "in_progress",
                self.line.clock.now(),
                item.estimated_us or 0,
            )
            self.running.append(item)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), how=ENDS, took_s=st.sampled_from([0.0, 0.25, 9.0]))
    def finish(self, data: st.DataObject, how: str, took_s: float) -> None:
        item = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        known, run, now = self.items[item.id], self.line.storage.run_write, self.line.now()
        if how == "complete":
            assert run(finish.complete, item.lease_token, [], device="x", engine_s=took_s, now=now) == "completed"
            known.status, known.booked_us = "completed", round(took_s * 1e6)
        elif how == "fail":
            assert run(finish.fail, item.lease_token, code="x", message="x", now=now)
            known.status, known.booked_us = "failed", 0
        else:
            run(lease.give_back, [item.lease_token], now=now)
            known.status = "pending"

    @rule(seconds=st.sampled_from([0.5, 20.0, 60.0, 3600.0, 86400.0, 20 * 86400.0]))
    def wait(self, seconds: float) -> None:
        self.line.clock.advance(seconds)

    @rule()
    def forget_minutes(self) -> None:
        self.line.storage.run_write(prune_step, int(self.line.clock.now().timestamp()) - 3600)

    # What must hold --------------------------------------------------------------------------------------------------

    @invariant()
    def usage_is_what_the_model_says_and_equals_the_items(self) -> None:
        if not hasattr(self, "line"):
            return
        assert self.line.storage.run_read(bookings.drift) == []
        now = self.line.clock.now()
        for user in ("alice", "bob", "carol"):
            found = self.line.storage.run_read(usage.of_user, user, self.line.now())
            for window, used in found.items():
                mine = [item for item in self.everything() if item.user == user and item.lies_in(window, now)]
                assert used.images == sum(item.images for item in mine), (user, window)
                assert used.engine_us == sum(item.booked_us for item in mine), (user, window)
                assert used.images >= 0
                assert used.engine_us >= 0

    def teardown(self) -> None:
        if hasattr(self, "line"):
            type(self).close_line()

    def everything(self) -> list[Known]:
        return [*self.items.values(), *self.gone]

    def cancel(self, item: Known) -> None:
        if item.status == "in_progress":
            assert item.started is not None
            elapsed_us = round((self.line.clock.now() - item.started).total_seconds() * 1e6)
            item.booked_us = min(item.expected_us, elapsed_us)
        else:
            item.booked_us = 0
        item.status = "canceled"

    def fit(self, user: str, estimates_us: list[int]) -> int:
        """How many of these the limits let in, one after another."""
        new: list[Known] = []
        for estimate_us in estimates_us:
            if any(used >= value for value, used in self.bounds(user, new)):
                break
            new.append(Known(user, self.line.clock.now(), "pending", estimate_us))
        return len(new)

    def bounds(self, user: str, new: list[Known]) -> list[tuple[float, float]]:
        """Each limit that binds, with what is used of it."""
        names = {name for _, _, name in self.rules}
        found = []
        for name in names:
            if (value := self.effective(user, name)) is not None:
                found.append((value, self.used(name, {user}, new)))
            together = self.rules.get(("group:team", "together", name))
            if user in MEMBERS and together is not None:
                found.append((together, self.used(name, set(MEMBERS), new)))
        return found

    def effective(self, user: str, name: str) -> float | None:
        subjects = [f"user:{user}", *(["group:team"] if user in MEMBERS else []), OF_EVERYONE.key]
        for subject in subjects:
            if (subject, "each", name) in self.rules:
                return self.rules[subject, "each", name]
        return None

    def used(self, name: str, users: set[str], new: list[Known]) -> float:
        mine = [item for item in (*self.everything(), *new) if item.user in users]
        if name == "max_pending":
            return sum(item.status == "pending" and item not in self.gone for item in mine)
        unit, _, window = name.rpartition("_per_")
        mine = [item for item in mine if item.lies_in(window, self.line.clock.now())]
        if unit == "images":
            return sum(item.images for item in mine)
        return sum(item.booked_us for item in mine) / 1e6


def make_people(conn: Connection) -> None:
    add_users(conn)
    row = {"id": "team", "name": "Team", "name_key": "team", "description": ""}
    conn.execute(insert(groups).values(**row, created_at=NOW, updated_at=NOW))
    for member in MEMBERS:
        conn.execute(insert(group_members).values(group_id="team", user_id=member, added_at=NOW))


def run(make_line: Callable[[], Line], close_line: Callable[[], None], examples: int) -> None:
    members: dict[str, Any] = {"make_line": staticmethod(make_line), "close_line": staticmethod(close_line)}
    case = type("Machine", (LimitsMachine,), members).TestCase
    case.settings = settings(
        max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
    case("runTest").runTest()


@pytest.mark.timeout(240)
def test_usage_holds_on_sqlite(sqlite_template: Path, log) -> None:
    opened: list[tuple[Storage, tempfile.TemporaryDirectory[str]]] = []

    def make_line() -> Line:
        folder = tempfile.TemporaryDirectory()
        storage = Storage(copy_of(sqlite_template, Path(folder.name)), log=log)
        storage.__enter__()
        opened.append((storage, folder))
        storage.run_write(make_people)
        return Line(storage, FakeClock(datetime(2026, 1, 30, 23, 59, 30, tzinfo=UTC)))

    def close_line() -> None:
        storage, folder = opened.pop()
        storage.__exit__(None, None, None)
        folder.cleanup()

    run(make_line, close_line, 30)


@pytest.mark.timeout(240)
def test_usage_holds_on_postgresql(postgres_server, postgres_template: str, log) -> None:
    opened: list[Any] = []

    def make_line() -> Line:
        database = postgres_server.database(template=postgres_template)
        storage = Storage(PostgresBackend(database.__enter__()), log=log)
        storage.__enter__()
        opened.append((storage, database))
        storage.run_write(make_people)
        return Line(storage, FakeClock(datetime(2026, 1, 30, 23, 59, 30, tzinfo=UTC)))

    def close_line() -> None:
        storage, database = opened.pop()
        storage.__exit__(None, None, None)
        database.__exit__(None, None, None)

    run(make_line, close_line, 8)
