"""Reading a graph: that it is one, and that each node, field and edge of it means something here.

Every problem is found in one pass over nodes and edges. What comes out is well-typed: an edge leads from an output to
an input that takes it, inputs that need one have one, and there is no way round in a circle, because no type of node
can follow itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from invoke_host.queue.graphs.kinds import (
    COMMON,
    DESCRIBED,
    KINDS,
    PRIMITIVES,
    Closed,
    Field,
    Fixed,
    Idle,
    Kind,
    Link,
    Scalar,
    Special,
    Value,
    advice,
)
from invoke_host.queue.graphs.specials import SPECIALS
from invoke_host.queue.graphs.wrong import Place, Wrong

#: Most nodes and edges: a text-to-image graph has a dozen, and whoever sends more wants something else.
MAX_NODES: Final = 200
MAX_EDGES: Final = 1000

#: Longest id of a node.
MAX_ID: Final = 255


@dataclass(frozen=True, slots=True)
class Edge:
    """Edge number `index`, from an output to an input."""

    index: int
    source: str
    output: str
    target: str
    input: str


@dataclass(slots=True)
class Graph:
    """What was read: nodes by id, and edges by the input that they lead to."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    into: dict[tuple[str, str], list[Edge]] = field(default_factory=dict)

    def type_of(self, node_id: str) -> str:
        """The type of a node."""
        return str(self.nodes[node_id]["type"])

    def edge(self, node_id: str, name: str) -> Edge | None:
        """The edge that leads to an input of a node."""
        found = self.into.get((node_id, name))
        return found[0] if found else None

    def source(self, node_id: str, name: str) -> str | None:
        """The node at the other end of that edge."""
        edge = self.edge(node_id, name)
        return None if edge is None else edge.source


def read(raw: Any, wrong: list[Wrong]) -> Graph:
    """The graph, as far as it is one; the rest is added to what is wrong."""
    graph = Graph()
    if not isinstance(raw, dict):
        wrong.append(Wrong((), "dict_type", "expected an object with nodes and edges"))
        return graph
    wrong.extend(
        Wrong((_short(name),), "extra_forbidden", "a graph has id, nodes and edges")
        for name in raw
        if name not in ("id", "nodes", "edges")
    )
    nodes, edges = raw.get("nodes"), raw.get("edges", [])
    if not isinstance(nodes, dict) or not nodes:
        wrong.append(Wrong(("nodes",), "dict_type", "expected an object of nodes by their ids, with one or more in it"))
        return graph
    if not isinstance(edges, list):
        wrong.append(Wrong(("edges",), "list_type", "expected a list of edges"))
        return graph
    for name, found, most in (("nodes", len(nodes), MAX_NODES), ("edges", len(edges), MAX_EDGES)):
        if found > most:
            wrong.append(Wrong((name,), "too_long", f"there are {found} of them; {most} are read at most"))
    if wrong and (len(nodes) > MAX_NODES or len(edges) > MAX_EDGES):
        return graph
    for node_id, node in nodes.items():
        _read_node(graph, node_id, node, wrong)
    unread = nodes.keys() - graph.nodes.keys()
    for index, edge in enumerate(edges):
        _read_edge(graph, index, edge, unread, wrong)
    for node_id, node in graph.nodes.items():
        wrong.extend(_fields(graph, node_id, node))
    return graph


def _read_node(graph: Graph, node_id: str, node: Any, wrong: list[Wrong]) -> None:
    place: Place = ("nodes", _short(node_id))
    if not 0 < len(node_id) <= MAX_ID:
        wrong.append(Wrong(place, "value_error", f"the id of a node has 1 to {MAX_ID} characters"))
    elif not isinstance(node, dict):
        wrong.append(Wrong(place, "dict_type", "expected an object, the node"))
    elif not isinstance(node.get("type"), str):
        wrong.append(Wrong((*place, "type"), "missing", "expected the type of the node, a text"))
    elif node["type"] not in KINDS:
        wrong.append(Wrong((*place, "type"), "node_unsupported", advice(node["type"])))
    else:
        graph.nodes[node_id] = node


def _read_edge(graph: Graph, index: int, raw: Any, unread: set[str], wrong: list[Wrong]) -> None:
    ends: list[tuple[str, str]] = []
    here = list(_ends(index, raw, graph, unread, ends))
    wrong.extend(here)
    if here or len(ends) < 2:  # the other end has its own problem
        return
    (source, output), (target, name) = ends
    edge = Edge(index, source, output, target, name)
    before = graph.into.setdefault((target, name), [])
    if problem := _misfit(graph, edge, before):
        wrong.append(Wrong(("edges", index), "edge_invalid", problem))
    else:
        before.append(edge)


