"""Boards and the grants on them. The images of a board point at it (`images.board_id`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table
from sqlalchemy.sql import false

from invoke_host.storage.schema import Timestamp, metadata

boards = Table(
    "boards",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(300), nullable=False),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("visibility", String(16), nullable=False),  # private, shared (all may look), public (all may add)
    Column("archived", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("cover_image_name", String(64)),  # what somebody chose; it counts only while that image is on the board
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    CheckConstraint("visibility IN ('private', 'shared', 'public')", name="visibility"),
    Index("ix_boards_user_id", "user_id"),
    Index("ix_boards_created_at_id", "created_at", "id"),
)

#: Who may do more on a board than its visibility says: one user or one group, with one role.
board_grants = Table(
    "board_grants",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("board_id", String(36), ForeignKey("boards.id", ondelete="CASCADE"), nullable=False),
    # A grant goes with whom it is for: it is nothing that one owns.
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE")),
    Column("group_id", String(36), ForeignKey("groups.id", ondelete="CASCADE")),
    Column("role", String(16), nullable=False),  # viewer, contributor, editor
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    CheckConstraint("(user_id IS NULL) <> (group_id IS NULL)", name="one_grantee"),
    CheckConstraint("role IN ('viewer', 'contributor', 'editor')", name="role"),
    Index("uq_board_grants_user", "board_id", "user_id", unique=True),
    Index("uq_board_grants_group", "board_id", "group_id", unique=True),
    Index("ix_board_grants_user_id", "user_id"),
    Index("ix_board_grants_group_id", "group_id"),
)
