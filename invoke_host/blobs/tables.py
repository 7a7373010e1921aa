"""Tombstones: the keys of files that may have no row."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from invoke_host.storage.schema import Timestamp, metadata

tombstones = Table(
    "tombstones",
    metadata,
    Column("key", String(255), primary_key=True),  # blob key whose file is to be removed
    Column("created_at", Timestamp, nullable=False),
)
