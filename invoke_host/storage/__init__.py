"""The database as the rest of the host meets it: units of work, `storage.read(f)` and `storage.write(f)`."""

from __future__ import annotations

from invoke_host.storage.prepared import PlainRow, PreparedSelect
from invoke_host.storage.units import Storage, quick

__all__ = ["PlainRow", "PreparedSelect", "Storage", "quick"]
