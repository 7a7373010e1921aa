"""Batches and queue items, plus the counters that make every status answer independent of history.

A lane is one user's place in line: the scheduler picks the lane, then the lane's best pending item. `queue_counts`
holds how many items each user has in each status, `destination_counts` the same for items that name a destination; all
are kept in the same transaction as the items, so nobody ever counts.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

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
    Column("request", Text, nullable=False),  # JSON of the fully resolved request (queue.schema.ItemRequest)
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("worker_deaths", Integer, nullable=False, server_default=text("0")),
    Column("lease_token", String(64)),
    Column("lease_until", Epoch),
    Column("device", String(64)),
    Column("retried_from_item_id", BigInteger().with_variant(Integer, "sqlite")),
    Column("error_type", String(64)),
    Column("error_message", Text),
    Column("cancel_requested_at", Timestamp),
    Column("engine_s", Epoch),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("started_at", Timestamp),
    Column("completed_at", Timestamp),
    Index(
        "ix_queue_items_pending",
        "user_id",
        text("priority DESC"),
        "id",
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
    Index("ix_queue_items_destination", "queue_id", "destination", "id"),
    Index("ix_queue_items_user_id_status", "user_id", "status", "id"),
    sqlite_autoincrement=True,
)

queue_lanes = Table(
    "queue_lanes",
    metadata,
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("pending", Integer, nullable=False, server_default=text("0")),
    # Turn at which it was served last; below zero: never, or its turn was lost (counters.NEVER).
    Column("served", BigInteger, nullable=False, server_default=text("0")),
    Index(
        "ix_queue_lanes_waiting",
        "served",
        "user_id",
        sqlite_where=text("pending > 0"),
        postgresql_where=text("pending > 0"),
    ),
)

queue_counts = Table(
    "queue_counts",
    metadata,
    Column("queue_id", String(64), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
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
    Column("key", String(64), primary_key=True),  # `paused`, `turn`
    Column("value", BigInteger, nullable=False),
)
