"""The outbox: each row is an event, written in the transaction that made it true and sent after commit."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from invoke_host.storage.schema import Timestamp, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", String(64), nullable=False),
    Column("audience", String(36)),  # a user id; NULL = everybody. No foreign key: events outlive their user
    Column("payload", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    sqlite_autoincrement=True,  # ids must not be used again: clients resume by them
)
