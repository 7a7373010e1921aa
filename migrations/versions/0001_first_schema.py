"""The first schema: users, queue, images, events; and the user `system` that owns what single-user mode makes."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UUID = sa.String(36)
TIMESTAMP = sa.String(23)


def upgrade() -> None:
    """Make all tables, and the one row that must be there."""
    _users()
    _system_user()
    _queue()
    _images()
    _events()


def _users() -> None:
    """Users."""
    op.create_table(
        "users",
        sa.Column("id", UUID, nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("display_name", sa.String(255)),
        sa.Column("is_admin", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("updated_at", TIMESTAMP, nullable=False),
        sa.Column("last_login_at", TIMESTAMP),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )


def _system_user() -> None:
    users = sa.table(
        "users",
        sa.column("id"),
        sa.column("email"),
        sa.column("display_name"),
        sa.column("is_admin", sa.Boolean),
        sa.column("is_active", sa.Boolean),
        sa.column("created_at"),
        sa.column("updated_at"),
    )
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    row = {"id": "system", "email": "system@system.invoke-host", "display_name": "System"}
    op.execute(users.insert().values(**row, is_admin=False, is_active=True, created_at=now, updated_at=now))


def _queue() -> None:
    """Batches, queue items and their counters."""
    op.create_table(
        "queue_state",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_queue_state")),
    )
    op.create_table(
        "batches",
        sa.Column("id", UUID, nullable=False),
        sa.Column("queue_id", sa.String(64), nullable=False),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("origin", sa.String(255)),
        sa.Column("destination", sa.String(255)),
        sa.Column("requested", sa.Integer, nullable=False),
        sa.Column("enqueued", sa.Integer, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("idempotency_key", sa.String(255)),
        sa.Column("request_sha256", sa.String(64)),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_batches_user_id_users")),
        sa.UniqueConstraint("user_id", "idempotency_key", name=op.f("uq_batches_user_id_idempotency_key")),
    )
    op.create_table(
        "destination_counts",
        sa.Column("queue_id", sa.String(64), nullable=False),
        sa.Column("destination", sa.String(255), nullable=False),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("queue_id", "destination", "user_id", "status", name=op.f("pk_destination_counts")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_destination_counts_user_id_users")),
    )
    op.create_table(
        "queue_counts",
        sa.Column("queue_id", sa.String(64), nullable=False),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("queue_id", "user_id", "status", name=op.f("pk_queue_counts")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_queue_counts_user_id_users")),
    )
    op.create_table(
        "queue_lanes",
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("pending", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("served", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_queue_lanes")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_queue_lanes_user_id_users")),
    )
    op.create_index(
        "ix_queue_lanes_waiting",
        "queue_lanes",
        ["served", "user_id"],
        sqlite_where=sa.text("pending > 0"),
        postgresql_where=sa.text("pending > 0"),
    )
    op.create_table(
        "queue_items",
        sa.Column("id", ID, nullable=False),
        sa.Column("batch_id", UUID, nullable=False),
        sa.Column("batch_index", sa.Integer, nullable=False),
        sa.Column("queue_id", sa.String(64), nullable=False),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("session_id", UUID, nullable=False),
        sa.Column("origin", sa.String(255)),
        sa.Column("destination", sa.String(255)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("status_sequence", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("priority", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("worker_deaths", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("lease_token", sa.String(64)),
        sa.Column("lease_until", sa.Float(53)),
        sa.Column("device", sa.String(64)),
        sa.Column("retried_from_item_id", ID),
        sa.Column("error_type", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.Column("cancel_requested_at", TIMESTAMP),
        sa.Column("engine_s", sa.Float(53)),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("updated_at", TIMESTAMP, nullable=False),
        sa.Column("started_at", TIMESTAMP),
        sa.Column("completed_at", TIMESTAMP),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_items")),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_queue_items_batch_id_batches")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_queue_items_user_id_users")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_queue_items_batch_id", "queue_items", ["batch_id", "id"])
    op.create_index("ix_queue_items_destination", "queue_items", ["queue_id", "destination", "id"])
    op.create_index(
        "ix_queue_items_pending",
        "queue_items",
        ["user_id", sa.text("priority DESC"), "id"],
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index("ix_queue_items_queue_id", "queue_items", ["queue_id", "id"])
    op.create_index(
        "ix_queue_items_running",
        "queue_items",
        ["status", "id"],
        sqlite_where=sa.text("status = 'in_progress'"),
        postgresql_where=sa.text("status = 'in_progress'"),
    )
    op.create_index("ix_queue_items_user_id_status", "queue_items", ["user_id", "status", "id"])


def _images() -> None:
    """Images, their counters, and files that are to be removed."""
    op.create_table(
        "tombstones",
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_tombstones")),
    )
    op.create_table(
        "image_counts",
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("is_intermediate", sa.Boolean, nullable=False),
        sa.Column("starred", sa.Boolean, nullable=False),
        sa.Column("count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("user_id", "category", "is_intermediate", "starred", name=op.f("pk_image_counts")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_image_counts_user_id_users")),
    )
    op.create_table(
        "images",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("queue_item_id", ID),
        sa.Column("output_index", sa.Integer),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("is_intermediate", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("starred", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("has_workflow", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("session_id", UUID),
        sa.Column("node_id", sa.String(64)),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("thumbnail_sha256", sa.String(64), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("updated_at", TIMESTAMP, nullable=False),
        sa.Column("metadata", sa.Text),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_images_user_id_users")),
        sa.UniqueConstraint("name", name=op.f("uq_images_name")),
        sa.UniqueConstraint("queue_item_id", "output_index", name=op.f("uq_images_queue_item_id_output_index")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_images_owner_stream", "images", ["user_id", "is_intermediate", "category", "starred", "id"])
    op.create_index("ix_images_stream", "images", ["is_intermediate", "category", "starred", "id"])


def _events() -> None:
    """The outbox of events."""
    op.create_table(
        "outbox",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("audience", UUID),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
