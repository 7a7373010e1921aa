"""Graphs of InvokeAI clients over HTTP: what is made of them, what they find in the items, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from invoke_host.testing.client import ApiClient
from tests.queue.conftest import Line, ToyModels
from tests.queue.graphs import batch, datum, edge, sd1, sdxl
from tests.queue.routes.answers import ROOT, checked
from tests.queue.test_finishing import complete, output

SEED, PROMPT, METADATA = "seed:1.value", "positive_prompt:1.value", "core_metadata:1"


async def enqueued(who: ApiClient, body: dict[str, Any]) -> dict[str, Any]:
    """The parsed answer to a batch that is taken."""
    return checked(await who.post(f"{ROOT}/enqueue_batch", body), "POST", "enqueue_batch")


async def items(who: ApiClient, done: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a batch, in the order of its pictures."""
    answer = await who.post(f"{ROOT}/items_by_ids", {"item_ids": done["item_ids"][::-1]})
    return checked(answer, "POST", "items_by_ids")


async def refused(who: ApiClient, body: Any) -> dict[tuple[Any, ...], str]:
    """What is wrong with a body, by place."""
    answer = await who.post(f"{ROOT}/enqueue_batch", body)
    assert answer.status == 422, answer.text
    return {tuple(each["loc"]): each["msg"] for each in answer.detail}


async def test_a_graph_is_made_as_it_says_and_ids_come_newest_first(alice: ApiClient) -> None:
    done = await enqueued(alice, batch(sd1(), datum_seeds(5, 6, 7)))
    assert done == {
        "queue_id": "default",
        "enqueued": 3,
        "requested": 3,
        "batch": {"batch_id": done["batch"]["batch_id"], "origin": "generate", "destination": "generate"},
        "priority": 0,
        "item_ids": [3, 2, 1],
        "limited_by": None,
    }
    first, *_, last = await items(alice, done)
    assert first["request"] == {
        "model": "toy",
        "model_hash": "",
        "positive_prompt": "a red apple",
        "negative_prompt": "blurry",
        "width": 512,
        "height": 384,
        "steps": 12,
        "cfg_scale": 6.5,
        "seed": 5,
        "scheduler": "euler",
        "board_id": None,
        "is_intermediate": False,
    }
    assert last["request"]["seed"] == 7
    assert last["field_values"] == [{"node_path": "seed:1", "field_name": "value", "value": 7}]
    assert (first["origin"], first["destination"]) == ("generate", "generate")


async def test_a_graph_without_lists_has_its_own_values_once_per_run(alice: ApiClient) -> None:
    done = await enqueued(alice, batch(sd1(), runs=2))
    found = await items(alice, done)
    assert [each["field_values"] for each in found] == [None, None]
    assert done["enqueued"] == 2


async def test_prompts_beside_seeds_are_zipped_and_apart_from_them_combined(alice: ApiClient) -> None:
    prompts = datum(PROMPT, "a pear", "a plum")
    beside = await items(alice, await enqueued(alice, batch(sd1(), [datum(SEED, 1, 2), prompts])))
    assert [(each["request"]["seed"], each["request"]["positive_prompt"]) for each in beside] == [
        (1, "a pear"),
        (2, "a plum"),
    ]
    apart = await items(alice, await enqueued(alice, batch(sd1(), [datum(SEED, 1, 2)], [prompts])))
    assert [(each["request"]["seed"], each["request"]["positive_prompt"]) for each in apart] == [
        (1, "a pear"),
        (1, "a plum"),
        (2, "a pear"),
        (2, "a plum"),
    ]


