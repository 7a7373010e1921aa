"""What the items of a batch have in common, kept with the batch: the requests' common part, and how a graph was read.

An item's own row holds only what is its own. Batches that are older than this have no template, and their items hold
everything themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class Varied:
    """A place in a graph that has a value for each item, and the field of the request that this is."""

    node_path: str
    field_name: str
    field: str


@dataclass(frozen=True, slots=True)
class GraphLayout:
    """What clients of InvokeAI ask of an item that came from a graph: where it varies, and which node makes images."""

    output: str
    varied: tuple[Varied, ...] = ()

    def to_json(self) -> str:
        """Text for a batch's row; `Template.of` reads it back."""
        return orjson.dumps(self).decode()

    def field_values(self, request: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """What the places that vary have in this item; None if none does."""
        return [
            {"node_path": each.node_path, "field_name": each.field_name, "value": request[each.field]}
            for each in self.varied
        ] or None


class Template(NamedTuple):
    """What all items of a batch share. `layout` is None for batches that came from no graph."""

    common: Mapping[str, Any]
    layout: GraphLayout | None = None

    @classmethod
    def of(cls, request: str | None, graph: str | None = None) -> Template:
        """From the columns of a batch's row."""
        common = {} if request is None else orjson.loads(request)
        return cls(common, None if graph is None else _LAYOUT.validate_json(graph))

    def request(self, own: str) -> dict[str, Any]:
        """All of an item's request, from the JSON in its row."""
        return {**self.common, **orjson.loads(own)}

    def field_values(self, request: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """See GraphLayout; None for what came from no graph."""
        return None if self.layout is None else self.layout.field_values(request)

    def session(self, session_id: str, request: Mapping[str, Any], images: Sequence[str]) -> dict[str, Any]:
        """The images where clients of InvokeAI look for them.

        For a graph by the id that its output node has in this session, which the mappings tell from the node's own.
        """
        size = {"width": request["width"], "height": request["height"]} if images else {}
        keys = [str(index) for index in range(len(images))]
        if self.layout is not None:
            keys = [session_id if index == 0 else f"{session_id}-{index}" for index in range(len(images))]
        mapped = keys if self.layout is not None else []
        source = "" if self.layout is None else self.layout.output
        return {
            "id": session_id,
            "results": {
                key: {"type": "image_output", "image": {"image_name": name}, **size}
                for key, name in zip(keys, images, strict=True)
            },
            "errors": {},
            "prepared_source_mapping": dict.fromkeys(mapped, source),
            "source_prepared_mapping": {source: mapped} if mapped else {},
        }


#: Of items that hold everything themselves.
NOTHING = Template({})

_LAYOUT = TypeAdapter(GraphLayout)
