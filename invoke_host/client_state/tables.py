"""Values by user and key."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, String, Table, Text

from invoke_host.storage.schema import Timestamp, metadata

client_state = Table(
    "client_state",
    metadata,
    # Goes with the user; it is settings and nothing that could be handed over.
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("value", Text, nullable=False),
)
