"""Users. Row `system` owns what is made in single-user mode; it can't log in."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, String, Table, true
from sqlalchemy.sql import false

from invoke_host.storage.schema import Timestamp, metadata

users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("email", String(320), nullable=False, unique=True),
    Column("display_name", String(255)),
    Column("is_admin", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("is_active", Boolean(create_constraint=False), nullable=False, server_default=true()),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("last_login_at", Timestamp),
)
