"""Images, their counters and texts.

An image row exists only when its files are on disk under its name; a tombstone (`blobs.tables`) exists from the
deletion of the row until the files are gone. `image_counts` is kept in the same transaction as the rows. An image in
the trash keeps its row and files: `deleted_at` is set, and it is in no listing, count or search but the trash's.

Full-text search has a table of its own kind for each database: see `images.search`.
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

#: What `image_counts.board_id` says of images on no board; also how clients ask for these.
NO_BOARD = "none"

_LIVE = text("deleted_at IS NULL")
_IN_TRASH = text("deleted_at IS NOT NULL")

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
    Column("board_id", String(36), ForeignKey("boards.id")),  # at most one board; stays while in the trash
    Column("deleted_at", Timestamp),  # in the trash since; NULL = not there
    Column("deleted_by", String(36)),  # who put it there; no foreign key: says nothing once that user is gone
    UniqueConstraint("queue_item_id", "output_index"),
    # A listing is a merge of streams, one for each kind (is_intermediate, category, starred) and place (everything, a
    # board, one user's images on one board or none) that image_counts says is not empty; each is a range of one of
    # these, so that no page ever sorts or skips rows (images.listing).
    Index(
        "ix_images_stream",
        "is_intermediate",
        "category",
        "starred",
        "id",
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    ),
    Index(
        "ix_images_board_stream",
        "board_id",
        "is_intermediate",
        "category",
        "starred",
        "id",
        "name",  # so that all names of a board are read from here alone
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    ),
    Index(
        "ix_images_owner_stream",
        "user_id",
        "board_id",
        "is_intermediate",
        "category",
        "starred",
        "id",
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    ),
    Index("ix_images_trash", "deleted_at", "id", sqlite_where=_IN_TRASH, postgresql_where=_IN_TRASH),
    Index("ix_images_trash_owner", "user_id", "deleted_at", "id", sqlite_where=_IN_TRASH, postgresql_where=_IN_TRASH),
    Index("ix_images_trash_board", "board_id", "deleted_at", "id", sqlite_where=_IN_TRASH, postgresql_where=_IN_TRASH),
    sqlite_autoincrement=True,
)

#: What an image's file says about how it was made: JSON texts that can be long, apart from the columns of listings.
image_texts = Table(
    "image_texts",
    metadata,
    Column(
        "image_id",
        BigInteger().with_variant(Integer, "sqlite"),
        ForeignKey("images.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("metadata", Text),
    Column("workflow", Text),
    Column("graph", Text),
)

#: Images that are not in the trash, by owner, board (`NO_BOARD` for none) and kind.
image_counts = Table(
    "image_counts",
    metadata,
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("board_id", String(36), primary_key=True),  # no foreign key: NO_BOARD is no board
    Column("category", String(16), primary_key=True),
    Column("is_intermediate", Boolean(create_constraint=False), primary_key=True),
    Column("starred", Boolean(create_constraint=False), primary_key=True),
    Column("count", Integer, nullable=False, server_default=text("0")),
    Index("ix_image_counts_board_id", "board_id", "is_intermediate", "category", "starred", "count"),
    Index("ix_image_counts_kind", "is_intermediate", "category", "starred", "count"),
)

#: The same by the day on which they were made, for lists of days; `images.search.days` keeps it.
image_days = Table(
    "image_days",
    metadata,
    Column("user_id", String(36), primary_key=True),  # no foreign key: it says what image_search says
    Column("board_id", String(36), primary_key=True),
    Column("day", String(10), primary_key=True),  # 2026-11-23
    Column("category", String(16), primary_key=True),
    Column("is_intermediate", Boolean(create_constraint=False), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_id", BigInteger().with_variant(Integer, "sqlite"), nullable=False),  # the newest of them
    Index("ix_image_days_board_id", "board_id", "is_intermediate", "day", "category", "count", "last_id"),
)

#: Archives that somebody asked for; the id is the secret name under which its owner may fetch it, once.
downloads = Table(
    "downloads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(16), nullable=False),  # preparing, ready, failed
    Column("image_count", Integer, nullable=False),
    Column("size_bytes", BigInteger),
    Column("created_at", Timestamp, nullable=False),
    Column("expires_at", Timestamp, nullable=False),
    Index("ix_downloads_user_id", "user_id"),
    Index("ix_downloads_expires_at", "expires_at"),
)
