"""One row per event. Triggers of the migration refuse UPDATE and DELETE, so that not even our own code can edit it.

No foreign keys: the log outlives the users it is about.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from invoke_host.storage.schema import Timestamp, metadata

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Timestamp, nullable=False),
    Column("action", String(64), nullable=False),  # `login`, `user.create`, `group.member.add`, ...
    Column("outcome", String(16), nullable=False),  # ok, refused, failed
    Column("actor_id", String(36)),  # None: nobody was logged in
    Column("actor_name", String(320), nullable=False),
    Column("via", String(16), nullable=False),  # api, cli, host
    Column("address", String(64)),
    Column("target_type", String(32)),
    Column("target_id", String(255)),
    Column("target_name", String(320)),
    Column("details", Text, nullable=False),  # JSON object, no secrets
    Index("ix_audit_log_actor_id", "actor_id", "id"),
    Index("ix_audit_log_target_id", "target_id", "id"),
    Index("ix_audit_log_action", "action", "id"),
    sqlite_autoincrement=True,
)
