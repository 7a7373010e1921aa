"""Canceling and deleting many items by hand, as `queue.bulk` does it: found first, then changed."""

from __future__ import annotations

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.queue.access import CANCEL, DELETE
from invoke_host.queue.store import bulk
from invoke_host.queue.store.candidates import Selection, candidates

from .conftest import NOW, Line


def find(line: Line, access: AccessEngine, actor: Actor, which: Selection, action: str = CANCEL.name) -> list[int]:
    """The first page of what would be changed."""
    return list(line.storage.run_read(candidates, access, actor, action, which).ids)


def cancel_many(line: Line, access: AccessEngine, actor: Actor, which: Selection) -> int:
    """Cancel a selection, at most a page, in one step; returns how many items."""
    ids = find(line, access, actor, which)
    return line.storage.run_write(bulk.cancel_step, access, actor, ids, which.statuses, now=line.now())


def delete_many(line: Line, access: AccessEngine, actor: Actor, which: Selection, *, forget_before: str = NOW) -> int:
    """Remove a selection, at most a page, in one step; returns how many items."""
    ids = find(line, access, actor, which, DELETE.name)
    now = line.now()
    return line.storage.run_write(
        bulk.delete_step, access, actor, ids, which.statuses, forget_before=forget_before, now=now
    )
