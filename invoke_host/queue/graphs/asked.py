"""What a graph asks for: found by walking back from its output, node by node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from invoke_host.queue.graphs.kinds import KINDS, LOADERS, OUTPUT, Value
from invoke_host.queue.graphs.reading import Graph, read
from invoke_host.queue.graphs.specials import SDXL_SIDE, board_id, model_names
from invoke_host.queue.graphs.wrong import Wrong


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value stands in the graph, and what it is."""

    node_id: str
    field: str
    value: Any

    @property
    def place(self) -> tuple[str, str]:
        """The node and its field."""
        return self.node_id, self.field


@dataclass(frozen=True, slots=True)
class Mirror:
    """A place that must have what the `field` of the request has, or be empty, which means the same."""

    field: str
    source: Source


@dataclass(frozen=True, slots=True)
class Asked:
    """A picture as a graph asks for it: the sources of the request's fields, by their names there."""

    output: str
    loader: str
    model_key: str
    model_name: str | None
    board_id: str | None
    is_intermediate: bool
    sources: Mapping[str, Source]
    mirrors: tuple[Mirror, ...]

    def bases(self, graph: Graph) -> frozenset[str]:
        """The bases of models that its loader can load."""
        return LOADERS[graph.type_of(self.loader)]


def ask(raw: Any, wrong: list[Wrong]) -> tuple[Graph, Asked] | None:
    """What this graph asks for; None if anything is wrong with it, which is then added. Paths begin in the graph."""
    before = len(wrong)
    graph = read(raw, wrong)
    output = _output(graph, wrong)
    if output is None or len(wrong) > before:
        return None
    reached = _reached(graph, output)
    for node_id in graph.nodes:
        if node_id not in reached:
            text = f"does not lead to the picture of {output!r}; leave it out"
            wrong.append(Wrong(("nodes", node_id), "node_unused", text))
    asked = _walk(graph, output)
    wrong.extend(_one_model(graph, asked, reached))
    wrong.extend(_sizes(graph, asked, reached))
    return None if len(wrong) > before else (graph, asked)


def _output(graph: Graph, wrong: list[Wrong]) -> str | None:
    found = [node_id for node_id in graph.nodes if graph.type_of(node_id) == OUTPUT]
    if not found and not wrong:
        wrong.append(
            Wrong(("nodes",), "output_missing", f"there is no node of the type {OUTPUT!r}, which makes a picture")
        )
    for node_id in found[1:]:
        text = f"{found[0]!r} makes the picture already; send a batch for each picture"
        wrong.append(Wrong(("nodes", node_id, "type"), "output_twice", text))
    return found[0] if found else None


def _reached(graph: Graph, output: str) -> set[str]:
    reached, todo = {output}, [output]
    sources: dict[str, list[str]] = {}
    for (target, _), edges in graph.into.items():
        sources.setdefault(target, []).extend(edge.source for edge in edges)
    while todo:
        for node_id in sources.get(todo.pop(), ()):
            if node_id not in reached:
                reached.add(node_id)
                todo.append(node_id)
    return reached


def _walk(graph: Graph, output: str) -> Asked:
    denoise = _before(graph, output, "latents")
    noise = _before(graph, denoise, "noise")
    loader = _before(graph, denoise, "unet")
    positive = _prompt_node(graph, denoise, "positive_conditioning")
    negative = _prompt_node(graph, denoise, "negative_conditioning")
    sources = {
        "positive_prompt": _source(graph, positive, "prompt"),
        "negative_prompt": _source(graph, negative, "prompt"),
        "seed": _source(graph, noise, "seed"),
        "width": _source(graph, noise, "width"),
        "height": _source(graph, noise, "height"),
        "steps": _source(graph, denoise, "steps"),
        "cfg_scale": _source(graph, denoise, "cfg_scale"),
        "scheduler": _source(graph, denoise, "scheduler"),
    }
    mirrors = [
        Mirror(field, _source(graph, node_id, "style"))
        for field, node_id in (("positive_prompt", positive), ("negative_prompt", negative))
        if "style" in KINDS[graph.type_of(node_id)].fields
    ]
    key, name = model_names(graph.nodes[loader]["model"])
    out = graph.nodes[output]
    return Asked(
        output=output,
        loader=loader,
        model_key=key,
        model_name=name,
        board_id=board_id(out.get("board")),
        is_intermediate=out.get("is_intermediate", False),
        sources=sources,
        mirrors=tuple(mirrors),
    )


def _before(graph: Graph, node_id: str, name: str) -> str:
    """The node that feeds an input which was found to have its edge."""
    edge = graph.edge(node_id, name)
    if edge is None:
        raise LookupError(f"{name} of {node_id!r} has no edge")  # `reading` lets no such graph through
    return edge.source


def _prompt_node(graph: Graph, denoise: str, name: str) -> str:
    node_id = _before(graph, denoise, name)
    return _before(graph, node_id, "item") if graph.type_of(node_id) == "collect" else node_id


def _source(graph: Graph, node_id: str, name: str) -> Source:
    edge = graph.edge(node_id, name)
    if edge is not None:
        node_id, name = edge.source, edge.output
    found = KINDS[graph.type_of(node_id)].fields[name]
    value = graph.nodes[node_id].get(name)
    return Source(node_id, name, found.default if value is None and isinstance(found, Value) else value)


def _one_model(graph: Graph, asked: Asked, reached: set[str]) -> Iterator[Wrong]:
    for node_id in graph.nodes:
        if node_id in reached and node_id != asked.loader and graph.type_of(node_id) in LOADERS:
            text = f"unet, clip and vae must come from one model loader, here {asked.loader!r}"
            yield Wrong(("nodes", node_id), "loader_twice", text)


def _sizes(graph: Graph, asked: Asked, reached: set[str]) -> Iterator[Wrong]:
    """SDXL is told the size of the picture itself, which a client may say, or leave at the usual 1024."""
    for node_id in graph.nodes:
        if node_id not in reached or graph.type_of(node_id) != "sdxl_compel_prompt":
            continue
        for side in ("width", "height"):
            for name in (f"original_{side}", f"target_{side}"):
                value = graph.nodes[node_id].get(name)
                if value not in (None, SDXL_SIDE, asked.sources[side].value):
                    text = f"the model is told the {side} of the picture itself; send that, or leave the field out"
                    yield Wrong(("nodes", node_id, name), "field_unsupported", text)
