"""Limits on real storage: people, groups, what is set for them, and what they have used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, insert

from invoke_host.clock import timestamp
from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.identity.tables import users
from invoke_host.limits import admission, effective, usage
from invoke_host.limits.admission import Fit
from invoke_host.limits.effective import EVERYONE, Effective, group_subject, user_subject
from invoke_host.limits.tables import limits
from invoke_host.limits.usage import Booking
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock

NOW = "2026-11-23 06:00:00.000"


@dataclass
class House:
    """Who is there and what they may use; groups are named by their ids, users by theirs."""

    storage: Storage
    clock: FakeClock

    def now(self) -> str:
        return timestamp(self.clock.now())

    def group(self, name: str, *members: str) -> None:
        def unit(conn: Connection) -> None:
            row = {"id": name, "name": name.title(), "name_key": name, "description": ""}
            conn.execute(insert(groups).values(**row, created_at=NOW, updated_at=NOW))
            for member in members:
                conn.execute(insert(group_members).values(group_id=name, user_id=member, added_at=NOW))

        self.storage.run_write(unit)

    def set(
        self, *, user: str | None = None, group: str | None = None, scope: str = "each", **values: float | None
    ) -> None:
        """Limits of a user, of a group, or of everyone."""
        subject = user_subject(user) if user else group_subject(group) if group else EVERYONE
        rows = [
            {"subject": subject, "scope": scope, "name": name, "value": value, "group_id": group, "user_id": user}
            for name, value in values.items()
        ]
        self.storage.run_write(
            lambda conn: conn.execute(insert(limits), [{**row, "updated_at": NOW} for row in rows]) and None
        )

    def of(self, user: str) -> Effective:
        return self.storage.run_read(effective.of, user)

    def book(self, user: str, images: int = 1, engine_s: float = 0.0, *, at: str | None = None) -> None:
        booking = Booking(user, at or self.now(), images, round(engine_s * 1e6))
        self.storage.run_write(usage.book, [booking])

    def fit(
        self,
        user: str,
        count: int = 1,
        *,
        each_s: float = 1.0,
        pending: int = 0,
        group_pending: Callable[[str], int] = lambda _: 0,
    ) -> Fit:
        return self.storage.run_read(
            admission.fitting,
            user,
            [round(each_s * 1e6)] * count,
            pending=lambda: pending,
            group_pending=group_pending,
            now=self.now(),
        )


def add_people(conn: Connection) -> None:
    rows = [
        {"id": name, "email": f"{name}@example.org", "created_at": NOW, "updated_at": NOW}
        for name in ("alice", "bob", "carol")
    ]
    conn.execute(insert(users), rows)


@pytest.fixture
def house(each_storage: Storage, clock: FakeClock) -> House:
    """On SQLite and on PostgreSQL; the clock stands at noon of a first of January."""
    each_storage.run_write(add_people)
    return House(each_storage, clock)
