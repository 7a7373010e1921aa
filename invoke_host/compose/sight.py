"""Tells the event hub who sees which boards, by the same predicates as every request; events know nothing of boards."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import ColumnElement, Connection, bindparam, select

from invoke_host.access import AccessEngine
from invoke_host.api import Actor, HookFailed, StorageUnavailable
from invoke_host.boards.access import VIEW
from invoke_host.boards.tables import boards
from invoke_host.storage import PreparedSelect, Storage, quick

#: Longest time for what policies look up about one caller; shorter than the hub waits for all of them.
FACTS_S = 1.0

#: So many statements, one for each caller, are short enough for the event loop.
_FEW = 4

#: Boards that one statement is about; there are rarely more in one batch of events.
_AT_ONCE = 8

Boards = frozenset[str]


class BoardSight:
    """Which of some boards each of some callers sees: one read for all of them.

    A policy or statement that fails for one caller leaves only that one unanswered.
    """

    def __init__(self, storage: Storage, access: AccessEngine) -> None:
        self._storage = storage
        self._access = access

    async def __call__(self, actors: Sequence[Actor], board_ids: Sequence[str]) -> list[Boards | None]:
        """The boards of each caller, in the order of `actors`; None for whom that can't be told.

        Raises StorageUnavailable, or what one read of one caller raises that is the fault of none.
        """
        ready = await asyncio.gather(*(self._prepared(actor) for actor in actors))
        few = len(actors) <= _FEW and len(board_ids) <= _AT_ONCE
        try:
            return await self._storage.read(self._few if few else self._all, ready, board_ids)
        except StorageUnavailable:
            raise
        except Exception:  # noqa: BLE001 - a plugin's expression that the database refuses may be anything
            return [await self._alone(actor, board_ids) for actor in ready]

    async def _prepared(self, actor: Actor) -> Actor | None:
        try:
            async with asyncio.timeout(FACTS_S):
                return await self._access.prepare(actor)
        except (HookFailed, TimeoutError):
            return None

    async def _alone(self, actor: Actor | None, board_ids: Sequence[str]) -> Boards | None:
        try:
            return (await self._storage.read(self._all, [actor], board_ids))[0]
        except StorageUnavailable:
            raise
        except Exception:  # noqa: BLE001 - as above
            return None

    def _all(self, conn: Connection, actors: Sequence[Actor | None], board_ids: Sequence[str]) -> list[Boards | None]:
        return [self._of(conn, actor, board_ids) for actor in actors]

    @quick
    def _few(self, conn: Connection, actors: Sequence[Actor | None], board_ids: Sequence[str]) -> list[Boards | None]:
        return self._all(conn, actors, board_ids)

    def _of(self, conn: Connection, actor: Actor | None, board_ids: Sequence[str]) -> Boards | None:
        if actor is None:
            return None
        try:
            statement = _statement(self._access.predicate(actor, VIEW.name))
        except HookFailed:
            return None
        seen: set[str] = set()
        for start in range(0, len(board_ids), _AT_ONCE):
            some = board_ids[start : start + _AT_ONCE]
            values = {f"board_{place}": some[place % len(some)] for place in range(_AT_ONCE)}
            seen.update(row[0] for row in statement.all(conn, values))
        return frozenset(seen)


@lru_cache(2048)
def _statement(allowed: ColumnElement[bool]) -> PreparedSelect:
    places = [bindparam(f"board_{place}", type_=boards.c.id.type) for place in range(_AT_ONCE)]
    return PreparedSelect(select(boards.c.id).where(boards.c.id.in_(places), allowed))
