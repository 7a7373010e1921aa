"""The image routes over real HTTP, in the shapes that clients know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Route
from invoke_host.audit.record import Origin
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.removal import Undertaker
from invoke_host.images.routes import ROUTES
from invoke_host.images.services.changing import ImageChanger
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.testing.schemas import assert_matches_schema
from tests.images.conftest import ADMIN, BOB, Gallery

HOSTILE_NAMES = [
    "..",
    "../x.png",
    "../../invoke-host.db",
    "..\\x.png",
    "/etc/passwd",
    "C:\\x.png",
    "a\nb.png",
    "x" * 4096,
    "a\u2215b.png",
    "\uff0e\uff0e\uff0fx.png",
    "\u202egnp.png",
    "%2e%2e%2fx.png",
    ".invoke-host-blobs",
    "",
]


def route(method: str, path: str) -> Route:
    return next(each for each in ROUTES if (each.method, each.path) == (method, f"/api/v1/images/{path}"))


def checked(answer: Answer, method: str, path: str) -> Any:
    """The answer's content, which its route must have declared."""
    assert_matches_schema(route(method, path), answer.status, answer.json())
    assert answer.status == 200, answer.text
    return answer.json()


async def test_an_image_has_the_reference_shape(gallery: Gallery, alice: ApiClient) -> None:
    name = gallery.add(metadata='{"positive_prompt": "a red apple", "seed": 7}', session_id="s")

    image = checked(await alice.get(f"/api/v1/images/i/{name}"), "GET", "i/{name}")

    created = image.pop("created_at")
    assert image.pop("updated_at") == created
    assert image == {
        "image_name": name,
        "image_url": f"api/v1/images/i/{name}/full",
        "thumbnail_url": f"api/v1/images/i/{name}/thumbnail",
        "image_origin": "internal",
        "image_category": "general",
        "width": 64,
        "height": 48,
        "deleted_at": None,
        "is_intermediate": False,
        "session_id": "s",
        "node_id": None,
        "starred": False,
        "has_workflow": False,
        "image_subfolder": "",
        "board_id": None,
        "user_id": "alice",
        "owner_username": "alice",
    }
    metadata = checked(await alice.get(f"/api/v1/images/i/{name}/metadata"), "GET", "i/{name}/metadata")
    assert metadata == {"positive_prompt": "a red apple", "seed": 7}
    workflow = checked(await alice.get(f"/api/v1/images/i/{name}/workflow"), "GET", "i/{name}/workflow")
    assert workflow == {"workflow": None, "graph": None}
    urls = checked(await alice.get(f"/api/v1/images/i/{name}/urls"), "GET", "i/{name}/urls")
    assert urls == {key: image[key] for key in ("image_name", "image_url", "thumbnail_url")}
    assert (await alice.get("/" + urls["image_url"])).status == 200


async def test_a_list_is_paged_by_cursor_and_by_offset(gallery: Gallery, alice: ApiClient) -> None:
    names = gallery.add_rows(5)
    gallery.add_rows(3, BOB)

    first = checked(await alice.get("/api/v1/images/?limit=3"), "GET", "")
    second = checked(await alice.get(f"/api/v1/images/?limit=3&cursor={first['next_cursor']}"), "GET", "")
    by_offset = checked(await alice.get("/api/v1/images/?limit=3&offset=3"), "GET", "")

    assert [image["image_name"] for image in first["items"] + second["items"]] == names[::-1]
    assert by_offset["items"] == second["items"]
    assert (first["total"], first["limit"], first["offset"]) == (5, 3, 0)
    assert second["next_cursor"] is None
    assert (await alice.get("/api/v1/images?limit=3")).status == 308
    everything = checked(await alice.as_caller("root").get("/api/v1/images/"), "GET", "")
    assert everything["total"] == 8
    assert everything["limit"] == 10


async def test_filters_and_order_reach_the_store(gallery: Gallery, alice: ApiClient) -> None:
    plain, mask, control = gallery.add(), gallery.add(category="mask"), gallery.add(category="control", starred=True)
    step = gallery.add(is_intermediate=True, metadata='{"positive_prompt": "A Pear"}', origin="external")

    async def listed(query: str) -> list[str]:
        names = checked(await alice.get(f"/api/v1/images/names?{query}"), "GET", "names")
        page = checked(await alice.get(f"/api/v1/images/?{query}"), "GET", "")
        assert [image["image_name"] for image in page["items"]] == names["image_names"]
        assert page["total"] == names["total_count"]
        return list(names["image_names"])

    assert await listed("") == [control, step, mask, plain]
    assert await listed("starred_first=false") == [step, control, mask, plain]
    assert await listed("order_dir=ASC") == [control, plain, mask, step]
    assert await listed("categories=mask&categories=control") == [control, mask]
    assert await listed("is_intermediate=true") == [step]
    assert await listed("is_intermediate=false&board_id=none") == [control, mask, plain]
    assert await listed("search_term=pear") == [step]
    assert await listed("search_term=%25") == []
    assert await listed("image_origin=external") == [step]
    assert (await alice.get("/api/v1/images/?board_id=6f1c0a3e-1111-4222-8333-444455556666")).status == 404
    assert (await alice.get("/api/v1/images/names?board_id=")).status == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("offset=-1", "offset"),
        ("offset=10001", "offset"),
        ("order_dir=sideways", "order_dir"),
        ("categories=cats", "categories"),
        ("image_origin=mars", "image_origin"),
        ("is_intermediate=maybe", "is_intermediate"),
        ("cursor=x", "cursor"),
        ("search_term=" + "x" * 256, "search_term"),
        ("search_term=a%00b", "search_term"),
    ],
)
async def test_a_wrong_query_is_answered_with_the_field(alice: ApiClient, query: str, field: str) -> None:
    answer = await alice.get(f"/api/v1/images/?{query}")

    assert answer.status == 422
    assert answer.detail[0]["loc"][:2] == ["query", field]
    assert "Traceback" not in answer.text


