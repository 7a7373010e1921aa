"""Style presets."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String, Table, Text

from invoke_host.blobs.shelf import Shelf
from invoke_host.storage.schema import Timestamp, metadata

style_presets = Table(
    "style_presets",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("visibility", String(16), nullable=False),  # private, public (all may look)
    Column("type", String(16), nullable=False),  # user, default
    Column("name", String(512), nullable=False),
    Column("name_key", String(512), nullable=False),  # as it is sorted: folded
    Column("positive_prompt", Text, nullable=False),
    Column("negative_prompt", Text, nullable=False),
    Column("image_id", String(36)),  # of its file (IMAGES); NULL = no picture
    Column("image_sha256", String(64)),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    CheckConstraint("visibility IN ('private', 'public')", name="visibility"),
    Index("ix_style_presets_user_id_name_key_id", "user_id", "name_key", "id"),
    Index("ix_style_presets_visibility_name_key_id", "visibility", "name_key", "id"),
)

#: The files of pictures.
IMAGES = Shelf("style_preset_images", style_presets.c.id, style_presets.c.image_id)
