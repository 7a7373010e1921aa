"""Workflows with their tags, and when each user opened one last."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, String, Table, Text

from invoke_host.blobs.shelf import Shelf
from invoke_host.storage.schema import Timestamp, metadata

workflows = Table(
    "workflows",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("visibility", String(16), nullable=False),  # private, public (all may look)
    Column("category", String(16), nullable=False),  # user, default, project
    Column("name", String(512), nullable=False),
    Column("name_key", String(512), nullable=False),  # as it is sorted: folded
    Column("description", Text, nullable=False),
    Column("tags", Text, nullable=False),  # with commas between; `shared` among them when published
    Column("size_bytes", BigInteger, nullable=False),
    Column("thumbnail_id", String(36)),  # of its file (THUMBNAILS); NULL = none
    Column("thumbnail_sha256", String(64)),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("workflow", Text, nullable=False),  # the JSON text exactly as it came; last, because it can be long
    CheckConstraint("visibility IN ('private', 'public')", name="visibility"),
    Index("ix_workflows_user_id_updated_at_id", "user_id", "updated_at", "id"),
    Index("ix_workflows_visibility_updated_at_id", "visibility", "updated_at", "id"),
)

#: The files of thumbnails.
THUMBNAILS = Shelf("workflow_thumbnails", workflows.c.id, workflows.c.thumbnail_id)

workflow_tags = Table(
    "workflow_tags",
    metadata,
    Column("workflow_id", String(36), ForeignKey("workflows.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", String(128), primary_key=True),
    Index("ix_workflow_tags_tag", "tag", "workflow_id"),
)

workflow_opens = Table(
    "workflow_opens",
    metadata,
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("workflow_id", String(36), ForeignKey("workflows.id", ondelete="CASCADE"), primary_key=True),
    Column("opened_at", Timestamp, nullable=False),
    Index("ix_workflow_opens_workflow_id", "workflow_id"),
)
