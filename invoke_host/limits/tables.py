"""Limits of everybody, of groups and of single users; and what users have used, by minute and by day."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, text

from invoke_host.storage.schema import Timestamp, metadata

limits = Table(
    "limits",
    metadata,
    Column("subject", String(48), primary_key=True),  # `everyone`, `group:<id>`, `user:<id>`
    Column("scope", String(16), primary_key=True),  # `each`: of every member alone; `together`: of a group as a whole
    Column("name", String(32), primary_key=True),  # limits.names
    Column("value", Float(53)),  # NULL: explicitly none
    Column("group_id", String(36), ForeignKey("groups.id", ondelete="CASCADE")),
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE")),
    Column("updated_at", Timestamp, nullable=False),
    Index("ix_limits_group_id", "group_id"),
    Index("ix_limits_user_id", "user_id"),
    Index("ix_limits_name", "name"),  # asked at each claim: has anybody a weight, or a cap on running items?
)

# What was booked when items were enqueued, less what was given back. The month is the sum of its days.
usage_windows = Table(
    "usage_windows",
    metadata,
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("unit", String(8), primary_key=True),  # `minute`, `day`
    Column("starts_at", BigInteger, primary_key=True),  # seconds since the epoch, UTC
    Column("images", Integer, nullable=False, server_default=text("0")),
    Column("engine_us", BigInteger, nullable=False, server_default=text("0")),
    # The part of these that belongs to items whose rows are gone: the rest equals the sum over the rows, always.
    Column("gone_images", Integer, nullable=False, server_default=text("0")),
    Column("gone_us", BigInteger, nullable=False, server_default=text("0")),
    # Only for forgetting old minutes: what users and groups have used is found by user.
    Index(
        "ix_usage_windows_minutes",
        "starts_at",
        sqlite_where=text("unit = 'minute'"),
        postgresql_where=text("unit = 'minute'"),
    ),
    sqlite_with_rowid=False,  # a user's windows lie beside each other
)
