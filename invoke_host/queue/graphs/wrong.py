"""What is wrong with a batch from a graph, and where."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Place: TypeAlias = tuple[str | int, ...]


class Wrong(NamedTuple):
    """What is wrong at a place; the path begins in the graph, or in the batch, as its finder says."""

    place: Place
    kind: str
    text: str
