"""Events about boards: who sees one hears what becomes of it, and who loses sight of one hears that it is gone.

Who sees a board is found out when an event is sent. Of a board that is deleted nobody can find that out any more, so
those who saw it are written down in the transaction that deletes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select, union_all

from invoke_host.api import UserId
from invoke_host.boards.tables import board_grants
from invoke_host.events import store as events
from invoke_host.identity.groups.tables import group_members

#: Ids in one event, and in one IN (...).
_IDS = 500


@dataclass(frozen=True, slots=True)
class Board:
    """A row, as far as its rules go."""

    id: str
    name: str
    user_id: str
    visibility: str
    archived: bool = False
    cover_image_name: str | None = None


def changed(conn: Connection, how: Literal["added", "updated"], board: Board, *, now: str) -> None:
    """Tell the owner and all who see it when this is sent."""
    payload: dict[str, list[str]] = {"added": [], "updated": [], "deleted": [], how: [board.id]}
    events.append(conn, "boards_changed", payload, UserId(board.user_id), now=now, board_id=board.id)


def gone(conn: Connection, board_id: str, user_ids: Iterable[str | None], *, now: str) -> None:
    """Tell these users (None: everybody) that the board is gone, but for those who see it all the same."""
    for user_id in user_ids:
        audience = None if user_id is None else UserId(user_id)
        events.append(conn, "boards_gone", {"board_ids": [board_id]}, audience, now=now, except_board_id=board_id)


def deleted(conn: Connection, boards: Sequence[Board], *, now: str) -> None:
    """Tell those who see these boards now that they are being deleted: owner and receivers of grants, or everybody."""
    told: dict[str | None, list[str]] = {}
    for board in boards:
        if board.visibility != "private":
            told.setdefault(None, []).append(board.id)
        else:
            told.setdefault(board.user_id, []).append(board.id)
    private = {board.id: board.user_id for board in boards if board.visibility == "private"}
    for board_id, user_id in _receivers(conn, list(private)):
        if user_id != private[board_id]:
            told.setdefault(user_id, []).append(board_id)
    for audience, ids in told.items():
        for at in range(0, len(ids), _IDS):
            payload: dict[str, list[str]] = {"added": [], "updated": [], "deleted": ids[at : at + _IDS]}
            events.append(conn, "boards_changed", payload, None if audience is None else UserId(audience), now=now)


def members(conn: Connection, group_id: str) -> list[str]:
    """The users in a group."""
    in_group = select(group_members.c.user_id).where(group_members.c.group_id == group_id)
    return list(conn.scalars(in_group.order_by(group_members.c.user_id)))


def _receivers(conn: Connection, board_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Board and user for each grant, those to groups once for each member; each pair once."""
    pairs: set[tuple[str, str]] = set()
    for at in range(0, len(board_ids), _IDS):
        some = board_ids[at : at + _IDS]
        users = select(board_grants.c.board_id, board_grants.c.user_id).where(
            board_grants.c.board_id.in_(some), board_grants.c.user_id.is_not(None)
        )
        groups = (
            select(board_grants.c.board_id, group_members.c.user_id)
            .join(group_members, group_members.c.group_id == board_grants.c.group_id)
            .where(board_grants.c.board_id.in_(some))
        )
        pairs.update((board_id, user_id) for board_id, user_id in conn.execute(union_all(users, groups)))
    return sorted(pairs)
