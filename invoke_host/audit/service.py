"""The audit log for readers; it is written only by `record.append`, inside the transactions that do things."""

from __future__ import annotations

from invoke_host.audit import store
from invoke_host.audit.store import AuditPage, Entry, Filters
from invoke_host.storage import Storage


class AuditLog:
    """Pages for people, and a stream for export."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def page(self, filters: Filters, *, limit: int, before: int | None = None) -> AuditPage:
        """Matching entries older than `before`, newest first."""
        return await self._storage.read(store.page, filters, limit, before)

    async def after(self, entry_id: int, limit: int) -> list[Entry]:
        """Entries behind that id, oldest first."""
        return await self._storage.read(store.after, entry_id, limit)

    async def newest(self, limit: int) -> list[Entry]:
        """The last entries, oldest first."""
        return await self._storage.read(store.newest, limit)
