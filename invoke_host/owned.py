"""Every slice whose things have owners. A test compares this with the foreign keys to `users`, so none is forgotten."""

from __future__ import annotations

from invoke_host.images.ownership import OWNED as IMAGES
from invoke_host.ownership import Owned
from invoke_host.queue.ownership import OWNED as QUEUE

#: In the order in which things are stopped, handed over and removed.
OWNED: tuple[Owned, ...] = (QUEUE, IMAGES)