async def test_the_metadata_node_may_repeat_a_list_and_nothing_else(alice: ApiClient) -> None:
    prompts, repeated = datum(PROMPT, "a pear", "a plum"), datum(f"{METADATA}.positive_prompt", "a pear", "a plum")
    done = await enqueued(alice, batch(sd1(), [prompts, repeated]))
    assert (await items(alice, done))[1]["field_values"] == [
        {"node_path": "positive_prompt:1", "field_name": "value", "value": "a plum"},
        {"node_path": METADATA, "field_name": "positive_prompt", "value": "a plum"},
    ]
    place = ("body", "batch", "data", 0, 1, "field_name")
    other = datum(f"{METADATA}.positive_prompt", "a pear", "a fig")
    assert "with the same values" in (await refused(alice, batch(sd1(), [prompts, other])))[place]
    about = await refused(alice, batch(sd1(), [prompts, datum(f"{METADATA}.mood", "gay", "sad")]))
    assert "no list here" in about[place]


@pytest.mark.parametrize(
    ("data", "place", "text"),
    [
        ([datum("nobody.value", 1)], (0, 0, "node_path"), "no node 'nobody'"),
        ([datum("noise:1.seed", 1)], (0, 0, "field_name"), "name 'seed:1' and its field 'value'"),
        ([datum("sd1_model_loader:1.model", {"key": "toy"})], (0, 0, "field_name"), "no list here"),
        ([datum("canvas_output:1.board", None)], (0, 0, "field_name"), "no list here"),
        ([datum(SEED, 1), datum(SEED, 2)], (0, 1), "has a list already"),
        ([datum(SEED, 1, 2), datum(PROMPT, "a")], (0, 1, "items"), "has 1 values"),
        ([datum(SEED, 1, "2", -1, {"a": 1})], (0, 0, "items", 1), "integer"),
        ([datum(SEED, 1, "2", -1, {"a": 1})], (0, 0, "items", 2), "greater"),
        ([datum(SEED, 1, "2", -1, {"a": 1})], (0, 0, "items", 3), "integer"),
        ([datum("denoise_latents:1.scheduler", "euler", "zz")], (0, 0, "items", 1), "no scheduler 'zz'"),
        ([datum("denoise_latents:1.steps", 151)], (0, 0, "items", 0), "150"),
        ([], (0,), "at least 1"),
        ([{"node_path": "seed:1", "items": [1]}], (0, 0, "field_name"), "required"),
    ],
    ids=str,
)
async def test_lists_that_have_no_meaning_are_refused_with_their_place(alice: ApiClient, data, place, text) -> None:
    assert text in (await refused(alice, batch(sd1(), data)))["body", "batch", "data", *place]


async def test_a_list_for_two_fields_keeps_the_places_of_those_after_it(alice: ApiClient) -> None:
    graph = sd1()
    graph["nodes"]["side"] = {"type": "integer", "value": 256}
    graph["edges"] += [edge("side.value > noise:1.width"), edge("side.value > noise:1.height")]
    done = await enqueued(alice, batch(graph, [datum("side.value", 64, 128), datum(PROMPT, "a", "b")]))
    assert [(each["request"]["width"], each["request"]["height"]) for each in await items(alice, done)] == [
        (64, 64),
        (128, 128),
    ]
    found = await refused(alice, batch(graph, [datum("side.value", 64, 65), datum(PROMPT, "a", 3)]))
    assert set(found) == {("body", "batch", "data", 0, 0, "items", 1), ("body", "batch", "data", 0, 1, "items", 1)}


async def test_everything_wrong_with_a_batch_is_told_at_once(alice: ApiClient) -> None:
    body = batch(sd1(denoising_end=0.5), [{"node_path": "", "items": []}], runs=0, colour="red")
    assert set(await refused(alice, {**body, "prepend": "yes"})) == {
        ("body", "prepend"),
        ("body", "batch", "runs"),
        ("body", "batch", "colour"),
        ("body", "batch", "graph", "nodes", "denoise_latents:1", "denoising_end"),
        ("body", "batch", "data", 0, 0, "node_path"),
        ("body", "batch", "data", 0, 0, "field_name"),
        ("body", "batch", "data", 0, 0, "items"),
    }


