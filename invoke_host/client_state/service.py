"""What a user interface remembers for its user, between browsers and after restarts."""

from __future__ import annotations

from invoke_host.api import SYSTEM_USER_ID, Actor, PayloadTooLarge
from invoke_host.client_state import store
from invoke_host.client_state.schema import MAX_VALUE_BYTES
from invoke_host.clock import Clock, timestamp
from invoke_host.storage import Storage


class ClientStateService:
    """The caller's own values, whoever the caller is: administrators have no way to anybody else's.

    `max_total_bytes` is what all values of one user may take together.
    """

    def __init__(self, storage: Storage, clock: Clock, *, max_total_bytes: int) -> None:
        self._storage = storage
        self._clock = clock
        self._max_total_bytes = max_total_bytes

    async def get(self, actor: Actor, key: str) -> str | None:
        """The value, or None if there is none."""
        return await self._storage.read(store.get, _user(actor), key)

    async def keys(self, actor: Actor, prefix: str) -> list[str]:
        """Keys that begin with the prefix; those written last come first."""
        return await self._storage.read(store.keys, _user(actor), prefix)

    async def put(self, actor: Actor, key: str, value: str) -> None:
        """Keep a value. Raises PayloadTooLarge, InvalidInput: the text names the limit."""
        size_bytes = len(value.encode())
        if size_bytes > MAX_VALUE_BYTES:
            raise PayloadTooLarge(f"the value has {size_bytes} bytes, the limit is {MAX_VALUE_BYTES}")
        now = timestamp(self._clock.now())
        await self._storage.write(store.put, _user(actor), key, value, max_total_bytes=self._max_total_bytes, now=now)

    async def remove(self, actor: Actor, key: str) -> None:
        """Forget one value; fine if there is none."""
        await self._storage.write(store.remove, _user(actor), key)

    async def clear(self, actor: Actor) -> None:
        """Forget all of the caller's values."""
        await self._storage.write(store.clear, _user(actor))


def _user(actor: Actor) -> str:
    return actor.id or SYSTEM_USER_ID
