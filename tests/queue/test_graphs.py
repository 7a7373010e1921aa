"""What graphs of InvokeAI clients are read as, and what is refused in them, where."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invoke_host.queue.graphs.asked import ask
from invoke_host.queue.graphs.kinds import KINDS
from invoke_host.queue.graphs.wrong import Wrong

from .graphs import edge, sd1, sdxl

Change = Callable[[dict[str, Any]], object]


def refused(graph: Any) -> dict[tuple[str | int, ...], str]:
    """What is wrong with a graph, by place."""
    wrong: list[Wrong] = []
    assert ask(graph, wrong) is None
    assert wrong
    return {each.place: each.text for each in wrong}


def node(name: str, **values: Any) -> Change:
    """Set fields of the node `name:1`."""
    return lambda graph: graph["nodes"][f"{name}:1"].update(values)


def more(kind: str, *edges: str, **values: Any) -> Change:
    """Add a node `kind:2` and edges."""

    def change(graph: dict[str, Any]) -> None:
        graph["nodes"][f"{kind}:2"] = {"id": f"{kind}:2", "type": kind, **values}
        graph["edges"].extend(map(edge, edges))

    return change


def edges(*texts: str) -> Change:
    """Add edges."""
    return lambda graph: graph["edges"].extend(map(edge, texts))


def without(text: str) -> Change:
    """Remove an edge."""
    return lambda graph: graph["edges"].remove(edge(text))


@pytest.mark.parametrize(("make", "size"), [(sd1, (512, 384)), (sdxl, (1024, 768))])
def test_the_graphs_of_the_user_interface_are_read(make, size) -> None:
    found = ask(make(), [])
    assert found is not None
    asked = found[1]
    assert {name: source.value for name, source in asked.sources.items()} == {
        "positive_prompt": "a red apple",
        "negative_prompt": "blurry",
        "seed": 11,
        "width": size[0],
        "height": size[1],
        "steps": 12,
        "cfg_scale": 6.5,
        "scheduler": "euler",
    }
    assert (asked.output, asked.model_key, asked.board_id, asked.is_intermediate) == (
        "canvas_output:1",
        "toy",
        None,
        False,
    )


def test_a_graph_by_hand_may_leave_out_what_has_a_default_and_collects() -> None:
    graph = {
        "nodes": {
            "model": {"type": "main_model_loader", "model": {"key": "toy"}},
            "yes": {"type": "compel", "prompt": "a pear"},
            "no": {"type": "compel"},
            "noise": {"type": "noise"},
            "denoise": {"type": "denoise_latents"},
            "image": {"type": "l2i", "board": {"board_id": "b1"}, "is_intermediate": True},
        },
        "edges": [
            edge(text)
            for text in (
                "model.clip > yes.clip",
                "model.clip > no.clip",
                "model.unet > denoise.unet",
                "model.vae > image.vae",
                "yes.conditioning > denoise.positive_conditioning",
                "no.conditioning > denoise.negative_conditioning",
                "noise.noise > denoise.noise",
                "denoise.latents > image.latents",
            )
        ],
    }
    found = ask(graph, [])
    assert found is not None
    asked = found[1]
    assert {name: source.value for name, source in asked.sources.items()} == {
        "positive_prompt": "a pear",
        "negative_prompt": "",
        "seed": 0,
        "width": 512,
        "height": 512,
        "steps": 10,
        "cfg_scale": 7.5,
        "scheduler": "euler",
    }
    assert (asked.board_id, asked.is_intermediate) == ("b1", True)


def test_a_number_may_come_from_a_node_as_the_seed_does() -> None:
    graph = sd1()
    more(
        "integer", "integer:2.value > denoise_latents:1.steps", "integer:2.value > denoise_latents:1.cfg_scale", value=9
    )(graph)
    found = ask(graph, [])
    assert found is not None
    sources = found[1].sources
    assert (sources["steps"].value, sources["cfg_scale"].value, sources["steps"].place) == (
        9,
        9,
        ("integer:2", "value"),
    )


@pytest.mark.parametrize(
    ("change", "place", "text"),
    [
        (more("i2l", "i2l:2.latents > denoise_latents:1.latents"), ("nodes", "i2l:2", "type"), "from noise alone"),
        (more("vae_loader"), ("nodes", "vae_loader:2", "type"), "the model's own VAE"),
        (more("lora_selector"), ("nodes", "lora_selector:2", "type"), "no LoRAs"),
        (more("lora_collection_loader"), ("nodes", "lora_collection_loader:2", "type"), "no LoRAs"),
        (more("sdxl_refiner_model_loader"), ("nodes", "sdxl_refiner_model_loader:2", "type"), "no refiner"),
        (more("controlnet"), ("nodes", "controlnet:2", "type"), "no control adapters"),
        (more("img_resize"), ("nodes", "img_resize:2", "type"), "set it at the noise node"),
        (more("seamless"), ("nodes", "seamless:2", "type"), "connect the model loader without it"),
        (more("add"), ("nodes", "add:2", "type"), "this host makes pictures from text"),
        (more("string", value="x"), ("nodes", "string:2"), "does not lead to the picture"),
        (more("l2i", "denoise_latents:1.latents > l2i:2.latents"), ("nodes", "l2i:2", "vae"), "needs an edge"),
        (node("clip_skip", skipped_layers=1), ("nodes", "clip_skip:1", "skipped_layers"), "all layers"),
        (node("noise", use_cpu=False), ("nodes", "noise:1", "use_cpu"), "drawn on the CPU"),
        (node("noise", noise_type="FLUX"), ("nodes", "noise:1", "noise_type"), "'SD'"),
        (node("noise", width="512"), ("nodes", "noise:1", "width"), "a whole number"),
        (node("noise", width=True), ("nodes", "noise:1", "width"), "a whole number"),
        (node("denoise_latents", denoising_start=0.3), ("nodes", "denoise_latents:1", "denoising_start"), "send 0"),
        (node("denoise_latents", denoising_start=False), ("nodes", "denoise_latents:1", "denoising_start"), "send 0"),
        (node("denoise_latents", denoising_end=0.8), ("nodes", "denoise_latents:1", "denoising_end"), "send 1"),
        (node("denoise_latents", cfg_scale=[7.5, 7]), ("nodes", "denoise_latents:1", "cfg_scale"), "lists of them"),
        (
            node("denoise_latents", cfg_rescale_multiplier=0.7),
            ("nodes", "denoise_latents:1", "cfg_rescale_multiplier"),
            "0",
        ),
        (node("denoise_latents", hidiffusion=True), ("nodes", "denoise_latents:1", "hidiffusion"), "send false"),
        (node("denoise_latents", control=[{}]), ("nodes", "denoise_latents:1", "control"), "no control adapters"),
        (node("denoise_latents", stepss=3), ("nodes", "denoise_latents:1", "stepss"), "no field of this name"),
        (node("pos_cond", mask={}), ("nodes", "pos_cond:1", "mask"), "part of the picture"),
        (node("sd1_model_loader", model="toy"), ("nodes", "sd1_model_loader:1", "model"), "as GET /api/v2/models"),
        (node("sd1_model_loader", model=None), ("nodes", "sd1_model_loader:1", "model"), "needs a model"),
        (
            node("sd1_model_loader", model={"key": "k", "name": 3}),
            ("nodes", "sd1_model_loader:1", "model", "name"),
            "text",
        ),
        (node("canvas_output", board="b"), ("nodes", "canvas_output:1", "board"), '"board_id"'),
        (node("canvas_output", is_intermediate=1), ("nodes", "canvas_output:1", "is_intermediate"), "true or false"),
        (node("canvas_output", id="other"), ("nodes", "canvas_output:1", "id"), "is not the id"),
        (node("canvas_output", tiled=1), ("nodes", "canvas_output:1", "tiled"), "true or false"),
        (
            without("noise:1.noise > denoise_latents:1.noise"),
            ("nodes", "denoise_latents:1", "noise"),
            "from noise.noise",
        ),
        (edges("seed:1.value > noise:1.seed"), ("edges", 16), "the same as edge 0"),
        (edges("positive_prompt:1.value > noise:1.width"), ("edges", 16), "write its value into the node"),
        (edges("seed:1.number > noise:1.width"), ("edges", 16), "no output 'number'"),
        (edges("seed:1.value > noise:1.breadth"), ("edges", 16), "no input 'breadth'"),
        (edges("seed:1.value > neg_cond:1.clip"), ("edges", 16), "leads to clip of 'neg_cond:1' already"),
        (edges("neg_cond:1.conditioning > pos_cond_collect:1.item"), ("edges", 16), "already"),
        (edges("canvas_output:1.image > core_metadata:1.image"), ("edges", 16), "leave the edge out"),
        (edges("denoise_latents:1.latents > denoise_latents:1.latents"), ("edges", 16), "must stay empty"),
        (edges("nobody.value > noise:1.width"), ("edges", 16, "source", "node_id"), "there is no node 'nobody'"),
        (lambda graph: graph["edges"].append(3), ("edges", 16), "source and destination"),
        (lambda graph: graph["edges"][0].update(weight=1), ("edges", 0, "weight"), "source and destination"),
        (lambda graph: graph["edges"][0].update(source={"node_id": 1}), ("edges", 0, "source"), "node_id"),
        (lambda graph: graph["nodes"].update(x=1), ("nodes", "x"), "the node"),
        (lambda graph: graph["nodes"].update(x={"type": 1}), ("nodes", "x", "type"), "the type"),
        (lambda graph: graph.update(title="x"), ("title",), "id, nodes and edges"),
        (lambda graph: graph.update(nodes={}), ("nodes",), "one or more"),
        (lambda graph: graph.update(nodes=[]), ("nodes",), "by their ids"),
        (lambda graph: graph.update(edges={}), ("edges",), "a list"),
        (
            lambda graph: graph.update(nodes={"s": {"type": "string"}}, edges=[]),
            ("nodes",),
            "no node of the type 'l2i'",
        ),
    ],
)
def test_what_can_not_be_honoured_is_refused_with_its_place(change: Change, place, text: str) -> None:
    graph = sd1()
    change(graph)
    assert text in refused(graph)[place]


def test_what_a_node_says_of_an_input_does_not_matter_where_an_edge_says_it() -> None:
    graph = sd1()
    node("denoise_latents", unet={"key": "other"})(graph)
    node("noise", seed="none")(graph)
    found = ask(graph, [])
    assert found is not None
    assert found[1].sources["seed"].value == 11


def test_everything_wrong_is_told_at_once() -> None:
    graph = sd1(steps="many", denoising_end=0.5)
    for change in (more("seamless"), node("noise", use_cpu=False), edges("nobody.value > noise:1.width")):
        change(graph)
    assert set(refused(graph)) == {
        ("nodes", "seamless:2", "type"),
        ("nodes", "noise:1", "use_cpu"),
        ("nodes", "denoise_latents:1", "steps"),
        ("nodes", "denoise_latents:1", "denoising_end"),
        ("edges", 16, "source", "node_id"),
    }


def test_two_model_loaders_are_refused() -> None:
    graph = sd1()
    without("sd1_model_loader:1.vae > canvas_output:1.vae")(graph)
    more("main_model_loader", "main_model_loader:2.vae > canvas_output:1.vae", model={"key": "other"})(graph)
    assert "must come from one model loader" in refused(graph)[("nodes", "main_model_loader:2")]


def test_sdxl_is_told_the_size_of_the_picture() -> None:
    graph = sdxl()
    node("pos_cond", original_width=1024, target_height=768)(graph)
    assert ask(graph, []) is not None
    node("pos_cond", original_width=512, crop_top=3)(graph)
    assert set(refused(graph)) == {("nodes", "pos_cond:1", "crop_top")}
    node("pos_cond", crop_top=0)(graph)
    assert set(refused(graph)) == {("nodes", "pos_cond:1", "original_width")}


def test_ten_thousand_nodes_are_refused_as_too_many() -> None:
    graph = sd1()
    graph["nodes"] |= {f"n{k}": {"type": "string"} for k in range(10_000)}
    graph["edges"] = [edge(f"n{k}.value > n{k + 1}.value") for k in range(10_000)]
    took = []
    for _ in range(5):
        started = time.process_time()
        assert set(refused(graph)) == {("nodes",), ("edges",)}
        took.append(time.process_time() - started)
    assert min(took) < 0.05


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ids = st.sampled_from(["a", "b", "c", "d", "canvas_output:1", "noise:1", "denoise_latents:1", "pos_cond_collect:1"])
names = st.sampled_from(sorted({name for kind in KINDS.values() for name in (*kind.outputs, *kind.fields)}))
ends = st.fixed_dictionaries({"node_id": ids | st.text(max_size=3), "field": names | st.text(max_size=3)})
any_edge = st.fixed_dictionaries({"source": ends | json, "destination": ends | json}) | json
any_node = st.fixed_dictionaries(
    {"type": st.sampled_from([*KINDS, "i2l", "add"]) | json},
    optional={
        name: json | st.sampled_from([0, 1, "x", None]) for name in ("value", "model", "board", "prompt", "steps")
    },
)


@given(
    nodes=st.dictionaries(ids | st.text(max_size=3), any_node | json, max_size=8),
    added=st.lists(any_edge, max_size=12),
    removed=st.sets(st.integers(0, 15), max_size=3),
    make=st.sampled_from([sd1, sdxl]),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_graph_makes_the_reader_fail_and_what_it_takes_is_whole(nodes, added, removed, make) -> None:
    graph = deepcopy(make())
    graph["nodes"] |= nodes
    graph["edges"] = [each for k, each in enumerate(graph["edges"]) if k not in removed] + added
    wrong: list[Wrong] = []
    found = ask(graph, wrong)
    assert (found is None) == bool(wrong)
    for each in wrong:
        assert each.text
        assert each.place[0] in ("nodes", "edges")
    if found is not None:
        assert all(source.value is not None for source in found[1].sources.values())


@given(json)
@settings(max_examples=200, deadline=None)
def test_anything_else_is_no_graph(anything) -> None:
    wrong: list[Wrong] = []
    assert ask(anything, wrong) is None
    assert wrong
