"""Listing and reading images as their viewers see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.images import listing, rows
from invoke_host.images.query import Filters, ListQuery, Order
from invoke_host.storage import Storage


class ImageReader:
    """Images as their viewers see them."""

    def __init__(self, storage: Storage, access: AccessEngine) -> None:
        self._storage = storage
        self._access = access

    async def page(self, actor: Actor, query: ListQuery) -> listing.Page:
        """A page of what the actor may see. Raises NotFound for a board that they do not see."""
        unit = listing.page if listing.is_quick(self._access, actor, query) else listing.walked_page
        return await self._storage.read(unit, self._access, actor, query)

    async def names(self, actor: Actor, filters: Filters, order: Order) -> tuple[list[str], int]:
        """All names, and how many of them are starred. Raises NotFound for a board that the actor does not see."""
        return await self._storage.read(listing.names, self._access, actor, filters, order)

    async def days(self, actor: Actor) -> list[listing.Day]:
        """The days of what the actor may see, the latest first."""
        return await self._storage.read(listing.days, self._access, actor)

    async def get(self, actor: Actor, name: str) -> dict[str, Any]:
        """One image. Raises NotFound."""
        return await self._storage.read(rows.get, self._access, actor, name)

    async def by_names(self, actor: Actor, names: Sequence[str]) -> list[dict[str, Any]]:
        """Those that are visible, in the order asked for."""
        return await self._storage.read(rows.by_names, self._access, actor, names)

    async def require(self, actor: Actor, name: str) -> None:
        """Return if the actor may see it. Raises NotFound."""
        await self._storage.read(rows.require, self._access, actor, name)

    async def count_intermediates(self, actor: Actor) -> int:
        """How many intermediate images the actor may see."""
        found = await self._storage.read(listing.streams, self._access, actor, Filters(is_intermediate=True))
        return sum(stream.count for stream in found)
