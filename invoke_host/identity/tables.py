"""Users, and the identities at login providers that they log in with.

Row `system` owns what is made in single-user mode; it can't log in.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, text, true
from sqlalchemy.sql import false

from invoke_host.storage.schema import Timestamp, metadata

users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column(
        "email", String(320), nullable=False, unique=True
    ),  # folded (`api.fold_login`), so that case makes no account
    Column("display_name", String(255)),
    Column("is_admin", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("is_active", Boolean(create_constraint=False), nullable=False, server_default=true()),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("last_login_at", Timestamp),
    # Grows whenever all sessions end (password, activity): a login that began before can't make a session after it.
    Column("auth_epoch", Integer, nullable=False, server_default=text("0")),
)

identities = Table(
    "identities",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("subject", String(255), primary_key=True),  # the provider's own, never-changing id
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("login", String(320), nullable=False),  # as the provider last told it, for people to read
    Column("created_at", Timestamp, nullable=False),
    Column("last_login_at", Timestamp),
    Column("checked_at", Timestamp),  # when the provider last said that this is still somebody who may log in
    Column("blocked_at", Timestamp),  # since when it says no; NULL: it does not
    Index("ix_identities_user_id", "user_id"),
    Index("ix_identities_checked_at", "provider", "checked_at"),
)