async def test_cursor_and_offset_together_are_refused(alice: ApiClient) -> None:
    answer = await alice.get("/api/v1/images/?offset=3&cursor=MTEwLjE")

    assert answer.status == 422
    assert "not both" in answer.text


async def test_star_unstar_patch_and_delete_answer_with_what_they_did(gallery: Gallery, alice: ApiClient) -> None:
    mine, foreign, unknown = gallery.add(), gallery.add(BOB), gallery.name()
    body = {"image_names": [mine, foreign, unknown, mine]}

    starred = checked(await alice.post("/api/v1/images/star", body), "POST", "star")
    assert starred == {"starred_images": [mine], "failed_images": [foreign, unknown], "affected_boards": []}
    unstarred = checked(await alice.post("/api/v1/images/unstar", body), "POST", "unstar")
    assert unstarred["unstarred_images"] == [mine]
    patched = checked(await alice.patch(f"/api/v1/images/i/{mine}", {"starred": True}), "PATCH", "i/{name}")
    assert patched["starred"] is True
    assert (await alice.patch(f"/api/v1/images/i/{foreign}", {"starred": True})).status == 404
    found = checked(await alice.post("/api/v1/images/images_by_names", body), "POST", "images_by_names")
    assert [image["image_name"] for image in found] == [mine, mine]
    deleted = checked(await alice.post("/api/v1/images/delete", body), "POST", "delete")
    assert deleted == {"deleted_images": [mine], "failed_images": [foreign, unknown], "affected_boards": []}
    assert (await alice.get(f"/api/v1/images/i/{mine}")).status == 404
    assert (await alice.delete(f"/api/v1/images/i/{foreign}")).status == 404
    gone = checked(await alice.as_caller("bob").delete(f"/api/v1/images/i/{foreign}"), "DELETE", "i/{name}")
    assert gone["deleted_images"] == [foreign]
    assert len(gallery.files()) == 4, "they lie in the trash"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"image_names": ["x"] * 1001}, "image_names"),
        ({"image_names": ["x" * 256]}, "image_names"),
        ({"image_names": "x"}, "image_names"),
        ({"image_names": ["a\0b"]}, "image_names"),
        ({"image_names": [], "board": "x"}, "board"),
        ({}, "image_names"),
    ],
)
@pytest.mark.parametrize("path", ["star", "unstar", "delete", "images_by_names"])
async def test_a_wrong_list_of_names_is_answered_with_the_field(
    alice: ApiClient, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await alice.post(f"/api/v1/images/{path}", body)

    assert answer.status == 422
    assert answer.detail[0]["loc"][:2] == ["body", field]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"image_category": "cats"}, "image_category"), ({"session_id": "x" * 37}, "session_id"), ({"name": "x"}, "name")],
)
async def test_a_wrong_patch_is_answered_with_the_field(
    gallery: Gallery, alice: ApiClient, body: dict[str, Any], field: str
) -> None:
    answer = await alice.patch(f"/api/v1/images/i/{gallery.add()}", body)

    assert answer.status == 422
    assert answer.detail[0]["loc"][:2] == ["body", field]


async def test_intermediates_are_counted_for_each_and_cleared_by_administrators(
    gallery: Gallery, alice: ApiClient
) -> None:
    gallery.add(is_intermediate=True)
    gallery.add(BOB, is_intermediate=True)
    kept = gallery.add()

    assert checked(await alice.get("/api/v1/images/intermediates"), "GET", "intermediates") == 1
    assert (await alice.delete("/api/v1/images/intermediates")).status == 403
    root = alice.as_caller("root")
    assert checked(await root.get("/api/v1/images/intermediates"), "GET", "intermediates") == 2
    assert checked(await root.delete("/api/v1/images/intermediates"), "DELETE", "intermediates") == 2
    assert gallery.files() == {image_key(kept), thumbnail_key(kept)}


