"""All SQL about client state. Every statement is about one user, and there is none about all."""

from __future__ import annotations

import string

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from invoke_host.api import FieldProblem, InvalidInput, PayloadTooLarge
from invoke_host.client_state.schema import MAX_KEYS
from invoke_host.client_state.tables import client_state
from invoke_host.identity.tables import users
from invoke_host.storage import quick


@quick
def get(conn: Connection, user_id: str, key: str) -> str | None:
    """The value, or None if there is none."""
    return conn.scalar(select(client_state.c.value).where(_is(user_id, key)))


@quick
def keys(conn: Connection, user_id: str, prefix: str) -> list[str]:
    """Keys that begin with the prefix, upper and lower case of A to Z being the same; those written last come first."""
    newest = (client_state.c.updated_at.desc(), client_state.c.key)
    found = conn.scalars(select(client_state.c.key).where(client_state.c.user_id == user_id).order_by(*newest))
    # Not LIKE: the databases disagree on what is the same letter, and MAX_KEYS bounds what is read.
    wanted = _folded(prefix)
    return [key for key in found if _folded(key).startswith(wanted)]


def put(conn: Connection, user_id: str, key: str, value: str, *, max_total_bytes: int, now: str) -> None:
    """Keep a value, in the place of the one before. `max_total_bytes` is for all values of the user together.

    Raises:
        PayloadTooLarge: with it, the values would take more.
        InvalidInput: the user has MAX_KEYS other keys.
    """
    # Two requests of one user wait for each other, or both could find room for what fits only once.
    conn.execute(select(users.c.id).where(users.c.id == user_id).with_for_update()).one_or_none()
    others = select(func.count(), func.coalesce(func.sum(client_state.c.size_bytes), 0)).where(
        client_state.c.user_id == user_id, client_state.c.key != key
    )
    count, taken = conn.execute(others).one()
    size_bytes = len(value.encode())
    if taken + size_bytes > max_total_bytes:
        raise PayloadTooLarge(
            f"your client state would take {taken + size_bytes} bytes, the limit is {max_total_bytes} "
            f"([stored] max_client_state_kb); delete some of it"
        )
    if count >= MAX_KEYS:
        raise InvalidInput(
            [FieldProblem(("query", "key"), f"you have {count} keys, the limit is {MAX_KEYS}; delete some", "too_many")]
        )
    make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    row = {"value": value, "size_bytes": size_bytes, "updated_at": now}
    statement = make(client_state).values(user_id=user_id, key=key, **row)
    conn.execute(statement.on_conflict_do_update(index_elements=[client_state.c.user_id, client_state.c.key], set_=row))


def remove(conn: Connection, user_id: str, key: str) -> None:
    """Forget one value; fine if there is none."""
    conn.execute(delete(client_state).where(_is(user_id, key)))


def clear(conn: Connection, user_id: str) -> None:
    """Forget all of the user's values."""
    conn.execute(delete(client_state).where(client_state.c.user_id == user_id))


def _is(user_id: str, key: str) -> ColumnElement[bool]:
    return and_(client_state.c.user_id == user_id, client_state.c.key == key)


def _folded(text: str) -> str:
    return text.translate(_LOWER)


_LOWER = {ord(letter): letter.lower() for letter in string.ascii_uppercase}
