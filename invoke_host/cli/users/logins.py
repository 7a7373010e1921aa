"""The logins of a user that are good now, and ending them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke_host.cli.errors import CliError, ExitCode

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from invoke_host.audit.record import Origin
    from invoke_host.cli.accounts import Accounts
    from invoke_host.identity.sessions.store import Session


def logins(accounts: Accounts, user_id: str) -> list[Session]:
    """The user's sessions that are not over, the newest first."""
    from invoke_host.identity.sessions import store
    from invoke_host.identity.sessions.life import Limits

    services = accounts.services
    limits = Limits.at(services.clock.now(), services.lifetimes)
    found = accounts.run(services.storage.read(store.of_user, user_id))
    return [
        each
        for each in found
        if limits.allow(remember=each.remember, last_seen_at=each.last_seen_at, ends_at=each.ends_at)
    ]


def end(accounts: Accounts, user_id: str, session_id: str | None) -> int:
    """End one session of the user, or all; how many there were.

    Raises:
        CliError: the user has no session of that id.
    """
    from invoke_host.clock import timestamp

    services = accounts.services
    now = timestamp(services.clock.now())
    count = accounts.run(services.storage.write(_end, user_id, session_id, accounts.origin, now))
    if session_id is not None and not count:
        raise CliError(f"there is no session {session_id!r} of this user", ExitCode.NOT_FOUND)
    return count


def _end(conn: Connection, user_id: str, session_id: str | None, origin: Origin, now: str) -> int:
    from invoke_host.audit.record import Target, append
    from invoke_host.identity.sessions import store

    details: dict[str, object]
    if session_id is None:
        count = store.end_all(conn, user_id)
        target, details = Target("user", user_id), {"count": count}
    else:
        count = int(store.end(conn, session_id, user_id))
        target, details = Target("session", session_id), {"user_id": user_id}
    if count:
        append(conn, origin, "session.end", target, details=details, now=now)
    return count
