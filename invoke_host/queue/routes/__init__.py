"""The queue routes, with the paths, names and success codes that InvokeAI clients know, and `generate`.

They are LOGGED_IN and not `requires(...)`: everybody may see that an item exists, so an item that may not be changed
answers 403, which the units of work decide in the transaction that changes it.
"""

from __future__ import annotations

from typing import Final

from invoke_host.queue.routes import changing, making, processor, reading
from invoke_host.queue.routes.common import QUEUE
from invoke_host.web import Route

__all__ = ["QUEUE", "ROUTES"]

ROUTES: Final[tuple[Route, ...]] = (*making.ROUTES, *reading.ROUTES, *changing.ROUTES, *processor.ROUTES)
