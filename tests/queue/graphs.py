"""Graphs as the user interface of InvokeAI builds them for text-to-image (the reference's sections 7.1 to 7.3)."""

from __future__ import annotations

from typing import Any

from invoke_model_emoji import OFFER

TOY = {"key": "toy", "hash": "blake3:00", "name": "Toy", "base": "sd-1", "type": "main"}

#: The model that comes with the host.
EMOJI = {"key": OFFER.key, "name": OFFER.name, "base": OFFER.base, "type": OFFER.type}


def sd1(model: dict[str, Any] | None = None, **denoise: Any) -> dict[str, Any]:
    """Stable Diffusion 1.5, with `clip_skip` and metadata."""
    nodes = [
        {"id": "seed:1", "type": "integer", "value": 11},
        {"id": "positive_prompt:1", "type": "string", "value": "a red apple"},
        {"id": "sd1_model_loader:1", "type": "main_model_loader", "model": model or TOY},
        {"id": "clip_skip:1", "type": "clip_skip", "skipped_layers": 0},
        {"id": "pos_cond:1", "type": "compel"},
        {"id": "pos_cond_collect:1", "type": "collect"},
        {"id": "neg_cond:1", "type": "compel", "prompt": "blurry"},
        {"id": "neg_cond_collect:1", "type": "collect"},
        {"id": "noise:1", "type": "noise", "seed": 0, "use_cpu": True, "width": 512, "height": 384},
        _denoise(**denoise),
        {"id": "canvas_output:1", "type": "l2i", "fp32": True, "board": None},
        _metadata(model or TOY, "txt2img"),
    ]
    edges = [
        "seed:1.value > noise:1.seed",
        "seed:1.value > core_metadata:1.seed",
        "positive_prompt:1.value > pos_cond:1.prompt",
        "positive_prompt:1.value > core_metadata:1.positive_prompt",
        "sd1_model_loader:1.unet > denoise_latents:1.unet",
        "sd1_model_loader:1.clip > clip_skip:1.clip",
        "clip_skip:1.clip > pos_cond:1.clip",
        "clip_skip:1.clip > neg_cond:1.clip",
        "sd1_model_loader:1.vae > canvas_output:1.vae",
        *_COMMON_EDGES,
    ]
    return _graph("sd1_graph:1", nodes, edges)


def sdxl(model: dict[str, Any] | None = None, **denoise: Any) -> dict[str, Any]:
    """Stable Diffusion XL: two text encoders, each prompt as a style too."""
    model = model or {**TOY, "base": "sdxl"}
    nodes = [
        {"id": "seed:1", "type": "integer", "value": 11},
        {"id": "positive_prompt:1", "type": "string", "value": "a red apple"},
        {"id": "sdxl_model_loader:1", "type": "sdxl_model_loader", "model": model},
        {"id": "pos_cond:1", "type": "sdxl_compel_prompt"},
        {"id": "pos_cond_collect:1", "type": "collect"},
        {"id": "neg_cond:1", "type": "sdxl_compel_prompt", "prompt": "blurry", "style": "blurry"},
        {"id": "neg_cond_collect:1", "type": "collect"},
        {"id": "noise:1", "type": "noise", "seed": 0, "use_cpu": True, "width": 1024, "height": 768},
        _denoise(**denoise),
        {"id": "canvas_output:1", "type": "l2i", "fp32": True, "board": None},
        _metadata(model, "sdxl_txt2img"),
    ]
    edges = [
        "seed:1.value > noise:1.seed",
        "seed:1.value > core_metadata:1.seed",
        "positive_prompt:1.value > pos_cond:1.prompt",
        "positive_prompt:1.value > pos_cond:1.style",
        "positive_prompt:1.value > core_metadata:1.positive_prompt",
        "sdxl_model_loader:1.unet > denoise_latents:1.unet",
        *(
            f"sdxl_model_loader:1.{clip} > {cond}:1.{clip}"
            for clip in ("clip", "clip2")
            for cond in ("pos_cond", "neg_cond")
        ),
        "sdxl_model_loader:1.vae > canvas_output:1.vae",
        *_COMMON_EDGES,
    ]
    return _graph("sdxl_graph:1", nodes, edges)


def batch(graph: dict[str, Any], *data: list[dict[str, Any]], prepend: bool = False, **rest: Any) -> dict[str, Any]:
    """The body of `enqueue_batch`, as the tab "generate" sends it."""
    return {
        "prepend": prepend,
        "batch": {
            "origin": "generate",
            "destination": "generate",
            "graph": graph,
            "data": list(data) or None,
            "runs": 1,
            **rest,
        },
    }


def onto(board_id: str | None, graph: dict[str, Any], *, is_intermediate: bool = False) -> dict[str, Any]:
    """The graph with its picture on that board."""
    board = None if board_id is None else {"board_id": board_id}
    graph["nodes"]["canvas_output:1"].update(board=board, is_intermediate=is_intermediate)
    return graph


def datum(path: str, *items: Any) -> dict[str, Any]:
    """A list of values for `node.field`."""
    node, _, name = path.rpartition(".")
    return {"node_path": node, "field_name": name, "items": list(items)}


def edge(text: str) -> dict[str, Any]:
    """An edge from `node.output > node.input`."""
    ends = [end.strip().rpartition(".") for end in text.split(">")]
    source, destination = ({"node_id": node, "field": name} for node, _, name in ends)
    return {"source": source, "destination": destination}


_COMMON_EDGES = (
    "pos_cond:1.conditioning > pos_cond_collect:1.item",
    "neg_cond:1.conditioning > neg_cond_collect:1.item",
    "pos_cond_collect:1.collection > denoise_latents:1.positive_conditioning",
    "neg_cond_collect:1.collection > denoise_latents:1.negative_conditioning",
    "noise:1.noise > denoise_latents:1.noise",
    "denoise_latents:1.latents > canvas_output:1.latents",
    "core_metadata:1.metadata > canvas_output:1.metadata",
)


def _denoise(**denoise: Any) -> dict[str, Any]:
    return {
        "id": "denoise_latents:1",
        "type": "denoise_latents",
        "cfg_scale": 6.5,
        "cfg_rescale_multiplier": 0,
        "scheduler": "euler",
        "steps": 12,
        "denoising_start": 0,
        "denoising_end": 1,
        **denoise,
    }


def _metadata(model: dict[str, Any], mode: str) -> dict[str, Any]:
    return {
        "id": "core_metadata:1",
        "type": "core_metadata",
        "generation_mode": mode,
        "negative_prompt": "blurry",
        "cfg_scale": 6.5,
        "steps": 12,
        "scheduler": "euler",
        "width": 512,
        "height": 384,
        "rand_device": "cpu",
        "model": model,
        "hidiffusion": False,
        "ref_images": [],
        "canvas_v2_metadata": {"rasterLayers": [{"objects": [{"x": 1.5}]}]},
    }


def _graph(graph_id: str, nodes: list[dict[str, Any]], edges: list[str]) -> dict[str, Any]:
    common = {"is_intermediate": True, "use_cache": True}
    return {
        "id": graph_id,
        "nodes": {
            node["id"]: {
                **common,
                **({"is_intermediate": False, "use_cache": False} if node["type"] == "l2i" else {}),
                **node,
            }
            for node in nodes
        },
        "edges": list(map(edge, edges)),
    }
