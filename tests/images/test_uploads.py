"""Uploading: a picture becomes an image of its uploader, on a board if they may, or nothing stays of it."""

from __future__ import annotations

import errno
import io
import json
import sqlite3

import aiohttp
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import delete, select, update
from sqlalchemy.exc import OperationalError

from invoke_host.api import StorageConflict, StorageUnavailable
from invoke_host.blobs import staging
from invoke_host.blobs.tables import tombstones
from invoke_host.boards.tables import board_grants, boards
from invoke_host.config.schema import ImagesConfig
from invoke_host.images.drift import drift
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.schema import ImageDTO
from invoke_host.images.services import uploading

from .conftest import ALICE
from .traffic import UPLOAD, WHAT, Traffic, serving


def png(width: int = 40, height: int = 20, color: object = "teal", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (width, height), color).save(out, "PNG", **options)
    return out.getvalue()


def nothing_stays(traffic: Traffic) -> bool:
    def count(conn):
        return len(conn.execute(select(tombstones)).all())

    return (
        not traffic.gallery.files()
        and not traffic.gallery.blobs.staged()
        and not traffic.gallery.storage.run_read(count)
    )


async def test_an_upload_is_an_image_of_its_uploader_with_files(traffic):
    answer = await traffic.upload(png())
    assert answer.status == 201
    image = ImageDTO.model_validate(answer.json())
    assert (image.width, image.height, image.image_category, image.image_origin) == (40, 20, "user", "external")
    assert (image.board_id, image.has_workflow, image.is_intermediate) == (None, False, False)
    assert answer.headers["Location"] == f"/api/v1/images/i/{image.image_name}"
    alice = traffic.as_caller("alice")
    assert (await alice.get(answer.headers["Location"])).json() == answer.json()
    full = await alice.get(f"/api/v1/images/i/{image.image_name}/full")
    assert (full.status, Image.open(io.BytesIO(full.body)).size) == (200, (40, 20))
    thumbnail = await alice.get(f"/api/v1/images/i/{image.image_name}/thumbnail")
    assert Image.open(io.BytesIO(thumbnail.body)).format == "WEBP"
    assert (await traffic.as_caller("bob").get(answer.headers["Location"])).status == 404
    assert traffic.gallery.files() == {image_key(image.image_name), thumbnail_key(image.image_name)}
    assert traffic.gallery.blobs.staged() == []
    assert len(await traffic.events("images_changed")) == 1


async def test_what_the_file_says_of_its_making_can_be_read_again(traffic):
    info = PngInfo()
    info.add_text("invokeai_metadata", '{"seed": 7, "positive_prompt": "plüsch"}')
    info.add_text("invokeai_workflow", '{"nodes": []}')
    info.add_text("invokeai_graph", '{"id": "g"}')
    image = (await traffic.upload(png(pnginfo=info))).json()
    assert image["has_workflow"] is True
    alice, one = traffic.as_caller("alice"), f"/api/v1/images/i/{image['image_name']}"
    assert (await alice.get(f"{one}/metadata")).json() == {"seed": 7, "positive_prompt": "plüsch"}
    assert (await alice.get(f"{one}/workflow")).json() == {"workflow": '{"nodes": []}', "graph": '{"id": "g"}'}
    assert (await traffic.as_caller("bob").get(f"{one}/workflow")).status == 404
    assert (await traffic.as_caller("bob").get(f"{one}/metadata")).status == 404


async def test_an_image_without_texts_has_none(one):
    path = (await one.upload(png())).headers["Location"]
    assert (await one.as_caller("alice").get(f"{path}/metadata")).json() is None
    assert (await one.as_caller("alice").get(f"{path}/workflow")).json() == {"workflow": None, "graph": None}


async def test_metadata_of_the_form_replaces_that_of_the_file(one):
    info = PngInfo()
    info.add_text("invokeai_metadata", '{"seed": 7}')
    path = (await one.upload(png(pnginfo=info), metadata='{"seed": 8}')).headers["Location"]
    assert (await one.as_caller("alice").get(f"{path}/metadata")).json() == {"seed": 8}
    full = await one.as_caller("alice").get(f"{path}/full")
    assert Image.open(io.BytesIO(full.body)).info["invokeai_metadata"] == '{"seed": 8}'


@pytest.mark.parametrize("resize", ['{"width": 64, "height": 32}', "[64, 32]"])
async def test_a_picture_can_be_cropped_and_resized(one, resize):
    content = Image.new("RGBA", (50, 40))
    content.paste((1, 2, 3, 255), (10, 5, 30, 15))
    out = io.BytesIO()
    content.save(out, "PNG")
    image = (await one.upload(out.getvalue(), query={**WHAT, "crop_visible": "true"}, resize_to=resize)).json()
    assert (image["width"], image["height"]) == (64, 32)
    image = (await one.upload(out.getvalue(), query={**WHAT, "crop_visible": "true"})).json()
    assert (image["width"], image["height"]) == (20, 10)


