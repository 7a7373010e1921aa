"""API tokens; of the token itself only the hash is kept."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table

from invoke_host.storage.schema import Timestamp, metadata

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("scopes", String(255), nullable=False),  # words separated by blanks, sorted
    Column("sha256", String(64), nullable=False, unique=True),
    Column("hint", String(16), nullable=False),  # how the token begins, to tell it from others
    Column("created_at", Timestamp, nullable=False),
    Column("expires_at", Timestamp),
    Column("last_used_at", Timestamp),  # written at most once a minute
    Column("last_used_address", String(64)),
    Index("ix_api_tokens_user_id", "user_id", "created_at"),
)
