"""The peer of bench.queue: the same three things done by looking at all items, as a queue without counters does them.

Whose turn it is comes from when each user's last item was begun, and every status answer counts all rows. It runs on
the same file, on the driver itself without SQLAlchemy, in transactions that are rolled back.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from time import thread_time

_NEXT = """
WITH served AS (SELECT user_id, max(started_at) AS last FROM queue_items WHERE started_at IS NOT NULL GROUP BY user_id),
best AS (SELECT id, user_id, row_number() OVER (PARTITION BY user_id ORDER BY priority DESC, id) AS place
         FROM queue_items WHERE status = 'pending')
SELECT best.id FROM best LEFT JOIN served ON served.user_id = best.user_id
WHERE best.place = 1 ORDER BY coalesce(served.last, ''), best.id LIMIT 1
"""
_BEGIN = "UPDATE queue_items SET status = 'in_progress', started_at = '2099-01-01 00:00:00.000' WHERE id = ?"
_END = "UPDATE queue_items SET status = 'completed', completed_at = '2099-01-01 00:00:01.000' WHERE id = ?"
_STATUS = "SELECT status, count(*) FROM queue_items WHERE queue_id = 'default' GROUP BY status"
_OWN = "SELECT status, count(*) FROM queue_items WHERE queue_id = 'default' AND user_id = ? GROUP BY status"


def cpu_s(path: Path, user_id: str, times: int) -> float:
    """CPU seconds of dequeue + finish + status together, the least of so many."""
    least = float("inf")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA cache_size = -8192")
        for _ in range(times):
            started = thread_time()
            database.execute("BEGIN IMMEDIATE")
            (item_id,) = database.execute(_NEXT).fetchone()
            database.execute(_BEGIN, (item_id,))
            database.execute(_END, (item_id,))
            database.execute(_STATUS).fetchall()
            database.execute(_OWN, (user_id,)).fetchall()
            database.execute("ROLLBACK")
            least = min(least, thread_time() - started)
    return least
