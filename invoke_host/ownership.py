"""What a slice says about the things that users own in it, for changing hands and for leaving without orphans.

All methods are units of work on the caller's connection: what happens to a user happens in one transaction everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Share:
    """How much of one kind somebody owns, or how much of it changed hands or was removed."""

    name: str
    count: int


class Owned(Protocol):
    """The things of one slice that have an owner. `tables` are all of its tables that refer to users."""

    name: str
    tables: frozenset[str]

    def count(self, conn: Connection, user_id: str) -> int:
        """How many things of this kind the user owns (not rows: counters and the like do not count)."""
        ...

    def stop(self, conn: Connection, user_id: str, *, now: str) -> int:
        """End what works for the user, waiting or running, because they may not go on; returns how much there was."""
        ...

    def transfer(self, conn: Connection, source: str, target: str, *, now: str) -> int:
        """Give everything to another user; nothing in any of `tables` refers to `source` afterwards."""
        ...

    def purge(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Remove everything, files included (at the latest when tombstones are swept)."""
        ...
