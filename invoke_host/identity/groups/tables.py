"""Groups and who is in them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table

from invoke_host.storage.schema import Timestamp, metadata

groups = Table(
    "groups",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("name_key", String(128), nullable=False, unique=True),  # case-folded: two groups never differ by case only
    Column("description", String(1024), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", String(36), ForeignKey("groups.id"), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("added_at", Timestamp, nullable=False),
    Column("provider", String(64)),  # who put them in and may take them out; NULL: an administrator
    Index("ix_group_members_user_id", "user_id"),
)
