"""Sessions. The row is what counts: a token whose row is gone is worth nothing, whatever its signature says."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table

from invoke_host.storage.schema import Timestamp, metadata

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("provider", String(64), nullable=False),  # the identity that logged in, for `AuthProvider.refresh`
    Column("subject", String(255), nullable=False),
    Column("remember", Boolean(create_constraint=False), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("last_seen_at", Timestamp, nullable=False),  # written at most once a minute
    Column("ends_at", Timestamp, nullable=False),  # no renewal goes beyond
    Column("address", String(64), nullable=False),
    Column("user_agent", String(255), nullable=False),
    Index("ix_sessions_user_id", "user_id", "created_at"),
    Index("ix_sessions_last_seen_at", "last_seen_at"),
)