async def test_intermediate_and_session_are_kept(one):
    query = {**WHAT, "is_intermediate": "true", "session_id": "abc"}
    image = (await one.upload(png(), query=query)).json()
    assert (image["is_intermediate"], image["session_id"]) == (True, "abc")


@pytest.mark.parametrize(
    ("caller", "visibility", "roles", "status"),
    [
        ("alice", "private", {}, 201),
        ("bob", "private", {}, 404),
        ("bob", "shared", {}, 403),
        ("bob", "public", {}, 201),
        ("bob", "private", {"bob": "viewer"}, 403),
        ("bob", "private", {"bob": "contributor"}, 201),
        ("root", "private", {}, 201),
    ],
)
async def test_a_board_takes_uploads_of_those_who_may_add_to_it(traffic, caller, visibility, roles, status):
    board = traffic.gallery.add_board(ALICE, visibility, roles)
    answer = await traffic.upload(png(), caller=caller, query={**WHAT, "board_id": board})
    assert answer.status == status
    if status == 201:
        assert answer.json()["board_id"] == board
    else:
        assert nothing_stays(traffic)


@pytest.mark.parametrize("board_id", ["none", "x", "", "../..", "0" * 36])
async def test_a_board_that_does_not_exist_is_404(one, board_id):
    assert (await one.upload(png(), query={**WHAT, "board_id": board_id})).status == 404


async def test_the_board_is_asked_before_the_body_is_read(one):
    board = one.gallery.add_board(ALICE)
    answer = await one.as_caller("bob").post(
        UPLOAD,
        params={**WHAT, "board_id": board},
        data=b"no form at all",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert answer.status == 404


@pytest.mark.parametrize("how", ["deleted", "revoked"])
async def test_the_board_is_asked_again_in_the_transaction(traffic, monkeypatch, how):
    board = traffic.gallery.add_board(ALICE, "private", {"bob": "contributor"})

    def lose(conn):
        conn.execute(delete(board_grants))
        if how == "deleted":
            conn.execute(delete(boards).where(boards.c.id == board))

    decode = traffic.decoder.decode

    async def decode_and_lose(*args, **options):
        done = await decode(*args, **options)
        await traffic.gallery.storage.write(lose)
        return done

    monkeypatch.setattr(traffic.decoder, "decode", decode_and_lose)
    answer = await traffic.upload(png(), caller="bob", query={**WHAT, "board_id": board})
    assert answer.status == 404
    assert nothing_stays(traffic)


async def test_a_public_board_that_becomes_shared_meanwhile_is_403(one, monkeypatch):
    board = one.gallery.add_board(ALICE, "public")
    decode = one.decoder.decode

    async def decode_and_close(*args, **options):
        done = await decode(*args, **options)
        one.gallery.storage.run_write(lambda conn: conn.execute(update(boards).values(visibility="shared")) and None)
        return done

    monkeypatch.setattr(one.decoder, "decode", decode_and_close)
    assert (await one.upload(png(), caller="bob", query={**WHAT, "board_id": board})).status == 403
    assert nothing_stays(one)


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"<svg/>", 415), (b"GIF89a", 415), (b"\x89PNG\r\n\x1a\nrubbish", 422), (png()[:-30], 422)],
)
async def test_what_is_no_picture_leaves_nothing(one, content, status):
    answer = await one.upload(content)
    assert answer.status == status
    assert nothing_stays(one)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_all_wrong_query_values_and_fields_are_told(one):
    answer = await one.upload(png(), query={"image_category": "cat"})
    assert [each["loc"] for each in answer.detail] == [["query", "image_category"], ["query", "is_intermediate"]]
    answer = await one.upload(png(), resize_to='{"width": 0}', metadata="x" * 2**21, colour="red")
    assert sorted(each["loc"][1] for each in answer.detail) == ["colour", "metadata", "resize_to", "resize_to"]
    assert nothing_stays(one)


@pytest.mark.parametrize("metadata", ["[]", "nonsense", "null", '{"a": NaN}', ""])
async def test_metadata_that_is_no_json_object_is_told(one, metadata):
    answer = await one.upload(png(), metadata=metadata)
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["body", "metadata"])


@pytest.mark.parametrize("resize", ["[1]", "[1, 2, 3]", "7", '"x"', "[4097, 4096]", "[0, 5]", "[70000, 1]", "[1e9, 1]"])
async def test_a_bad_size_is_told(one, resize):
    answer = await one.upload(png(), resize_to=resize)
    assert (answer.status, answer.detail[0]["loc"][:2]) == (422, ["body", "resize_to"])


async def test_limits_of_the_configuration_apply(gallery, access, tmp_path):
    small = ImagesConfig(max_upload_mb=1, max_upload_megapixels=1)
    async with serving(gallery, access, tmp_path / "d", config=small) as running:
        assert (await running.upload(b"\x89PNG\r\n\x1a\n" + b"x" * 2**20)).status == 413
        answer = await running.upload(png(1001, 1000))
        assert (answer.status, answer.detail[0]["type"]) == (422, "picture_too_large")
        assert nothing_stays(running)


