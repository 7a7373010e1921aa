"""Failed logins per account and per address, kept in the database so that a restart forgives nothing."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, String, Table

from invoke_host.storage.schema import Epoch, metadata

login_throttle = Table(
    "login_throttle",
    metadata,
    Column("key", String(128), primary_key=True),  # `account:<hash>`, `device:<id>:<hash>`, `address:<network>`
    Column("debt", Float(53), nullable=False),  # failures that still count; shrinks with time
    Column("updated_at", Epoch, nullable=False),
    Column("blocked_until", Epoch, nullable=False),
    Index("ix_login_throttle_updated_at", "updated_at"),
)