async def test_uncategorized_images_go_into_the_trash_but_only_own_ones(gallery: Gallery, alice: ApiClient) -> None:
    mine, foreign, _ = gallery.add(), gallery.add(BOB), gallery.add(board_id=gallery.add_board())

    answer = checked(await alice.delete("/api/v1/images/uncategorized"), "DELETE", "uncategorized")

    assert answer["deleted_images"] == [mine]
    assert (await alice.as_caller("bob").get(f"/api/v1/images/i/{foreign}")).status == 200
    assert checked(await alice.delete("/api/v1/images/trash"), "DELETE", "trash") == {"purged_count": 1}
    assert len(gallery.files()) == 4


async def test_deleting_uncategorized_images_means_ones_own_for_an_administrator_too(
    gallery: Gallery, alice: ApiClient
) -> None:
    url, root = "/api/v1/images/uncategorized", alice.as_caller("root")
    hers, his, own = gallery.add(), gallery.add(BOB), gallery.add(ADMIN)

    assert (await alice.delete(f"{url}?all=true")).status == 403
    assert checked(await root.delete(url), "DELETE", "uncategorized")["deleted_images"] == [own]
    assert checked(await root.delete(f"{url}?all=true"), "DELETE", "uncategorized")["deleted_images"] == [hers, his]


async def test_uncategorized_images_are_those_that_are_listed_so(gallery: Gallery, alice: ApiClient) -> None:
    """Own ones on boards that one does not see any more are."""
    hidden, shared = gallery.add_board(BOB), gallery.add_board(BOB, "shared")
    lost, seen, loose = gallery.add(board_id=hidden), gallery.add(board_id=shared), gallery.add()
    gallery.add(BOB, board_id=hidden)

    listed = (await alice.get("/api/v1/images/names?board_id=none")).json()["image_names"]
    deleted = checked(await alice.delete("/api/v1/images/uncategorized"), "DELETE", "uncategorized")

    assert sorted(deleted["deleted_images"]) == sorted(listed) == sorted([lost, loose])
    assert deleted["affected_boards"] == []
    assert (await alice.get(f"/api/v1/images/i/{seen}")).status == 200


async def test_the_one_user_of_a_host_deletes_all_that_is_on_no_board(gallery: Gallery, access: AccessEngine) -> None:
    undertaker = Undertaker(gallery.storage, gallery.blobs)
    changer = ImageChanger(gallery.storage, access, gallery.clock, undertaker, multi_user=False)
    left = [gallery.add(), gallery.add(BOB), gallery.add(ADMIN)]

    assert await changer.delete_uncategorized(ADMIN, Origin.of(ADMIN, None)) == left


async def test_metadata_that_is_too_deep_to_be_read_was_stored_once_and_harms_nothing(
    gallery: Gallery, alice: ApiClient
) -> None:
    deep = '{"a": ' + "[" * 5000 + "]" * 5000 + "}"
    name = gallery.add(metadata=deep)
    url = f"/api/v1/images/i/{name}"

    assert (await alice.get(f"{url}/metadata")).body.decode() == deep
    assert (await alice.delete(url)).status == 200
    assert (await alice.post("/api/v1/images/trash/restore", {"image_names": [name]})).status == 200
    assert (await alice.get("/api/v1/images/?search_term=a")).json()["items"] == []


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below, with size and time of change."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and ".db" not in path.name
    }


async def test_hostile_names_touch_nothing_and_read_nothing(tmp_path: Path, gallery: Gallery, api: ApiClient) -> None:
    """S-A1: every route that takes a name, by an administrator, with a canary wherever a name could lead."""
    for place in (tmp_path, tmp_path / "blobs", tmp_path / "blobs" / "images", tmp_path / "blobs" / "images" / "x."):
        place.mkdir(exist_ok=True)
        (place / "x.png").write_text("canary")
    gallery.add()
    before = snapshot(tmp_path)
    root = api.as_caller("root")
    one = [each for each in ROUTES if "{name}" in each.path]
    assert len(one) == 10
    from urllib.parse import quote

    from yarl import URL

    for name in HOSTILE_NAMES:
        for each in one:
            for written in {quote(name, safe=""), quote(name, safe="/."), quote(quote(name, safe=""), safe="")}:
                url = root.url + each.path.replace("{name}", written)
                body = {"starred": True} if each.method == "PATCH" else None
                async with root.session.request(
                    each.method, URL(url, encoded=True), json=body, headers=root.headers, allow_redirects=False
                ) as response:
                    assert response.status in (308, 400, 404, 405, 414), (each.method, url)
                    assert b"canary" not in await response.read()
        short = name[:255]
        for path in ("delete", "star", "unstar", "images_by_names", "trash/restore", "trash/purge"):
            answer = await root.post(f"/api/v1/images/{path}", {"image_names": [short]})
            assert answer.status == 200
            assert b"canary" not in answer.body
            if path == "delete":
                assert answer.json()["deleted_images"] == []

    assert snapshot(tmp_path) == before


async def test_nobody_in_particular_gets_nothing(api: ApiClient) -> None:
    for each in ROUTES:
        answer = await api.request(each.method, re.sub(r"\{[^{}]+\}", "x", each.path))
        assert answer.status == 401, each.path