async def test_nobody_uploads_without_a_login_or_from_a_foreign_page(one):
    form = aiohttp.FormData({"file": io.BytesIO(png())})
    assert (await one.client.post(UPLOAD, data=form, params=WHAT)).status == 401
    headers = {"Origin": "https://evil.example", "Content-Type": "multipart/form-data; boundary=b"}
    assert (await one.as_caller("alice").post(UPLOAD, data=b"", params=WHAT, headers=headers)).status == 403


async def test_a_disk_that_refuses_the_files_leaves_nothing_and_says_so(one, monkeypatch):
    def adopt(staged, key):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(one.gallery.blobs, "adopt", adopt)
    assert (await one.upload(png())).status == 507
    monkeypatch.undo()
    assert nothing_stays(one)


async def test_who_has_too_many_uploads_on_their_way_gets_429_and_others_do_not(one, monkeypatch):
    monkeypatch.setattr(staging, "MOST_OF_ONE", 0)
    answer = await one.upload(png())
    assert (answer.status, "Retry-After" in answer.headers) == (429, True)
    monkeypatch.setattr(staging, "MOST_OF_ONE", 1)
    assert [(await one.upload(png(), caller=name)).status for name in ("alice", "bob", "alice")] == [201, 201, 201]
    monkeypatch.setattr(staging, "MOST_UPLOADS", 0)
    assert (await one.upload(png())).status == 503


async def test_counters_and_search_hold_after_uploads_onto_boards(traffic):
    board = traffic.gallery.add_board(ALICE, "public")
    for caller, query in (("alice", {}), ("bob", {"board_id": board}), ("alice", {"board_id": board})):
        await traffic.upload(png(), caller=caller, query={**WHAT, **query})
    assert traffic.gallery.storage.run_read(drift) == []


def nested(levels: int) -> str:
    """An object that goes so deep."""
    return '{"a": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


@pytest.mark.parametrize("deep", [nested(101), nested(300), nested(1000), '{"a": ' + nested(101) + ', "a": 1}'])
async def test_metadata_that_is_nested_too_deeply_is_told_and_that_of_a_file_is_dropped(one, deep):
    answer = await one.upload(png(), metadata=deep)
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["body", "metadata"])
    assert nothing_stays(one)

    info = PngInfo()
    for chunk in ("invokeai_metadata", "invokeai_workflow", "invokeai_graph"):
        info.add_text(chunk, deep)
    image = (await one.upload(png(pnginfo=info))).json()
    path = f"/api/v1/images/i/{image['image_name']}"
    assert image["has_workflow"] is False
    assert (await one.as_caller("alice").get(f"{path}/metadata")).json() is None


async def test_metadata_may_go_a_hundred_levels_deep(one):
    path = (await one.upload(png(), metadata=nested(100))).headers["Location"]
    assert (await one.as_caller("alice").get(f"{path}/metadata")).body.decode() == nested(100)


async def test_metadata_is_handed_out_in_the_words_in_which_it_came(one):
    text = '{ "seed": 123456789012345678901234567890, "cfg": 7.50, "twice": 1, "twice": 1e2 }'
    path = (await one.upload(png(), metadata=text)).headers["Location"]
    assert (await one.as_caller("alice").get(f"{path}/metadata")).body.decode() == text


@pytest.mark.parametrize("error", [RuntimeError("a bug"), RecursionError(), StorageConflict("refused")])
async def test_whatever_fails_while_the_row_is_written_leaves_nothing(one, monkeypatch, error):
    def fail(conn, image, *, now):
        raise error

    monkeypatch.setattr(uploading, "insert_image", fail)
    assert (await one.upload(png())).status in (409, 500)
    assert nothing_stays(one)


@pytest.mark.parametrize(
    "error", [StorageUnavailable("away"), OperationalError("", {}, sqlite3.OperationalError("disk I/O error"))]
)
async def test_where_the_row_may_be_there_all_the_same_the_files_stay_for_the_sweep_to_judge(one, monkeypatch, error):
    def fail(conn, image, *, now):
        raise error

    monkeypatch.setattr(uploading, "insert_image", fail)
    assert (await one.upload(png())).status in (500, 503)
    assert len(one.gallery.files()) == 2
    assert not nothing_stays(one), "and their tombstones, by which the sweep finds them"


async def test_text_in_metadata_is_json_that_can_be_read_whatever_it_holds(one):
    text = json.dumps({"p": "\u0000 <script> \u202e 😀", "deep": [[[]]]})
    path = (await one.upload(png(), metadata=text)).headers["Location"]
    assert (await one.as_caller("alice").get(f"{path}/metadata")).json() == json.loads(text)
