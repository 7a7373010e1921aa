"""Starring, changing and deleting images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Forbidden
from invoke_host.audit.record import Origin
from invoke_host.clock import Clock, timestamp
from invoke_host.faults import failpoint
from invoke_host.images import bulk, editing, rows, trash
from invoke_host.images.changes import Changed
from invoke_host.images.nowhere import on_none
from invoke_host.images.removal import Undertaker
from invoke_host.images.tables import images
from invoke_host.images.trash import Discarded
from invoke_host.storage import Storage


class ImageChanger:
    """Changes of images.

    `keep_deleted` False: this host has no trash, what is deleted is gone. `multi_user` False: all is the one user's.
    """

    def __init__(
        self,
        storage: Storage,
        access: AccessEngine,
        clock: Clock,
        undertaker: Undertaker,
        *,
        keep_deleted: bool = True,
        multi_user: bool = True,
    ) -> None:
        self._storage = storage
        self._access = access
        self._clock = clock
        self._undertaker = undertaker
        self._keep = keep_deleted
        self._multi_user = multi_user

    async def patch(self, actor: Actor, name: str, change: editing.Patch) -> dict[str, Any]:
        """Change an image and return it. Raises NotFound or Forbidden."""
        await self._storage.write(editing.patch, self._access, actor, name, change, now=self._now())
        return await self._storage.read(rows.get, self._access, actor, name)

    async def star(self, actor: Actor, names: Sequence[str], *, starred: bool) -> Changed:
        """Star or unstar those that the actor may."""
        return await self._storage.write(editing.set_starred, self._access, actor, names, starred, now=self._now())

    async def delete(self, actor: Actor, name: str, origin: Origin) -> Changed:
        """Delete one image. Raises NotFound or Forbidden."""
        return await self._finish(
            await self._storage.write(
                trash.delete_one, self._access, actor, name, origin=origin, now=self._now(), keep=self._keep
            )
        )

    async def delete_many(self, actor: Actor, names: Sequence[str], origin: Origin) -> Changed:
        """Delete those that the actor may."""
        return await self._finish(
            await self._storage.write(
                trash.delete_images, self._access, actor, names, origin=origin, now=self._now(), keep=self._keep
            )
        )

    async def delete_uncategorized(self, actor: Actor, origin: Origin, *, everybodys: bool = False) -> list[str]:
        """Delete the actor's own images that are on no board as they see it; returns their names.

        `everybodys`: whosever they are. Raises Forbidden unless an administrator asks for that.
        """
        if everybodys and not actor.is_admin:
            raise Forbidden("only administrators delete everybody's images")
        which = on_none(self._access, actor)
        if self._multi_user and not everybodys:
            which = and_(which, images.c.user_id == actor.id)
        return await self._delete_all(actor, which, origin)

    async def clear_intermediates(self, actor: Actor, origin: Origin) -> int:
        """Delete all intermediate images that the actor may; returns how many."""
        return len(await self._delete_all(actor, bulk.INTERMEDIATE, origin))

    async def _delete_all(self, actor: Actor, which: ColumnElement[bool], origin: Origin) -> list[str]:
        done: list[str] = []
        scope: bulk.Scope | None = await self._storage.read(bulk.scope)
        while scope is not None:
            step = await self._storage.write(
                bulk.delete_step,
                self._access,
                actor,
                scope,
                which,
                origin=origin,
                now=self._now(),
                keep=self._keep,
            )
            done += (await self._finish(step.discarded)).done
            scope = step.rest
        return done

    async def _finish(self, discarded: Discarded) -> Changed:
        failpoint("delete.after_commit")
        await self._undertaker.bury(discarded.gone)
        return discarded.result

    def _now(self) -> str:
        return timestamp(self._clock.now())
