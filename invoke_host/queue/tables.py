"""Batches and queue items, plus the counters that make every status answer independent of history.

A lane is one user's place in line: the scheduler picks the lane, then the lane's best pending item. `queue_counts`
holds how many items each user has in each status, `destination_counts` the same for items that name a destination; all
are kept in the same transaction as the items, so nobody ever counts. Times of devices are whole microseconds (`_us`),
so that sums are exact.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.sql import false

from invoke_host.storage.schema import Epoch, Timestamp, metadata

batches = Table(
    "batches",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("queue_id", String(64), nullable=False),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("origin", String(255)),
    Column("destination", String(255)),
    Column("requested", Integer, nullable=False),
    Column("enqueued", Integer, nullable=False),  # fewer than requested when the queue had no more room
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("idempotency_key", String(255)),
    Column("request_sha256", String(64)),  # tells a repeated request from another one under the same key
    Column("request", Text),  # JSON of what its items' requests have in common; NULL: they hold all themselves
    Column("graph", Text),  # JSON of where a batch from a graph varies, and of its output node (queue.template)
    Column("created_at", Timestamp, nullable=False),
    UniqueConstraint("user_id", "idempotency_key"),
)

queue_items = Table(
    "queue_items",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("batch_id", String(36), ForeignKey("batches.id"), nullable=False),
    Column("batch_index", Integer, nullable=False),
    Column("queue_id", String(64), nullable=False),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("session_id", String(36), nullable=False),
    Column("origin", String(255)),
    Column("destination", String(255)),
    Column("status", String(16), nullable=False),  # pending, in_progress, completed, failed, canceled
    Column("status_sequence", Integer, nullable=False, server_default=text("0")),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("request", Text, nullable=False),  # JSON of the resolved request, as far as it is not the batch's
    Column("model", String(255)),  # key of its model; NULL: written before there were rates
    Column("work", Float(53), nullable=False, server_default=text("0")),  # size of the job (queue.cost)
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("worker_deaths", Integer, nullable=False, server_default=text("0")),
    Column("lease_token", String(64)),
    Column("lease_until", Epoch),
    Column("device", String(64)),
    Column("retried_from_item_id", BigInteger().with_variant(Integer, "sqlite")),
    Column("retried_as_item_id", BigInteger().with_variant(Integer, "sqlite")),  # set: it was asked for again already
    Column("error_type", String(64)),
    Column("error_message", Text),
    Column("cancel_requested_at", Timestamp),
    Column("engine_s", Epoch),  # measured
    Column("estimated_us", BigInteger),  # device time expected at the claim
    Column("charged_us", BigInteger),  # what its lane was charged at the claim: the estimate over the owner's weight
    Column("booked_us", BigInteger, nullable=False, server_default=text("0")),  # counted in usage_windows
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("started_at", Timestamp),
    Column("completed_at", Timestamp),
    Index(
        "ix_queue_items_pending",
        "user_id",
        text("priority DESC"),
        "id",
        "queue_id",  # so that items of paused queues are passed over without reading their rows,
        "status",  # which is always the same, but SQLite looks
        sqlite_where=text("status = 'pending'"),
        postgresql_where=text("status = 'pending'"),
    ),
    Index(
        "ix_queue_items_running",
        "status",  # always the same, but an equality is what makes SQLite prefer this one
        "id",
        sqlite_where=text("status = 'in_progress'"),
        postgresql_where=text("status = 'in_progress'"),
    ),
    Index("ix_queue_items_batch_id", "batch_id", "id"),
    Index("ix_queue_items_queue_id", "queue_id", "id"),
    Index(
        "ix_queue_items_destination",
        "queue_id",
        "destination",
        "id",
        sqlite_where=text("destination IS NOT NULL"),
        postgresql_where=text("destination IS NOT NULL"),
    ),
    # Without the status, which changes: an item's way through the queue would write to this index four times more.
    Index("ix_queue_items_user_id", "user_id", "id"),
    Index(
        "ix_queue_items_finished",
        "completed_at",
        "id",
        sqlite_where=text("status IN ('completed', 'failed', 'canceled')"),
        postgresql_where=text("status IN ('completed', 'failed', 'canceled')"),
    ),
    sqlite_autoincrement=True,
)

queue_lanes = Table(
    "queue_lanes",
    metadata,
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("pending", Integer, nullable=False, server_default=text("0")),
    Column("running", Integer, nullable=False, server_default=text("0")),
    # The lane's clock: device time that it was given, over its owner's weight. The one that is furthest behind is next.
    Column("vtime_us", BigInteger, nullable=False, server_default=text("0")),
    # Whose clocks are equal go by this: the id of the item with which the lane began to wait.
    Column("since", BigInteger, nullable=False, server_default=text("0")),
    Column("paused", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Index(
        "ix_queue_lanes_waiting",
        "vtime_us",
        "since",  # differs from lane to lane, so that users need not be compared
        sqlite_where=text("pending > 0 AND NOT paused"),
        postgresql_where=text("pending > 0 AND NOT paused"),
    ),
)

queue_pauses = Table(
    "queue_pauses",
    metadata,
    Column("queue_id", String(64), primary_key=True),  # no new item of this queue is begun
    Column("created_at", Timestamp, nullable=False),
)

queue_rates = Table(
    "queue_rates",
    metadata,
    Column("model", String(255), primary_key=True),  # its key
    Column("us_per_work", Float(53), nullable=False),  # measured device time over an item's work, the recent ones first
    Column("work", Float(53), nullable=False),  # how much work the rate remembers: what weighs against the next picture
)

queue_counts = Table(
    "queue_counts",
    metadata,
    Column("queue_id", String(64), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("status", String(16), primary_key=True),
    Column("count", Integer, nullable=False, server_default=text("0")),
    sqlite_with_rowid=False,  # a user's rows lie beside each other: an item's way writes one page and not three
)

# The same over all users: what the status of a queue says must not depend on how many there are.
queue_totals = Table(
    "queue_totals",
    metadata,
    Column("queue_id", String(64), primary_key=True),
    Column("status", String(16), primary_key=True),
    Column("count", Integer, nullable=False, server_default=text("0")),
)

destination_counts = Table(
    "destination_counts",
    metadata,
    Column("queue_id", String(64), primary_key=True),
    Column("destination", String(255), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("status", String(16), primary_key=True),
    Column("count", Integer, nullable=False, server_default=text("0")),
)

queue_state = Table(
    "queue_state",
    metadata,
    Column("key", String(64), primary_key=True),  # `vtime_us`: the clock of the lane served last; `turn`
    Column("value", BigInteger, nullable=False),
)
