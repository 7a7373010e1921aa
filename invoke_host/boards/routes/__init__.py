"""The board routes, with the paths, names and success shapes that InvokeAI clients know, and sharing beside them.

They are LOGGED_IN and not `requires(...)`: every unit of work asks the access engine in the same transaction that reads
or changes the board, so that a check of its own before it would only cost a second query.
"""

from __future__ import annotations

from invoke_host.api import Route
from invoke_host.boards.routes.boards import BOARDS
from invoke_host.boards.routes.boards import ROUTES as BOARD_ROUTES
from invoke_host.boards.routes.contents import ROUTES as CONTENT_ROUTES
from invoke_host.boards.routes.sharing import ROUTES as SHARING_ROUTES

__all__ = ["BOARDS", "ROUTES"]

ROUTES: tuple[Route, ...] = (*BOARD_ROUTES, *SHARING_ROUTES, *CONTENT_ROUTES)
