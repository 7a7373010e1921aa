"""Images, their counters, and the tombstones of files that are still to be removed.

An image row exists only when its files are on disk under its name; a tombstone exists from the deletion of the row
until the files are gone. `image_counts` is kept in the same transaction as the rows.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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
from sqlalchemy.sql import false

from invoke_host.storage.schema import Timestamp, metadata

images = Table(
    "images",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False, unique=True),  # `<uuid>.png`
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("queue_item_id", BigInteger().with_variant(Integer, "sqlite")),  # no foreign key: outlives its item
    Column("output_index", Integer),
    Column("origin", String(16), nullable=False),  # internal, external
    Column("category", String(16), nullable=False),  # general, mask, control, user, other
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("is_intermediate", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("starred", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("has_workflow", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("session_id", String(36)),
    Column("node_id", String(64)),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("thumbnail_sha256", String(64), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    # JSON object as embedded in the PNG. Last, because it can be long: SQLite walks over what stands before a column.
    Column("metadata", Text),
    UniqueConstraint("queue_item_id", "output_index"),
    # A listing is a merge of streams, one for each (is_intermediate, category, starred) that image_counts says is not
    # empty; each stream is a range of one of these, so that no page ever sorts or skips rows (images.listing).
    Index("ix_images_owner_stream", "user_id", "is_intermediate", "category", "starred", "id"),
    Index("ix_images_stream", "is_intermediate", "category", "starred", "id"),
    sqlite_autoincrement=True,
)

image_counts = Table(
    "image_counts",
    metadata,
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("category", String(16), primary_key=True),
    Column("is_intermediate", Boolean(create_constraint=False), primary_key=True),
    Column("starred", Boolean(create_constraint=False), primary_key=True),
    Column("count", Integer, nullable=False, server_default=text("0")),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("key", String(255), primary_key=True),  # blob key whose file is to be removed
    Column("created_at", Timestamp, nullable=False),
)
