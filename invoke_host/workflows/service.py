"""What can be done with workflows, each as one call: kept, listed, published, deleted with their thumbnails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.audit.record import Origin
from invoke_host.blobs.files import Files
from invoke_host.clock import Clock, timestamp
from invoke_host.publishing import visibility_of
from invoke_host.storage import Storage
from invoke_host.workflows import document, listing, store
from invoke_host.workflows.document import Document
from invoke_host.workflows.listing import Page
from invoke_host.workflows.query import ListRequest, Scope

#: What stands beside the workflow in a request's body.
_AROUND_BYTES = 1024

#: Texts of fewer bytes are read at once; longer ones on a thread, where other requests get their turns between nodes.
_SMALL_BYTES = 32 * 1024


class WorkflowService:
    """Workflows as their readers and owners see them. New ones are private, also where nobody else is: users may come.

    `max_bytes` is the longest workflow.
    """

    def __init__(self, storage: Storage, access: AccessEngine, clock: Clock, files: Files, *, max_bytes: int) -> None:
        self._storage = storage
        self._access = access
        self._clock = clock
        self._files = files
        self._max_bytes = max_bytes

    @property
    def body_limit_bytes(self) -> int:
        """How long the body with a workflow may be."""
        return self._max_bytes + _AROUND_BYTES

    async def read(self, body: bytes) -> Document:
        """The workflow in a request's body. Raises PayloadTooLarge or InvalidInput."""
        if len(body) <= _SMALL_BYTES:
            return document.read(body, max_bytes=self._max_bytes)
        return await asyncio.to_thread(document.read, body, max_bytes=self._max_bytes)

    async def page(self, actor: Actor, request: ListRequest) -> Page:
        """A page of the list."""
        return await self._storage.read(listing.page, self._access, actor, request)

    async def tags(self, actor: Actor, scope: Scope) -> list[str]:
        """All tags in use, in the order of the alphabet."""
        return await self._storage.read(listing.tags, self._access, actor, scope)

    async def counts_by_tag(self, actor: Actor, scope: Scope, tags: Sequence[str]) -> dict[str, int]:
        """How many carry each of the tags."""
        return await self._storage.read(listing.counts_by_tag, self._access, actor, scope, tags)

    async def counts_by_category(self, actor: Actor, scope: Scope, categories: Sequence[str]) -> dict[str, int]:
        """How many are of each of the categories."""
        return await self._storage.read(listing.counts_by_category, self._access, actor, scope, categories)

    async def get(self, actor: Actor, workflow_id: str) -> dict[str, Any]:
        """One workflow with its text. Raises NotFound."""
        return await self._storage.read(store.get, self._access, actor, workflow_id)

    async def create(self, actor: Actor, new: Document) -> dict[str, Any]:
        """Keep a workflow that the actor owns."""
        return await self._storage.write(store.add, actor, new, visibility_of(is_public=False), now=self._now())

    async def change(self, actor: Actor, origin: Origin, workflow_id: str, new: Document) -> dict[str, Any]:
        """Keep another text in its place. Raises NotFound or Forbidden."""
        return await self._storage.write(store.change, self._access, actor, origin, workflow_id, new, now=self._now())

    async def publish(self, actor: Actor, origin: Origin, workflow_id: str, *, is_public: bool) -> dict[str, Any]:
        """Show it to everybody, or to nobody else any more. Raises NotFound or Forbidden."""
        return await self._storage.write(
            store.publish, self._access, actor, origin, workflow_id, is_public=is_public, now=self._now()
        )

    async def note_opened(self, actor: Actor, workflow_id: str) -> None:
        """Note that the actor opened it, for the actor alone. Raises NotFound."""
        await self._storage.write(store.note_opened, self._access, actor, workflow_id, now=self._now())

    async def delete(self, actor: Actor, origin: Origin, workflow_id: str) -> None:
        """Delete it with its thumbnail. Raises NotFound or Forbidden."""
        unused = await self._storage.write(store.remove, self._access, actor, origin, workflow_id, now=self._now())
        await self._files.bury(unused)

    def _now(self) -> str:
        return timestamp(self._clock.now())
