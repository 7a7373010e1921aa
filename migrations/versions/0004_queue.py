"""Fair shares of device time, limits and usage, batches with common requests, retention of finished items."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UUID = sa.String(36)
TIMESTAMP = sa.String(23)

WAITING = sa.text("pending > 0 AND NOT paused")
PENDING = sa.text("status = 'pending'")
FINISHED = sa.text("status IN ('completed', 'failed', 'canceled')")
MINUTES = sa.text("unit = 'minute'")
WITH_DESTINATION = sa.text("destination IS NOT NULL")


def upgrade() -> None:
    """Give lanes a clock that goes on from the order they are in, and make the new tables."""
    op.add_column("batches", sa.Column("request", sa.Text))
    op.add_column("batches", sa.Column("graph", sa.Text))
    _items()
    _lanes()
    _pauses()
    _totals()
    op.create_table(
        "queue_rates",
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("us_per_work", sa.Float(53), nullable=False),
        sa.Column("work", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_queue_rates")),
    )
    _limits()
    _usage()


def _items() -> None:
    op.add_column("queue_items", sa.Column("model", sa.String(255)))
    op.add_column("queue_items", sa.Column("work", sa.Float(53), nullable=False, server_default=sa.text("0")))
    op.add_column("queue_items", sa.Column("retried_as_item_id", ID))
    op.add_column("queue_items", sa.Column("estimated_us", sa.BigInteger))
    op.add_column("queue_items", sa.Column("charged_us", sa.BigInteger))
    op.add_column("queue_items", sa.Column("booked_us", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.drop_index("ix_queue_items_pending", "queue_items")
    op.create_index(
        "ix_queue_items_pending",
        "queue_items",
        ["user_id", sa.text("priority DESC"), "id", "queue_id", "status"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )
    op.drop_index("ix_queue_items_destination", "queue_items")
    op.create_index(
        "ix_queue_items_destination",
        "queue_items",
        ["queue_id", "destination", "id"],
        sqlite_where=WITH_DESTINATION,
        postgresql_where=WITH_DESTINATION,
    )
    op.drop_index("ix_queue_items_user_id_status", "queue_items")
    op.create_index("ix_queue_items_user_id", "queue_items", ["user_id", "id"])
    op.create_index(
        "ix_queue_items_finished",
        "queue_items",
        ["completed_at", "id"],
        sqlite_where=FINISHED,
        postgresql_where=FINISHED,
    )


def _lanes() -> None:
    op.add_column("queue_lanes", _number("running", sa.Integer()))
    op.add_column("queue_lanes", _number("vtime_us", sa.BigInteger()))
    op.add_column("queue_lanes", _number("since", sa.BigInteger()))
    op.add_column("queue_lanes", sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE queue_lanes SET since = served, running = (SELECT count(*) FROM queue_items"
        " WHERE queue_items.user_id = queue_lanes.user_id AND queue_items.status = 'in_progress')"
    )
    op.drop_index("ix_queue_lanes_waiting", "queue_lanes")
    op.drop_column("queue_lanes", "served")
    op.create_index(
        "ix_queue_lanes_waiting",
        "queue_lanes",
        ["vtime_us", "since"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )


def _pauses() -> None:
    op.create_table(
        "queue_pauses",
        sa.Column("queue_id", sa.String(64), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("queue_id", name=op.f("pk_queue_pauses")),
    )
    # Until now a pause was of all queues.
    op.execute(
        "INSERT INTO queue_pauses (queue_id, created_at) SELECT queue_id, '1970-01-01 00:00:00.000' FROM"
        " (SELECT queue_id FROM queue_counts UNION SELECT 'default') AS known"
        " WHERE EXISTS (SELECT 1 FROM queue_state WHERE key = 'paused' AND value <> 0)"
    )
    op.execute("DELETE FROM queue_state WHERE key = 'paused'")


def _totals() -> None:
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("queue_counts", recreate="always", table_kwargs={"sqlite_with_rowid": False}):
            pass
    op.create_table(
        "queue_totals",
        sa.Column("queue_id", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("queue_id", "status", name=op.f("pk_queue_totals")),
    )
    op.execute(
        "INSERT INTO queue_totals (queue_id, status, count)"
        " SELECT queue_id, status, sum(count) FROM queue_counts GROUP BY queue_id, status"
    )


def _limits() -> None:
    op.create_table(
        "limits",
        sa.Column("subject", sa.String(48), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.Float(53)),
        sa.Column("group_id", UUID),
        sa.Column("user_id", UUID),
        sa.Column("updated_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("subject", "scope", "name", name=op.f("pk_limits")),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_limits_group_id_groups"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_limits_user_id_users"), ondelete="CASCADE"),
    )
    op.create_index("ix_limits_group_id", "limits", ["group_id"])
    op.create_index("ix_limits_user_id", "limits", ["user_id"])
    op.create_index("ix_limits_name", "limits", ["name"])


def _usage() -> None:
    op.create_table(
        "usage_windows",
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("unit", sa.String(8), nullable=False),
        sa.Column("starts_at", sa.BigInteger, nullable=False),
        _number("images", sa.Integer()),
        _number("engine_us", sa.BigInteger()),
        _number("gone_images", sa.Integer()),
        _number("gone_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("user_id", "unit", "starts_at", name=op.f("pk_usage_windows")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_usage_windows_user_id_users"), ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_usage_windows_minutes", "usage_windows", ["starts_at"], sqlite_where=MINUTES, postgresql_where=MINUTES
    )
    _book_history()


def _book_history() -> None:
    """Count what was made before there were limits; minutes are forgotten after an hour, so older ones never come."""
    op.execute(
        "UPDATE queue_items SET booked_us = CAST(round(engine_s * 1000000) AS BIGINT)"
        " WHERE status = 'completed' AND engine_s IS NOT NULL"
    )
    recently = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S")
    for unit, length, where in (("day", 10, ""), ("minute", 16, f" AND created_at >= '{recently}'")):
        start = f"substr(created_at, 1, {length})"
        if op.get_bind().dialect.name == "postgresql":
            start = f"CAST(extract(epoch FROM CAST({start} AS timestamp)) AS BIGINT)"
        else:
            start = f"CAST(strftime('%s', {start}) AS INTEGER)"
        # Parts of this file, and a time that it made.
        booked = (
            f"SELECT user_id, '{unit}', {start}, count(*), sum(booked_us) FROM queue_items"  # noqa: S608
            f" WHERE status IN ('pending', 'in_progress', 'completed'){where} GROUP BY user_id, {start}"
        )
        op.execute(f"INSERT INTO usage_windows (user_id, unit, starts_at, images, engine_us) {booked}")


def _number(name: str, kind: sa.Integer) -> sa.Column[int]:
    return sa.Column(name, kind, nullable=False, server_default=sa.text("0"))
