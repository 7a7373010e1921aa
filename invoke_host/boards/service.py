"""What can be done with boards, each as one call; all checks are made inside, in the transaction that does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from invoke_host.access.engine import AccessEngine
from invoke_host.api import SYSTEM_USER_ID, Actor, FieldProblem, NotFound, Role
from invoke_host.audit.record import Origin
from invoke_host.boards import deletion, grants, rows, store
from invoke_host.boards.access import EDIT
from invoke_host.boards.deletion import Deletion
from invoke_host.boards.grantees import Naming
from invoke_host.boards.grants import Grant
from invoke_host.boards.misses import Misses
from invoke_host.boards.query import MAX_ALL, ListQuery, Order
from invoke_host.boards.rows import Page
from invoke_host.boards.store import Patch
from invoke_host.clock import Clock, timestamp
from invoke_host.images import moves
from invoke_host.images.moves import Moved
from invoke_host.storage import Storage


class BoardService:
    """Boards as their viewers and owners see them. `keep_deleted`: there is a trash, so that images can come back."""

    def __init__(self, storage: Storage, access: AccessEngine, clock: Clock, *, keep_deleted: bool = True) -> None:
        self._storage = storage
        self._access = access
        self._clock = clock
        self._keep = keep_deleted
        self._misses = Misses(clock)

    # Reading -------------------------------------------------------------------------------------------------------

    async def get(self, actor: Actor, board_id: str) -> dict[str, Any]:
        """One board. Raises NotFound."""
        return await self._storage.read(rows.one, self._access, actor, board_id)

    async def page(self, actor: Actor, query: ListQuery) -> Page:
        """A page of what the actor may see."""
        return await self._storage.read(rows.page, self._access, actor, query)

    async def everything(self, actor: Actor, order: Order, *, archived: bool) -> list[dict[str, Any]]:
        """All that the actor may see, at most MAX_ALL."""
        return await self._storage.read(rows.everything, self._access, actor, order, MAX_ALL, archived=archived)

    async def grants(self, actor: Actor, board_id: str) -> list[Grant]:
        """Whom the board is shared with, for those who may change that. Raises NotFound or Forbidden."""
        return await self._storage.read(grants.listed, self._access, actor, board_id)

    async def cover_problems(self, actor: Actor, board_id: str, cover: str) -> Sequence[FieldProblem]:
        """What is wrong with a cover, for those who may choose one. Raises NotFound or Forbidden."""

        def unit(conn: Connection) -> Sequence[FieldProblem]:
            store.authorize(conn, self._access, actor, EDIT.name, board_id)
            return store.cover_problems(conn, board_id, cover)

        return await self._storage.read(unit)

    # Changing ------------------------------------------------------------------------------------------------------

    async def create(self, actor: Actor, name: str) -> dict[str, Any]:
        """Make a private board."""
        now = self._now()

        def unit(conn: Connection) -> dict[str, Any]:
            board_id = store.create(conn, actor.id or SYSTEM_USER_ID, name, now=now)
            return rows.one(conn, self._access, actor, board_id)

        return await self._storage.write(unit)

    async def patch(self, actor: Actor, board_id: str, change: Patch, origin: Origin) -> dict[str, Any]:
        """Change a board and return it. Raises NotFound, Forbidden or InvalidInput."""
        now = self._now()

        def unit(conn: Connection) -> dict[str, Any]:
            store.patch(conn, self._access, actor, board_id, change, origin, now=now)
            return rows.one(conn, self._access, actor, board_id)

        return await self._storage.write(unit)

    async def delete(self, actor: Actor, board_id: str, origin: Origin, *, include_images: bool) -> Deletion:
        """Delete a board, and with `include_images` what is on it. Raises NotFound or Forbidden.

        A very large one goes in several transactions; if that is cut short, the board is still there with the rest.
        """
        so_far = Deletion()
        while not so_far.done:
            try:
                so_far = await self._storage.write(
                    deletion.step,
                    self._access,
                    actor,
                    board_id,
                    so_far,
                    origin,
                    include_images=include_images,
                    keep=self._keep,
                    now=self._now(),
                )
            except NotFound:
                if not so_far.images:
                    raise
                return so_far  # somebody else finished it
        return so_far

    async def grant(self, actor: Actor, board_id: str, naming: Naming, role: Role, origin: Origin) -> Grant:
        """Share a board with a user or group, or change their role. Raises NotFound, Forbidden or InvalidInput.

        Raises TooManyRequests to who has named too many that are not there.
        """
        with self._misses.counted(actor):
            return await self._storage.write(
                grants.put, self._access, actor, board_id, naming, role, origin, now=self._now()
            )

    async def revoke(self, actor: Actor, board_id: str, grant_id: int, origin: Origin) -> None:
        """Take a grant back, or leave it as its receiver. Raises NotFound or Forbidden."""
        await self._storage.write(grants.revoke, self._access, actor, board_id, grant_id, origin, now=self._now())

    async def leave(self, actor: Actor, board_id: str, origin: Origin) -> None:
        """Give up the actor's own grant. Raises NotFound."""
        await self._storage.write(grants.leave, self._access, actor, board_id, origin, now=self._now())

    async def transfer(
        self, actor: Actor, board_id: str, naming: Naming, keep: Role | None, origin: Origin
    ) -> dict[str, Any]:
        """Give a board to another user and return it, even if the actor may not see it any more.

        Raises NotFound, Forbidden or InvalidInput, and TooManyRequests as `grant`.
        """
        now = self._now()

        def unit(conn: Connection) -> dict[str, Any]:
            before = rows.one(conn, self._access, actor, board_id)
            grants.transfer(conn, self._access, actor, board_id, naming, keep, origin, now=now)
            try:
                return rows.one(conn, self._access, actor, board_id)
            except NotFound:  # given away with nothing kept
                return {**before, **rows.owner(conn, actor, board_id), "updated_at": now, "permissions": []}

        with self._misses.counted(actor):
            return await self._storage.write(unit)

    # Images on boards ----------------------------------------------------------------------------------------------

    async def place(self, actor: Actor, board_id: str, names: Sequence[str]) -> Moved:
        """Put the actor's images on a board. Raises NotFound or Forbidden for the board."""
        return await self._storage.write(moves.place, self._access, actor, board_id, names, now=self._now())

    async def place_one(self, actor: Actor, board_id: str, name: str) -> Moved:
        """Put one image on a board. Raises NotFound or Forbidden for the board and for the image."""
        return await self._storage.write(moves.place_one, self._access, actor, board_id, name, now=self._now())

    async def detach(self, actor: Actor, names: Sequence[str]) -> Moved:
        """Take images off their boards."""
        return await self._storage.write(moves.detach, self._access, actor, names, now=self._now())

    async def detach_one(self, actor: Actor, name: str) -> Moved:
        """Take one image off its board. Raises NotFound or Forbidden."""
        return await self._storage.write(moves.detach_one, self._access, actor, name, now=self._now())

    def _now(self) -> str:
        return timestamp(self._clock.now())
