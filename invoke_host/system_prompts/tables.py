"""System prompts."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String, Table, Text

from invoke_host.storage.schema import Timestamp, metadata

#: Those that came with the host (migrations/data). They stay with the user `system`.
SHIPPED: Final = (
    "f6fadfa7-e5c1-4b62-9362-da5cc13da58a",
    "2c63888f-28f0-4481-be6d-dce7a7ace732",
    "8a119b9e-16bc-4732-8f7b-7676d015b0dc",
    "bc67ba94-637d-4efa-a09e-467ada679f81",
    "fab36728-a78b-4b7e-8787-c0de2f960063",
    "a712755f-6cac-44d5-99d5-269512e74f7b",
)

system_prompts = Table(
    "system_prompts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("visibility", String(16), nullable=False),  # private, public (all may look)
    Column("name", String(512), nullable=False),
    Column("name_key", String(512), nullable=False),  # as it is sorted: folded
    Column("content", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    CheckConstraint("visibility IN ('private', 'public')", name="visibility"),
    Index("ix_system_prompts_user_id_name_key_id", "user_id", "name_key", "id"),
    Index("ix_system_prompts_visibility_name_key_id", "visibility", "name_key", "id"),
)