def _ends(index: int, raw: Any, graph: Graph, unread: set[str], ends: list[tuple[str, str]]) -> Iterator[Wrong]:
    if not isinstance(raw, dict):
        yield Wrong(("edges", index), "dict_type", "expected an object with source and destination")
        return
    for name in raw:
        if name not in ("source", "destination", "type"):
            yield Wrong(("edges", index, _short(name)), "extra_forbidden", "an edge has source and destination")
    for name in ("source", "destination"):
        end, place = raw.get(name), ("edges", index, name)
        if not isinstance(end, dict) or not (isinstance(end.get("node_id"), str) and isinstance(end.get("field"), str)):
            yield Wrong(place, "dict_type", 'expected {"node_id": "...", "field": "..."}')
        elif end["node_id"] in graph.nodes:
            ends.append((end["node_id"], end["field"]))
        elif end["node_id"] not in unread:
            yield Wrong((*place, "node_id"), "node_unknown", f"there is no node {_short(end['node_id'])!r}")


def _misfit(graph: Graph, edge: Edge, before: list[Edge]) -> str | None:
    """Why an edge between two known nodes can't be, or None."""
    source, target = graph.type_of(edge.source), graph.type_of(edge.target)
    if edge.output not in KINDS[source].outputs:
        return f"{source} has no output {_short(edge.output)!r}; it has {', '.join(sorted(KINDS[source].outputs))}"
    if any((other.source, other.output) == (edge.source, edge.output) for other in before):
        return f"it is the same as edge {before[0].index}"
    if KINDS[target].open:
        described = (source, edge.output) in DESCRIBED
        return None if described else f"{target} does not take {source}.{edge.output}; leave the edge out"
    found = KINDS[target].fields.get(edge.input)
    if found is None:
        return f"{target} has no input {_short(edge.input)!r}"
    if before and not (isinstance(found, Link) and found.many):
        return f"edge {before[0].index} leads to {edge.input} of {_short(edge.target)!r} already"
    return _misfit_field(f"{target}.{edge.input}", found, source, edge.output)


def _misfit_field(name: str, found: Field, source: str, output: str) -> str | None:
    if isinstance(found, Closed):
        return f"{name} must stay empty: {found.why}"
    if isinstance(found, Link):
        if (source, output) in found.sources:
            return None
        takes = " or ".join(sorted(f"{kind}.{field}" for kind, field in found.sources))
        return f"{name} takes {takes}, not {source}.{output}"
    if isinstance(found, Value) and found.linkable and found.kind in PRIMITIVES.get(source, ()):
        return None
    return f"{name} does not take {source}.{output}: write its value into the node"


def _fields(graph: Graph, node_id: str, node: Mapping[str, Any]) -> Iterator[Wrong]:
    place: Place = ("nodes", node_id)
    kind = KINDS[node["type"]]
    if node.get("id", node_id) != node_id:
        yield Wrong((*place, "id"), "value_error", "is not the id under which the node stands")
    for name in ("is_intermediate", "use_cache"):
        if not isinstance(node.get(name, False), bool):
            yield Wrong((*place, name), "bool_type", "expected true or false")
    if kind.open:
        return
    for name in node:
        if name not in COMMON and name not in kind.fields:
            text = f"{node['type']} has no field of this name here; leave it out"
            yield Wrong((*place, _short(name)), "field_unsupported", text)
    for name, found in kind.fields.items():
        if (node_id, name) not in graph.into:
            yield from _field((*place, name), kind, found, node.get(name))


def _field(place: Place, kind: Kind, found: Field, value: Any) -> Iterator[Wrong]:
    """What is wrong with a field that no edge leads to."""
    if isinstance(found, Special) and found.reader == "model" and value is None:
        yield Wrong(place, "missing", "needs a model: an object with its key")
    elif isinstance(found, Link | Closed):
        if value is not None:
            why = found.why if isinstance(found, Closed) else "its value comes from an edge"
            yield Wrong(place, "field_unsupported", f"must be null or left out: {why}")
        elif isinstance(found, Link) and found.needed:
            takes = " or ".join(sorted(f"{kind}.{name}" for kind, name in found.sources))
            yield Wrong(place, "edge_missing", f"needs an edge from {takes}")
    elif value is None:
        return
    elif isinstance(found, Fixed):
        if not any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in found.allowed):
            yield Wrong(place, "field_unsupported", found.why)
    elif isinstance(found, Special):
        yield from SPECIALS[found.reader](place, value)
    elif isinstance(found, Idle | Value) and not _is(found.kind, value):
        yield Wrong(place, f"{found.kind}_type", f"expected {_EXPECTED[found.kind]}")


def _is(kind: Scalar | str, value: Any) -> bool:
    if kind == "text":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    numbers = (int,) if kind == "integer" else (int, float)
    return isinstance(value, numbers) and not isinstance(value, bool)


_EXPECTED: Final = {
    "text": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "one number; lists of them are not supported",
}


def _short(text: str) -> str:
    return text if len(text) <= MAX_ID else f"{text[:60]}…"
