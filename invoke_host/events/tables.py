"""The outbox: each row is an event, written in the transaction that made it true and sent after commit.

Whom an event goes to is said by four columns, and decided for each reader when it is sent (`events.audience`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from invoke_host.storage.schema import Timestamp, metadata

# No foreign keys: events outlive users and boards.
outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", String(64), nullable=False),
    Column("audience", String(36)),  # a user id
    Column("payload", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("board_id", String(36)),  # and all who see this board; neither: everybody
    Column("except_board_id", String(36)),  # but nobody who sees this board,
    Column("except_user_id", String(36)),  # nor this user
    sqlite_autoincrement=True,  # ids must not be used again: clients resume by them
)
