"""Fields of nodes that hold more than a number or a text: the model, the board, the sizes that SDXL is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from invoke_host.queue.graphs.wrong import Place, Wrong

#: The size that SDXL is told where a client says nothing.
SDXL_SIDE: Final = 1024


def model_names(value: Any) -> tuple[str, str | None]:
    """Key and name of the model that a loader names; the value must have been read before."""
    return value["key"], value.get("name")


def board_id(value: Any) -> str | None:
    """The board that an output goes on; the value must have been read before."""
    return None if value is None else str(value["board_id"])


def _model(place: Place, value: Any) -> Iterator[Wrong]:
    if not isinstance(value, dict) or not isinstance(value.get("key"), str):
        yield Wrong(place, "dict_type", 'expected {"key": "...", "name": "...", ...}, as GET /api/v2/models tells them')
    elif not isinstance(value.get("name"), str | None):
        yield Wrong((*place, "name"), "string_type", "expected the name of the model, a text")


def _board(place: Place, value: Any) -> Iterator[Wrong]:
    if not isinstance(value, dict) or not isinstance(value.get("board_id"), str) or len(value) > 1:
        yield Wrong(place, "dict_type", 'expected {"board_id": "..."} or null')


def _size(place: Place, value: Any) -> Iterator[Wrong]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield Wrong(place, "integer_type", "expected a whole number")


#: Readers of the fields that are `kinds.Special`.
SPECIALS: Final[Mapping[str, Callable[[Place, Any], Iterator[Wrong]]]] = MappingProxyType(
    {"model": _model, "board": _board, "size": _size}
)
