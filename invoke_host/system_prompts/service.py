"""What can be done with system prompts, each as one call and one transaction."""

from __future__ import annotations

from typing import Any

from invoke_host.access.engine import AccessEngine
from invoke_host.api import SYSTEM_USER_ID, Actor
from invoke_host.audit.record import Origin
from invoke_host.clock import Clock, timestamp
from invoke_host.publishing import visibility_of
from invoke_host.storage import Storage
from invoke_host.system_prompts import store
from invoke_host.system_prompts.store import Change


class SystemPromptService:
    """System prompts as their readers and owners see them. What is new is private if not told."""

    def __init__(self, storage: Storage, access: AccessEngine, clock: Clock) -> None:
        self._storage = storage
        self._access = access
        self._clock = clock

    async def visible(self, actor: Actor, *, limit: int, offset: int) -> list[dict[str, Any]]:
        """What the actor may see, by name."""
        return await self._storage.read(store.visible, self._access, actor, limit=limit, offset=offset)

    async def get(self, actor: Actor, prompt_id: str) -> dict[str, Any]:
        """One prompt. Raises NotFound."""
        return await self._storage.read(store.get, self._access, actor, prompt_id)

    async def create(self, actor: Actor, name: str, content: str, *, is_public: bool) -> dict[str, Any]:
        """Make a prompt that the actor owns."""
        visibility = visibility_of(is_public=is_public)
        new = Change(name, content, visibility)
        return await self._storage.write(store.add, actor, actor.id or SYSTEM_USER_ID, new, now=self._now())

    async def change(self, actor: Actor, origin: Origin, prompt_id: str, change: Change) -> dict[str, Any]:
        """Change what is not None. Raises NotFound or Forbidden."""
        return await self._storage.write(store.change, self._access, actor, origin, prompt_id, change, now=self._now())

    async def delete(self, actor: Actor, origin: Origin, prompt_id: str) -> None:
        """Delete a prompt. Raises NotFound or Forbidden."""
        await self._storage.write(store.remove, self._access, actor, origin, prompt_id, now=self._now())

    def _now(self) -> str:
        return timestamp(self._clock.now())