async def test_what_the_catalogue_and_the_limits_of_fields_say_is_told_at_the_nodes(alice: ApiClient) -> None:
    graph = sd1({"key": "gone", "name": "Gone"}, scheduler="eulre", steps=500)
    graph["nodes"]["positive_prompt:1"]["value"] = ""
    nodes = ("body", "batch", "graph", "nodes")
    assert set(await refused(alice, batch(graph))) == {
        (*nodes, "denoise_latents:1", "steps"),
        (*nodes, "positive_prompt:1", "value"),
    }
    graph["nodes"]["positive_prompt:1"]["value"], graph["nodes"]["denoise_latents:1"]["steps"] = "x", 5
    found = await refused(alice, batch(graph))
    assert set(found) == {(*nodes, "sd1_model_loader:1", "model"), (*nodes, "denoise_latents:1", "scheduler")}
    assert "did you mean 'toy'" in found[*nodes, "sd1_model_loader:1", "model"]


async def test_a_model_is_found_by_its_name_where_the_key_is_of_another_host(alice: ApiClient) -> None:
    done = await enqueued(alice, batch(sd1({"key": "0f6c-elsewhere", "name": "Toy", "base": "sd-1", "type": "main"})))
    assert (await items(alice, done))[0]["request"]["model"] == "toy"


async def test_a_loader_for_another_kind_of_model_is_refused(alice: ApiClient) -> None:
    place = ("body", "batch", "graph", "nodes", "sdxl_model_loader:1", "model")
    assert "'sd-1'" in (await refused(alice, batch(sdxl())))[place]


async def test_sdxl_graphs_are_made_with_sdxl_models(alice: ApiClient, models: ToyModels) -> None:
    models.record = replace(models.record, offer=replace(models.record.offer, base="sdxl"))
    done = await enqueued(alice, batch(sdxl(), [datum(SEED, 3)], [datum(PROMPT, "a pear", "a plum")]))
    assert [each["request"]["positive_prompt"] for each in await items(alice, done)] == ["a pear", "a plum"]
    apart = sdxl()
    apart["nodes"]["neg_cond:1"]["style"] = "oil"
    place = ("body", "batch", "graph", "nodes", "neg_cond:1", "style")
    assert "one text is used for both" in (await refused(alice, batch(apart)))[place]
    varied = [datum("neg_cond:1.prompt", "a", "b")]
    assert place in await refused(alice, batch(sdxl(), varied))
    both = [*varied, datum("neg_cond:1.style", "a", "b")]
    assert (await enqueued(alice, batch(sdxl(), both)))["enqueued"] == 2
    apart["nodes"]["neg_cond:1"]["style"] = ""
    assert (await enqueued(alice, batch(apart, varied)))["enqueued"] == 2


async def test_a_client_finds_its_picture_through_the_mappings(alice: ApiClient, bob: ApiClient, line: Line) -> None:
    done = await enqueued(alice, batch(sd1()))
    assert (await items(alice, done))[0]["session"]["source_prepared_mapping"] == {}
    picture = output()
    complete(line, line.must_claim(), picture)
    (item,) = await items(alice, done)
    session = item["session"]
    (prepared,) = session["source_prepared_mapping"]["canvas_output:1"]
    assert session["prepared_source_mapping"] == {prepared: "canvas_output:1"}
    assert session["results"] == {
        prepared: {"type": "image_output", "image": {"image_name": picture.name}, "width": 512, "height": 384}
    }
    (foreign,) = await items(bob, done)
    assert (foreign["session"]["source_prepared_mapping"], foreign["field_values"]) == ({}, None)


