"""A program written for InvokeAI makes its pictures here: it sends a graph, polls the item and fetches the picture."""

from __future__ import annotations

import io
import json
from typing import Any

from PIL import Image

from tests.queue.graphs import EMOJI, batch, datum, onto, sd1

from .client import QUEUE, Client
from .process import until
from .uploading import new_board

#: The field of the output node of the graphs.
OUTPUT = "canvas_output:1"


def enqueue(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """What InvokeAI's own clients check: 200, and that all of it was taken."""
    answer = client.post(f"{QUEUE}/enqueue_batch", body)
    assert answer.status == 200, answer.text
    done: dict[str, Any] = answer.json()
    assert done["enqueued"] == done["requested"]
    return done


def finished(client: Client, item_id: int) -> dict[str, Any]:
    """The item once it has ended, asked for until then, as programs without a socket do."""

    def ended() -> bool:
        return client.item(item_id)["status"] in ("completed", "failed", "canceled")

    until(f"item {item_id} has ended", ended)
    return client.item(item_id)


def outcome(item: dict[str, Any], node_id: str) -> dict[str, Any]:
    """What a node of the submitted graph put out."""
    (prepared,) = item["session"]["source_prepared_mapping"][node_id]
    result: dict[str, Any] = item["session"]["results"][prepared]
    return result


def test_a_graph_becomes_pictures_that_the_client_finds_and_fetches(painter: Client) -> None:
    graph = sd1(EMOJI, scheduler="euler", steps=3)
    graph["nodes"]["noise:1"].update(width=128, height=96)
    body = batch(
        graph,
        [datum("seed:1.value", 7, 8)],
        [datum("positive_prompt:1.value", "a red apple"), datum("core_metadata:1.positive_prompt", "a red apple")],
    )
    done = enqueue(painter, body)
    assert done["item_ids"] == sorted(done["item_ids"], reverse=True)
    for item_id, seed in zip(reversed(done["item_ids"]), (7, 8), strict=True):
        item = finished(painter, item_id)
        assert (item["status"], item["error_message"]) == ("completed", None)
        assert item["batch_id"] == done["batch"]["batch_id"]
        assert item["field_values"][0] == {"node_path": "seed:1", "field_name": "value", "value": seed}
        result = outcome(item, OUTPUT)
        assert (result["type"], result["width"], result["height"]) == ("image_output", 128, 96)
        name = result["image"]["image_name"]
        file = painter.get(f"/api/v1/images/i/{name}/full")
        picture = Image.open(io.BytesIO(file.body))
        assert picture.size == (128, 96)
        metadata = json.loads(picture.info["invokeai_metadata"])
        assert (metadata["seed"], metadata["negative_prompt"], metadata["steps"]) == (seed, "blurry", 3)
        shown = painter.get(f"/api/v1/images/i/{name}").json()
        assert (shown["is_intermediate"], shown["session_id"]) == (False, item["session_id"])
    counts = painter.get(f"{QUEUE}/b/{done['batch']['batch_id']}/status").json()
    assert (counts["completed"], counts["total"]) == (2, 2)


def test_the_same_seed_makes_the_same_picture_by_graph_and_by_request(painter: Client) -> None:
    wishes = {"seed": 4, "steps": 3, "width": 64, "height": 64, "cfg_scale": 6.5, "scheduler": "euler"}
    (plain,) = painter.generate("a red apple", negative_prompt="blurry", model=EMOJI["key"], **wishes)["item_ids"]
    graph = sd1(EMOJI, scheduler="euler", steps=3)
    graph["nodes"]["noise:1"].update(width=64, height=64)
    graph["nodes"]["seed:1"]["value"] = 4
    (by_graph,) = enqueue(painter, batch(graph))["item_ids"]
    pixels = []
    for item_id in (plain, by_graph):
        (name,) = finished(painter, item_id)["image_names"]
        file = painter.get(f"/api/v1/images/i/{name}/full")
        pixels.append(Image.open(io.BytesIO(file.body)).tobytes())
    assert pixels[0] == pixels[1]


def test_the_board_and_the_staging_area_of_the_output_node_are_honoured(painter: Client) -> None:
    board_id = new_board(painter, "graphs")
    graph = onto(board_id, sd1(EMOJI, scheduler="euler", steps=2), is_intermediate=True)
    graph["nodes"]["noise:1"].update(width=64, height=64)
    (item_id,) = enqueue(painter, batch(graph, prepend=True))["item_ids"]
    item = finished(painter, item_id)
    shown = painter.get(f"/api/v1/images/i/{outcome(item, OUTPUT)['image']['image_name']}").json()
    assert (shown["board_id"], shown["is_intermediate"]) == (board_id, True)
    assert item["priority"] == 1


def test_a_graph_that_can_not_be_made_says_which_node_and_what_to_do(painter: Client) -> None:
    graph = sd1(EMOJI)
    graph["nodes"]["lora:1"] = {"id": "lora:1", "type": "lora_selector", "lora": {"key": "x"}}
    answer = painter.post(f"{QUEUE}/enqueue_batch", batch(graph))
    assert answer.status == 422
    (problem,) = answer.detail
    assert problem["loc"] == ["body", "batch", "graph", "nodes", "lora:1", "type"]
    assert "leave the node out" in problem["msg"]
