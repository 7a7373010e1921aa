"""A batch from a graph as a request: its lists become lists of the request's fields, problems get their own places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from invoke_host.api import FieldProblem
from invoke_host.generation.requests import GenerationRequest
from invoke_host.queue.graphs.asked import Asked
from invoke_host.queue.graphs.body import GraphBatch, GraphDatum
from invoke_host.queue.graphs.kinds import METADATA
from invoke_host.queue.graphs.reading import Graph
from invoke_host.queue.graphs.wrong import Wrong
from invoke_host.queue.template import GraphLayout, Varied

_BATCH = ("body", "batch")


@dataclass(slots=True)
class _Lists:
    """The lists of a request, and for each of them where it stands in the batch."""

    data: list[list[dict[str, Any]]] = field(default_factory=list)
    places: dict[tuple[int, int], int] = field(default_factory=dict)
    varied: list[Varied] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a batch asks for. `values` are those of a GenerationRequest, but for its model."""

    asked: Asked
    values: Mapping[str, Any]
    layout: GraphLayout
    places: Mapping[tuple[int, int], int]

    def request(self, model: str) -> tuple[GenerationRequest | None, list[FieldProblem]]:
        """The request for this model, or what is wrong with it."""
        try:
            return GenerationRequest.model_validate({**self.values, "model": model}), []
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
            return None, [
                self.place(FieldProblem(("body", *each["loc"]), _message(each["msg"]), each["type"]))
                for each in details
            ]

    def place(self, problem: FieldProblem) -> FieldProblem:
        """A problem of the request, at its place in the batch."""
        return FieldProblem(self._where(problem.loc), problem.message, problem.kind)

    def _where(self, loc: Sequence[str | int]) -> tuple[str | int, ...]:
        name, rest = loc[1] if len(loc) > 1 else "", tuple(loc[2:])
        if name == "data":
            if len(rest) > 1 and isinstance(rest[0], int) and isinstance(rest[1], int):
                rest = (rest[0], self.places.get((rest[0], rest[1]), rest[1]), *rest[2:])
            return (*_BATCH, "data", *rest)
        nodes = (*_BATCH, "graph", "nodes")
        if name == "model":
            return (*nodes, self.asked.loader, "model")
        if name == "board_id":
            return (*nodes, self.asked.output, "board")
        if isinstance(name, str) and name in self.asked.sources:
            return (*nodes, *self.asked.sources[name].place, *rest)
        return ("body", name) if name == "prepend" else (*_BATCH, name, *rest)


def wish(graph: Graph, asked: Asked, batch: GraphBatch, *, prepend: bool, wrong: list[Wrong]) -> Wish | None:
    """The batch as a request; None if its lists have no meaning, which is then told. Paths begin in the batch."""
    before = len(wrong)
    lists = _read_lists(graph, asked, batch.data or (), wrong)
    wrong.extend(_unlike(asked, lists))
    if len(wrong) > before:
        return None
    varying = {each.field for each in lists.varied}
    values: dict[str, Any] = {name: source.value for name, source in asked.sources.items() if name not in varying}
    values |= {
        "data": lists.data or None,
        "runs": batch.runs,
        "prepend": prepend,
        "origin": batch.origin,
        "destination": batch.destination,
        "board_id": asked.board_id,
    }
    return Wish(asked, values, GraphLayout(asked.output, tuple(lists.varied)), lists.places)


def _read_lists(graph: Graph, asked: Asked, data: Sequence[Sequence[GraphDatum]], wrong: list[Wrong]) -> _Lists:
    fields: dict[tuple[str, str], list[str]] = {}
    for name, source in asked.sources.items():
        fields.setdefault(source.place, []).append(name)
    lists, seen = _Lists(), set[tuple[str, str]]()
    for i, each in enumerate(data):
        row: list[dict[str, Any]] = []
        for j, datum in enumerate(each):
            at = (datum.node_path, datum.field_name)
            if at in seen:
                wrong.append(Wrong(("data", i, j), "field_twice", "this field of this node has a list already"))
                continue
            seen.add(at)
            for name in fields.get(at, ()):
                lists.places[i, len(row)] = j
                row.append({"field_name": name, "items": datum.items})
                lists.varied.append(Varied(*at, name))
            if at not in fields:
                mirrored = _mirrored(graph, asked, datum)
                if mirrored is not None and _beside(mirrored, datum, each, fields):
                    lists.varied.append(Varied(*at, mirrored))
                else:
                    wrong.append(_pointless(graph, asked, datum, i, j))
        lists.data.append(row)
    return lists


def _mirrored(graph: Graph, asked: Asked, datum: GraphDatum) -> str | None:
    """The field of the request that a list repeats: into the metadata, or into the style of SDXL."""
    if datum.node_path in graph.nodes and graph.type_of(datum.node_path) == METADATA:
        return datum.field_name if datum.field_name in asked.sources else None
    at = (datum.node_path, datum.field_name)
    return next((mirror.field for mirror in asked.mirrors if mirror.source.place == at), None)


def _beside(
    name: str, datum: GraphDatum, each: Sequence[GraphDatum], fields: Mapping[tuple[str, str], Sequence[str]]
) -> bool:
    """Does the field itself have the same list beside this one?"""
    return any(
        name in fields.get((other.node_path, other.field_name), ()) and other.items == datum.items for other in each
    )


def _pointless(graph: Graph, asked: Asked, datum: GraphDatum, i: int, j: int) -> Wrong:
    place = ("data", i, j)
    if datum.node_path not in graph.nodes:
        return Wrong((*place, "node_path"), "node_unknown", f"the graph has no node {datum.node_path[:60]!r}")
    if (name := _mirrored(graph, asked, datum)) is not None:
        text = f"says what {name} is: the list that {name} is taken from must be beside it, with the same values"
    elif edge := graph.edge(datum.node_path, datum.field_name):
        text = f"an edge gives it its value; name {edge.source!r} and its field {edge.output!r} instead"
    else:
        text = "has no list here: only prompts, seed, size, steps, guidance and scheduler can vary"
    return Wrong((*place, "field_name"), "field_unsupported", text)


def _unlike(asked: Asked, lists: _Lists) -> Iterator[Wrong]:
    """Styles that say something else than their prompts."""
    varied: dict[tuple[str, str], set[str]] = {}
    for each in lists.varied:
        varied.setdefault((each.node_path, each.field_name), set()).add(each.field)
    for mirror in asked.mirrors:
        own, source = asked.sources[mirror.field], mirror.source
        if source.place == own.place or (source.value == "" and source.place not in varied):
            continue
        if own.place in varied or source.place in varied:
            alike = own.place in varied and mirror.field in varied.get(source.place, ())
        else:
            alike = own.value == source.value
        if not alike:
            text = f"must be empty or the same as the {mirror.field.replace('_', ' ')}: one text is used for both"
            yield Wrong(("graph", "nodes", *source.place), "field_unsupported", text)


def _message(text: str) -> str:
    return text.removeprefix("Value error, ")