async def test_a_key_names_the_same_batch_again(alice: ApiClient) -> None:
    headers = {"Idempotency-Key": "graph-1"}
    body = batch(sd1(), [datum(SEED, 1, 2)])
    first = checked(await alice.post(f"{ROOT}/enqueue_batch", body, headers=headers), "POST", "enqueue_batch")
    again = checked(await alice.post(f"{ROOT}/enqueue_batch", body, headers=headers), "POST", "enqueue_batch")
    assert again == first
    other = await alice.post(f"{ROOT}/enqueue_batch", batch(sd1()), headers=headers)
    assert other.status == 409
    assert (await alice.post(f"{ROOT}/generate", {"positive_prompt": "x"}, headers=headers)).status == 409


async def test_the_metadata_node_may_hold_what_no_row_of_ours_could(alice: ApiClient) -> None:
    graph = sd1()
    graph["nodes"]["core_metadata:1"]["canvas_v2_metadata"] = {"x": [10**30, float("inf"), -1e-300], "y" * 300: None}
    headers = {"Idempotency-Key": "large"}
    for _ in range(2):
        answer = await alice.post(f"{ROOT}/enqueue_batch", batch(graph), headers=headers)
        assert (answer.status, answer.json()["item_ids"]) == (200, [1])


async def test_a_batch_id_may_be_the_clients_own_once(alice: ApiClient, bob: ApiClient) -> None:
    body = batch(sd1(), batch_id="5b8d2f3e-1c4a-4f6b-9e7d-0a1b2c3d4e5f")
    done = await enqueued(alice, body)
    assert done["batch"]["batch_id"] == body["batch"]["batch_id"]
    assert (await alice.post(f"{ROOT}/enqueue_batch", body)).status == 409
    assert (await enqueued(bob, body))["batch"]["batch_id"] != body["batch"]["batch_id"]
    assert set(await refused(alice, batch(sd1(), batch_id="no id"))) == {("body", "batch", "batch_id")}


async def test_a_full_queue_says_so(alice: ApiClient) -> None:
    part = await enqueued(alice, batch(sd1(), runs=25))
    assert (part["enqueued"], part["requested"], part["item_ids"][0]) == (20, 25, 20)
    answer = await alice.post(f"{ROOT}/enqueue_batch", batch(sd1()))
    assert (answer.status, answer.headers["Retry-After"]) == (429, "10")


async def test_a_board_that_is_not_there_is_not_found(alice: ApiClient) -> None:
    graph = sd1()
    graph["nodes"]["canvas_output:1"]["board"] = {"board_id": "none"}
    assert (await alice.post(f"{ROOT}/enqueue_batch", batch(graph))).status == 404


async def test_pictures_for_the_staging_area_are_intermediate(alice: ApiClient, line: Line) -> None:
    graph = sd1()
    graph["nodes"]["canvas_output:1"]["is_intermediate"] = True
    (item,) = await items(alice, await enqueued(alice, batch(graph, workflow={"name": "x"})))
    assert item["request"]["is_intermediate"]


async def test_deep_and_long_bodies_are_refused_and_not_worked_at(alice: ApiClient) -> None:
    deep = b'{"batch": {"graph": {"nodes": {"m": {"type": "core_metadata", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}}}}}"
    headers = {"Content-Type": "application/json"}
    answer = await alice.request("POST", f"{ROOT}/enqueue_batch", data=deep, headers=headers)
    assert (answer.status, answer.detail[0]["type"]) == (422, "json_invalid")
    many = b'{"batch": {"runs": [' + b"1," * 300_000 + b"1]}}"
    answer = await alice.request("POST", f"{ROOT}/enqueue_batch", data=many, headers=headers)
    assert (answer.status, "values" in answer.detail) == (413, True)
    wide = {"batch": {"graph": {"nodes": {"n" * 100_000: 1}}, "x" * 100_000: 1}}
    answer = await alice.post(f"{ROOT}/enqueue_batch", wide)
    assert answer.status == 422
    assert len(answer.text) < 3000


def datum_seeds(*seeds: int) -> list[dict[str, Any]]:
    """A list for the seed alone."""
    return [datum(SEED, *seeds)]
