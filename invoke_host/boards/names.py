"""How a board that is not there, or may not be seen, is spoken of: always the same."""

from __future__ import annotations

from invoke_host.api import NotFound


def unknown(board_id: str) -> NotFound:
    """The one answer for a board that does not exist and for one that may not be seen."""
    return NotFound(f"There is no board {board_id[:64]!r}." if board_id else "There is no board with an empty id.")
