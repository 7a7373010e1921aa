"""The database as the rest of the host meets it: whole units of work, `await storage.read(f)` and `await storage.write(f)`."""

from __future__ import annotations

from invoke_host.storage.units import Storage, quick

__all__ = ["Storage", "quick"]
