"""Sharing a board with chosen people and groups, taking that back, leaving, and giving the board away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, FieldProblem, InvalidInput, NotFound, Role
from invoke_host.audit.record import Origin, append
from invoke_host.boards import grantees, telling
from invoke_host.boards.access import SHARE, TRANSFER, VIEW
from invoke_host.boards.grantees import Grantee, Naming
from invoke_host.boards.store import authorize, hold, set_columns, target
from invoke_host.boards.tables import board_grants
from invoke_host.boards.telling import Board
from invoke_host.identity.groups.tables import groups
from invoke_host.identity.naming import shown_name
from invoke_host.identity.tables import users


@dataclass(frozen=True, slots=True)
class Grant:
    """A role for a user or for a group. `name` is what the one whom it is for is called."""

    id: int
    role: str
    user_id: str | None
    group_id: str | None
    name: str
    created_at: str


def listed(conn: Connection, access: AccessEngine, actor: Actor, board_id: str) -> list[Grant]:
    """All grants on a board, oldest first, for those who may change them. Raises NotFound or Forbidden."""
    authorize(conn, access, actor, SHARE.name, board_id)
    rows = conn.execute(_GRANTS.where(board_grants.c.board_id == board_id).order_by(board_grants.c.id))
    return [_grant(row, actor) for row in rows]


def put(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    board_id: str,
    naming: Naming,
    role: Role,
    origin: Origin,
    *,
    now: str,
) -> Grant:
    """Give the role to a user or group, instead of the one that they have.

    Raises NotFound or Forbidden for the board, InvalidInput for whoever can't be given it.
    """
    found = grantees.find(conn, actor, naming)
    board = hold(conn, access, actor, board_id, SHARE.name)
    grantee = _someone_else(found, board, naming)
    _give(conn, board, grantee, role, origin, now=now)
    row = conn.execute(_GRANTS.where(board_grants.c.board_id == board.id, _of(grantee))).one()
    return _grant(row, actor)


def revoke(
    conn: Connection, access: AccessEngine, actor: Actor, board_id: str, grant_id: int, origin: Origin, *, now: str
) -> None:
    """Take a grant back; its receiver leaves it so. Raises NotFound or Forbidden."""
    board = hold(conn, access, actor, board_id, VIEW.name)
    row = conn.execute(_ROW.where(board_grants.c.board_id == board.id, board_grants.c.id == grant_id)).one_or_none()
    if row is None or row.user_id is None or row.user_id != actor.id:
        authorize(conn, access, actor, SHARE.name, board_id)
    if row is None:
        raise NotFound(f"There is no grant {grant_id} on this board.")
    _take(conn, board, row, origin, now=now)


def leave(conn: Connection, access: AccessEngine, actor: Actor, board_id: str, origin: Origin, *, now: str) -> None:
    """Give up the actor's own grant. Raises NotFound where there is none; that of a group is not theirs to give up."""
    board = hold(conn, access, actor, board_id, VIEW.name)
    row = conn.execute(
        _ROW.where(board_grants.c.board_id == board.id, board_grants.c.user_id == str(actor.id))
    ).one_or_none()
    if row is None:
        raise NotFound("This board is not shared with you by name.")
    _take(conn, board, row, origin, now=now)


def transfer(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    board_id: str,
    naming: Naming,
    keep: Role | None,
    origin: Origin,
    *,
    now: str,
) -> None:
    """Give the board to another user; `keep` is the role that its owner has from then on, None for none.

    Images on it stay whose they are. Raises NotFound or Forbidden for the board, InvalidInput for the user.
    """
    found = grantees.find(conn, actor, naming)
    board = hold(conn, access, actor, board_id, TRANSFER.name)
    heir = _someone_else(found, board, naming)
    set_columns(conn, board.id, {"user_id": heir.user_id}, now=now)
    conn.execute(delete(board_grants).where(board_grants.c.board_id == board.id, _of(heir)))
    if keep is not None:
        _insert(conn, board.id, Grantee(board.user_id, None, ""), keep, now=now)
    given = Board(board.id, board.name, str(heir.user_id), board.visibility)
    telling.changed(conn, "updated", given, now=now)
    telling.gone(conn, board.id, [board.user_id], now=now)
    details = {"from": board.user_id, "to": heir.user_id, "keep_role": keep}
    append(conn, origin, "board.transfer", target(board), details=details, now=now)


def _give(conn: Connection, board: Board, grantee: Grantee, role: Role, origin: Origin, *, now: str) -> None:
    had = conn.scalar(select(board_grants.c.role).where(board_grants.c.board_id == board.id, _of(grantee)))
    if had == role:
        return
    if had is None:
        _insert(conn, board.id, grantee, role, now=now)
    else:
        which = (board_grants.c.board_id == board.id, _of(grantee))
        conn.execute(update(board_grants).where(*which).values(role=role, updated_at=now))
    telling.changed(conn, "updated", board, now=now)
    details = {**_whom(grantee), "role": role, "before": had}
    append(conn, origin, "board.grant", target(board), details=details, now=now)


def _take(conn: Connection, board: Board, row: Any, origin: Origin, *, now: str) -> None:
    conn.execute(delete(board_grants).where(board_grants.c.id == row.id))
    losers = [row.user_id] if row.user_id is not None else telling.members(conn, row.group_id)
    telling.changed(conn, "updated", board, now=now)
    telling.gone(conn, board.id, losers, now=now)
    details = {**_whom(row), "role": row.role}
    append(conn, origin, "board.revoke", target(board), details=details, now=now)


def _insert(conn: Connection, board_id: str, grantee: Grantee, role: Role, *, now: str) -> None:
    whom = {"user_id": grantee.user_id, "group_id": grantee.group_id}
    conn.execute(insert(board_grants).values(board_id=board_id, role=role, **whom, created_at=now, updated_at=now))


def _someone_else(found: Grantee | InvalidInput, board: Board, naming: Naming) -> Grantee:
    """Who was named, unless nobody or the owner was."""
    if isinstance(found, InvalidInput):
        raise found
    if found.user_id == board.user_id:
        field = "user_id" if naming.user_id is not None else "email"
        raise InvalidInput([FieldProblem(("body", field), "this user owns the board already", "grantee")])
    return found


def _of(grantee: Grantee) -> Any:
    if grantee.user_id is not None:
        return board_grants.c.user_id == grantee.user_id
    return board_grants.c.group_id == grantee.group_id


def _whom(named: Any) -> dict[str, str]:
    return {"user_id": named.user_id} if named.user_id is not None else {"group_id": named.group_id}


def _grant(row: Sequence[Any], actor: Actor) -> Grant:
    grant_id, role, user_id, group_id, created_at, display_name, email, group = row
    name = group if user_id is None else shown_name(display_name, email, to_admin=actor.is_admin)
    return Grant(grant_id, role, user_id, group_id, name, created_at)


_ROW = select(board_grants.c.id, board_grants.c.role, board_grants.c.user_id, board_grants.c.group_id)
_GRANTS = (
    _ROW.add_columns(board_grants.c.created_at, users.c.display_name, users.c.email, groups.c.name)
    .outerjoin_from(board_grants, users, users.c.id == board_grants.c.user_id)
    .outerjoin(groups, groups.c.id == board_grants.c.group_id)
)
