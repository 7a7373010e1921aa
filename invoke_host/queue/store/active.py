"""Whose work may run: the owner's row decides, at the claim and while the work runs, whichever process changed it."""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, exists, or_

from invoke_host.identity.tables import users
from invoke_host.queue.tables import queue_lanes


def owner_is_active(user_id: Column[str]) -> ColumnElement[bool]:
    """True where the user of that column exists and is not deactivated; one look-up by primary key for each row."""
    # A subquery of each row, not a join: no database then begins with the users and sorts all lanes afterwards.
    return exists().where(users.c.id == user_id, users.c.is_active)


#: True of a row of `users` with items that wait or run.
HAS_WORK: ColumnElement[bool] = exists().where(
    queue_lanes.c.user_id == users.c.id, or_(queue_lanes.c.pending > 0, queue_lanes.c.running > 0)
)
