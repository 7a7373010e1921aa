"""A queue with a long past in a SQLite file: users, finished items with their counters, made by SQL itself.

The same `finished` gives the same rows, in seconds. Nothing waits in it: what does is enqueued by the host's own code.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from invoke_host.clock import timestamp
from invoke_host.testing.storage import DATABASE, migrate_backend, sqlite_backend

USERS = 50
#: Items of one batch.
BATCH = 100
#: Seconds between two finished items.
APART_S = 30

_INDEXES = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'queue_items' AND sql IS NOT NULL"
_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)"


def user(number: int) -> str:
    """The id of the n-th user."""
    return f"00000000-0000-4000-8000-{number:012d}"


def make(folder: Path, finished: int, *, end: datetime | None = None) -> Path:
    """A migrated database in `folder` with so many finished items, the newest of them completed at `end` (now)."""
    folder.mkdir(parents=True, exist_ok=True)
    migrate_backend(sqlite_backend(folder))
    path = folder / DATABASE
    begin = (end or datetime.now(UTC)) - timedelta(seconds=APART_S * finished)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -200000")
        with database:
            _people(database, timestamp(begin))
            _past(database, finished, begin)
        database.execute("ANALYZE")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def _people(database: sqlite3.Connection, now: str) -> None:
    database.executemany(
        "INSERT INTO users (id, email, display_name, is_admin, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
        [(user(n), f"user{n}@example.org", f"User {n}", n == 0, now, now) for n in range(USERS)],
    )


def _past(database: sqlite3.Connection, finished: int, begin: datetime) -> None:
    indexes = database.execute(_INDEXES).fetchall()
    for name, _ in indexes:
        database.execute(f"DROP INDEX {name}")
    values = {"count": finished, "batch": BATCH, "users": USERS, "begin": begin.timestamp(), "apart": APART_S}
    owner = f"printf('00000000-0000-4000-8000-%012d', (n / {BATCH}) % :users)"
    batch = f"printf('b0000000-0000-4000-8000-%012d', n / {BATCH})"
    time = "strftime('%Y-%m-%d %H:%M:%f', :begin + n * :apart + {}, 'unixepoch')"
    status = "CASE WHEN n % 20 = 0 THEN 'failed' WHEN n % 20 = 1 THEN 'canceled' ELSE 'completed' END"
    database.execute(
        f"{_NUMBERS} INSERT INTO batches (id, queue_id, user_id, requested, enqueued, request, created_at)"
        f" SELECT {batch}, 'default', {owner}, :batch, :batch, :request, {time.format(0)}"
        f" FROM (SELECT (n - 1) * {BATCH} AS n FROM numbers WHERE n <= :count / {BATCH} + 1)",
        {**values, "request": '{"positive_prompt": "a red apple", "width": 512, "height": 512, "steps": 30}'},
    )
    database.execute(
        f"{_NUMBERS} INSERT INTO queue_items (batch_id, batch_index, queue_id, user_id, session_id, status,"
        " status_sequence, request, work, attempt, device, engine_s, estimated_us, charged_us, booked_us,"
        " created_at, updated_at, started_at, completed_at)"
        f" SELECT {batch}, n % {BATCH}, 'default', {owner}, printf('50000000-0000-4000-8000-%012d', n), {status}, 2,"
        " '{\"seed\": ' || n || '}', 16.5, 1, 'cuda:0', 4.5, 4500000, 4500000,"
        " CASE WHEN n % 20 > 1 THEN 4500000 ELSE 0 END,"
        f" {time.format(0)}, {time.format(20)}, {time.format(15)}, {time.format(20)} FROM numbers",
        values,
    )
    for _, sql in indexes:
        database.execute(sql)
    database.execute(
        "INSERT INTO queue_counts SELECT queue_id, user_id, status, count(*) FROM queue_items"
        " GROUP BY queue_id, user_id, status"
    )
    database.execute(
        "INSERT INTO queue_totals SELECT queue_id, status, sum(count) FROM queue_counts GROUP BY queue_id, status"
    )
    database.execute("INSERT INTO queue_lanes (user_id) SELECT id FROM users WHERE id LIKE '00000000-0000-4000-8000-%'")
    # Days only: minutes are forgotten after an hour, and these items are older, but for a few.
    database.execute(
        "INSERT INTO usage_windows (user_id, unit, starts_at, images, engine_us)"
        " SELECT user_id, 'day', CAST(strftime('%s', created_at) AS INTEGER) / 86400 * 86400 AS day,"
        " sum(status = 'completed'), sum(booked_us) FROM queue_items GROUP BY user_id, day"
    )
