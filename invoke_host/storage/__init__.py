"""The database as the rest of the host meets it: units of work, `storage.read(f)` and `storage.write(f)`."""

from __future__ import annotations

from invoke_host.storage.prepared import NOTHING, PlainRow, PreparedSelect, PreparedWrite
from invoke_host.storage.units import Storage, quick

__all__ = ["NOTHING", "PlainRow", "PreparedSelect", "PreparedWrite", "Storage", "quick"]
