"""From an empty folder to a picture: what a client of a complete host sees and gets."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
from PIL import Image

from .client import QUEUE, Client
from .listener import Listener
from .process import HostProcess, until

IMAGES = "/api/v1/images"


def make(client: Client, **wishes) -> tuple[dict, list[str]]:
    """Enqueue, wait until all are done: the answer, and the names of the pictures in the order of the items."""
    with Listener(client) as listener:
        answer = client.generate(**wishes)
        for item_id in answer["item_ids"]:
            listener.status(item_id, "completed")
    items = [client.item(item_id) for item_id in answer["item_ids"]]
    return answer, [name for item in items for name in item["image_names"]]


def picture(client: Client, name: str) -> Image.Image:
    """A picture, decoded."""
    answer = client.get(f"{IMAGES}/i/{name}/full")
    assert answer.status == 200
    return Image.open(io.BytesIO(answer.body))


def default_model(client: Client) -> dict:
    """What requests get that name no model."""
    return next(model for model in client.get("/api/v2/models/").json()["models"] if model["is_default"])


def files(root: Path) -> set[str]:
    """All picture files of a host."""
    blobs = root / "blobs"
    return {str(file.relative_to(blobs)) for file in blobs.rglob("*.*") if file.suffix in (".png", ".webp")}


def test_a_request_becomes_a_picture_and_every_step_of_the_way_is_announced(painter):
    with Listener(painter) as listener:
        answer = painter.generate("a red apple", steps=5, seed=7, origin="test", destination="canvas")
        [item_id] = answer["item_ids"]
        done = listener.status(item_id, "completed")
        [name] = done.data["image_names"]
        listener.until("the picture", lambda e: e.kind == "images_changed" and e.data["added"] == [name])
        heard = listener.events

    assert (answer["enqueued"], answer["requested"]) == (1, 1)
    assert listener.statuses(item_id) == ["in_progress", "completed"]
    enqueued = next(event for event in heard if event.kind == "batch_enqueued")
    assert enqueued.data["item_ids"] == [item_id]
    steps = listener.progress(item_id)
    assert [step for step in steps if step] == [1, 2, 3, 4, 5]
    assert steps == sorted(steps)
    kept = [event.id for event in heard if event.id is not None]
    assert kept == sorted(set(kept))
    assert all(event.id is None for event in heard if event.kind == "progress")
    # status_sequence orders the states of one item for clients that get them out of order
    sequence = [e.data["status_sequence"] for e in heard if e.kind == "queue_item_status_changed"]
    assert sequence == sorted(set(sequence))

    item = painter.item(item_id)
    assert (item["status"], item["image_names"], item["attempt"]) == ("completed", [name], 1)
    assert (item["origin"], item["destination"], item["request"]["seed"]) == ("test", "canvas", 7)
    shown = painter.get(f"{IMAGES}/i/{name}").json()
    assert (shown["width"], shown["height"], shown["starred"]) == (64, 64, False)
    assert name in painter.names()


def test_a_picture_file_carries_how_it_was_made(painter):
    _, [name] = make(painter, prompt="a blue fish", negative_prompt="text", seed=11, width=128, height=96)
    image = picture(painter, name)
    core, own = orjson.loads(image.text["invokeai_metadata"]), orjson.loads(image.text["invoke_host"])
    assert (image.format, image.size) == ("PNG", (128, 96))
    assert (core["positive_prompt"], core["negative_prompt"], core["seed"], core["steps"]) == (
        "a blue fish",
        "text",
        11,
        3,
    )
    assert core["model"]["key"] == default_model(painter)["key"]
    assert own["device"]
    assert painter.get(f"{IMAGES}/i/{name}/metadata").json() == core

    thumbnail = painter.get(f"{IMAGES}/i/{name}/thumbnail")
    assert thumbnail.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(thumbnail.body)).format == "WEBP"


def test_browsers_can_keep_files_and_ask_for_parts(painter):
    _, [name] = make(painter)
    for kind, media in (("full", "image/png"), ("thumbnail", "image/webp")):
        path = f"{IMAGES}/i/{name}/{kind}"
        whole = painter.get(path)
        assert whole.headers["content-type"] == media
        assert "immutable" in whole.headers["cache-control"]
        etag = whole.headers["etag"]
        again = painter.get(path, headers={"If-None-Match": etag})
        assert (again.status, again.body) == (304, b"")
        assert painter.get(path, headers={"If-None-Match": '"other"'}).status == 200
        part = painter.get(path, headers={"Range": "bytes=10-19"})
        assert (part.status, part.body) == (206, whole.body[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{len(whole.body)}"
        assert painter.get(path, headers={"Range": f"bytes={len(whole.body)}-"}).status == 416
        head = painter.request("HEAD", path)
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(whole.body)))


def test_the_same_seed_gives_the_same_pixels(painter):
    pixels = {picture(painter, make(painter, seed=5)[1][0]).tobytes() for _ in range(2)}
    assert len(pixels) == 1


def test_a_count_gives_items_with_seeds_in_a_row(painter):
    last, count = 2**32 - 1, 3
    answer, names = make(painter, seed=last - 1, count=count)
    assert len(set(names)) == len(answer["item_ids"]) == answer["enqueued"] == count
    assert [painter.item(each)["request"]["seed"] for each in answer["item_ids"]] == [last - 1, last, 0]
    _, [alone] = make(painter, seed=last)
    assert picture(painter, alone).tobytes() == picture(painter, names[1]).tobytes()
    assert len({picture(painter, name).tobytes() for name in names}) == count


def test_deleting_a_picture_puts_it_into_the_trash_and_purging_removes_its_files(host: HostProcess, painter):
    _, [name, other] = make(painter, count=2)
    stem = name.removesuffix(".png")
    own = {file for file in files(host.root) if stem in file}
    assert own == {f"images/{name[:2]}/{name}", f"thumbnails/{name[:2]}/{stem}.webp"}
    with Listener(painter) as listener:
        assert painter.delete(f"{IMAGES}/i/{name}").json()["deleted_images"] == [name]
        listener.until("the deletion", lambda e: e.kind == "images_changed" and e.data["deleted"] == [name])
    for path in ("", "/full", "/thumbnail", "/metadata", "/urls", "/workflow"):
        assert painter.get(f"{IMAGES}/i/{name}{path}").status == 404
    assert own <= files(host.root), "it is in the trash"
    assert painter.post(f"{IMAGES}/trash/purge", {"image_names": [name]}).json()["purged_images"] == [name]
    left = files(host.root)
    assert not own & left
    assert any(other in file for file in left)
    assert painter.delete(f"{IMAGES}/i/{name}").status == 404
    answer = painter.post(f"{IMAGES}/delete", {"image_names": [name, other, "../../invoke-host.db"]})
    assert answer.json()["deleted_images"] == [other]
    assert answer.json()["failed_images"] == [name, "../../invoke-host.db"]


def test_stars_lists_and_names_agree(painter):
    _, names = make(painter, count=3)
    assert painter.post(f"{IMAGES}/star", {"image_names": [names[0]]}).json()["starred_images"] == [names[0]]
    listed = painter.get(f"{IMAGES}/names").json()
    assert listed["image_names"][0] == names[0]
    assert listed["starred_count"] == 1
    page = painter.get(f"{IMAGES}/?limit=2").json()
    assert [image["image_name"] for image in page["items"]] == listed["image_names"][:2]
    assert page["total"] == listed["total_count"]
    assert page["items"][0]["starred"]
    rest = painter.get(f"{IMAGES}/?limit=2&cursor={page['next_cursor']}").json()
    assert [image["image_name"] for image in rest["items"]] == listed["image_names"][2:4]
    assert painter.post(f"{IMAGES}/unstar", {"image_names": [names[0]]}).json()["unstarred_images"] == [names[0]]
    assert painter.names()[:3] == names[::-1]


def test_a_repeated_idempotency_key_makes_nothing_twice(painter):
    first = painter.generate("a pear", key="once", count=2)
    second = painter.generate("a pear", key="once", count=2)
    assert second == first
    different = painter.post(f"{QUEUE}/generate", {"positive_prompt": "a plum"}, headers={"Idempotency-Key": "once"})
    assert different.status == 409
    until("both are done", lambda: all(painter.item(i)["status"] == "completed" for i in first["item_ids"]))


def test_the_same_key_from_many_at_the_same_time_is_one_request(painter):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: painter.generate("a plum", key="rush", count=2), range(16)))
    assert all(answer == answers[0] for answer in answers)
    until("both are done", lambda: all(painter.item(i)["status"] == "completed" for i in answers[0]["item_ids"]))


def test_a_stream_resumes_after_the_event_it_saw_last(painter):
    with Listener(painter) as listener:
        [item_id] = painter.generate()["item_ids"]
        seen = listener.status(item_id, "in_progress")
        end = listener.status(item_id, "completed")
    with Listener(painter, last_event_id=seen.id) as resumed:
        assert resumed.status(item_id, "completed") == end
        assert resumed.kept[0].id == seen.id + 1
    with Listener(painter, last_event_id=10**17) as lost:
        lost.until("resync", lambda event: event.kind == "resync")


def test_wrong_wishes_are_all_told_at_once(client):
    body = {"positive_prompt": "", "steps": 0, "width": 65, "cfg_scale": "high", "scheduler": 3, "sead": 1}
    answer = client.post(f"{QUEUE}/generate", body)
    assert answer.status == 422
    assert {tuple(each["loc"]) for each in answer.detail} == {
        ("body", name) for name in ("positive_prompt", "steps", "width", "cfg_scale", "scheduler", "sead")
    }
    unknown = client.post(f"{QUEUE}/generate", {"positive_prompt": "x", "model": "no such model", "scheduler": "eulre"})
    assert [each["loc"] for each in unknown.detail] == [["body", "model"], ["body", "scheduler"]]
    assert "euler" in unknown.detail[1]["msg"]
    mixed = client.post(f"{QUEUE}/generate", {"steps": 0, "model": "no such model", "scheduler": "eulre"})
    assert sorted(each["loc"][1] for each in mixed.detail) == ["model", "positive_prompt", "scheduler", "steps"]
