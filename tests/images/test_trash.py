"""The trash: what is in it is nowhere else, and comes back as it was or goes for good."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, InvalidInput
from invoke_host.audit.record import Origin
from invoke_host.audit.tables import audit_log
from invoke_host.clock import timestamp
from invoke_host.events import store as events
from invoke_host.images import moves, rows, trash, trash_listing
from invoke_host.images.drift import drift
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.routes import ROUTES
from invoke_host.images.tables import images
from invoke_host.images.trash_listing import TrashCursor, decode_cursor
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.testing.schemas import assert_matches_schema
from tests.images.conftest import ADMIN, ALICE, BOB, CAROL, NOW, Gallery
from tests.images.plans import Plans

IMAGES = "/api/v1/images"


def by(actor: Actor) -> dict[str, Any]:
    return {"origin": Origin.of(actor, None), "now": NOW}


def checked(answer: Answer, method: str, path: str) -> Any:
    """The answer's content, which its route must have declared."""
    route = next(each for each in ROUTES if (each.method, each.path) == (method, f"{IMAGES}/{path}"))
    assert_matches_schema(route, answer.status, answer.json())
    assert answer.status == 200, answer.text
    return answer.json()


def test_an_image_comes_back_to_its_board_as_it_was(each_gallery: Gallery, access: AccessEngine) -> None:
    storage, board = each_gallery.storage, each_gallery.add_board()
    name = each_gallery.add(board_id=board, starred=True, metadata='{"positive_prompt": "a pear"}')
    before = storage.run_read(rows.get, access, ALICE, name)

    storage.run_write(trash.delete_one, access, ALICE, name, **by(ALICE))
    assert storage.run_read(drift) == []
    assert storage.run_write(trash.delete_images, access, ALICE, [name], **by(ALICE)).result.failed == [name]
    restored = storage.run_write(trash.restore, access, ALICE, [name, "../x"], now=NOW)

    assert (restored.done, restored.failed, restored.boards) == ([name], ["../x"], [board])
    after = storage.run_read(rows.get, access, ALICE, name)
    assert {**after, "updated_at": ""} == {**before, "updated_at": ""}
    assert storage.run_read(rows.metadata, access, ALICE, name) == '{"positive_prompt": "a pear"}'
    assert storage.run_read(drift) == []
    assert storage.run_write(trash.restore, access, ALICE, [name], now=NOW).failed == [name], "it is not there any more"


def test_what_is_in_the_trash_can_not_be_moved(each_gallery: Gallery, access: AccessEngine) -> None:
    storage, board, name = each_gallery.storage, each_gallery.add_board(), each_gallery.add()
    storage.run_write(trash.delete_one, access, ALICE, name, **by(ALICE))

    assert storage.run_write(moves.place, access, ALICE, board, [name], now=NOW).failed == [name]
    assert storage.run_write(moves.detach, access, ALICE, [name], now=NOW).failed == [name]


def test_deleting_and_restoring_tell_owner_and_board(each_gallery: Gallery, access: AccessEngine) -> None:
    storage, board = each_gallery.storage, each_gallery.add_board(ALICE)
    name = each_gallery.add(BOB, board_id=board)
    before = storage.run_read(events.span).last

    storage.run_write(trash.delete_one, access, ALICE, name, **by(ALICE))
    storage.run_write(trash.restore, access, ALICE, [name], now=NOW)

    told = storage.run_read(events.read_after, before, 10)
    assert [(event.kind, event.audience, event.board_id) for event in told] == [("images_changed", "bob", board)] * 2
    assert [event.payload for event in told] == [
        {"added": [], "deleted": [name], "updated": []},
        {"added": [name], "deleted": [], "updated": []},
    ]


def test_an_editor_sees_what_was_deleted_from_the_board_and_the_uploader_theirs(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    storage, board = each_gallery.storage, each_gallery.add_board(ALICE, roles={"carol": "editor"})
    on_board, loose = each_gallery.add(BOB, board_id=board), each_gallery.add(BOB)
    storage.run_write(trash.delete_images, access, BOB, [on_board, loose], **by(BOB))

    def shown(actor: Actor) -> set[str]:
        page = storage.run_read(trash_listing.page, access, actor, limit=9, cursor=None)
        return {image["image_name"] for image in page.items}

    assert shown(BOB) == shown(ADMIN) == {on_board, loose}
    assert shown(CAROL) == shown(ALICE) == {on_board}
    storage.run_write(trash.trash_board, access, ALICE, board, now=NOW, limit=10)
    assert shown(CAROL) == shown(ALICE) == set(), "with the board went the right to restore what was on it"
    assert shown(BOB) == {on_board, loose}


def test_the_trash_is_paged_from_the_newest_deletion_on_also_among_equals(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    storage = each_gallery.storage
    expected: list[str] = []
    for _ in range(3):
        together = each_gallery.add_rows(3)
        now = timestamp(each_gallery.clock.now())
        storage.run_write(trash.delete_images, access, ALICE, together, origin=Origin.of(ALICE, None), now=now)
        expected = [*together[::-1], *expected]
        each_gallery.clock.advance(1.0)

    found: list[str] = []
    cursor: TrashCursor | None = None
    while True:
        page = storage.run_read(trash_listing.page, access, ALICE, limit=2, cursor=cursor)
        found += [image["image_name"] for image in page.items]
        if page.next_cursor is None:
            break
        cursor = decode_cursor(page.next_cursor)

    assert found == expected


def test_only_the_trash_that_one_may_see_is_read(gallery: Gallery, access: AccessEngine) -> None:
    """The others' could be large. Administrators see all of it and read it in the order of deletion."""

    def plan(actor: Actor) -> str:
        with Plans(gallery.storage.engine) as plans:
            gallery.storage.run_read(trash_listing.page, access, actor, limit=50, cursor=None)
        return " / ".join(plans.lines)

    gallery.add()
    assert "ix_images_trash_owner (user_id=?" in plan(ALICE)
    assert "ix_images_trash_board (board_id=?" in plan(ALICE)
    assert "ix_images_trash (" not in plan(ALICE)
    assert "images USING INDEX ix_images_trash" in plan(ADMIN)


@pytest.mark.parametrize("text", ["", "x", "AAAA", "é", "MjAyNi0xMS0yMyAwNjowMDowMC4wMDAv", "=" * 90])
def test_a_cursor_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        decode_cursor(text)


def test_purging_what_belongs_to_others_is_in_the_audit_log(each_gallery: Gallery, access: AccessEngine) -> None:
    storage = each_gallery.storage
    own, foreign, passing = each_gallery.add(ADMIN), each_gallery.add(BOB), each_gallery.add(ALICE)
    storage.run_write(trash.delete_images, access, ADMIN, [own, foreign], **by(ADMIN))
    assert storage.run_read(audited) == [], "what is in the trash is not lost yet"

    storage.run_write(trash.purge, access, ADMIN, [own, foreign], **by(ADMIN))
    storage.run_write(trash.delete_images, access, ADMIN, [passing], keep=False, **by(ADMIN))

    assert storage.run_read(audited) == [
        ("image.purge", "root", "bob", {"count": 1, "images": [foreign]}),
        ("image.purge", "root", "alice", {"count": 1, "images": [passing]}),
    ]


def audited(conn: Connection) -> list[tuple[str, str, str, Any]]:
    found = conn.execute(select(audit_log).order_by(audit_log.c.id))
    return [(row.action, row.actor_id, row.target_id, orjson.loads(row.details)) for row in found]


def test_who_put_it_there_is_noted(each_gallery: Gallery, access: AccessEngine) -> None:
    storage, name = each_gallery.storage, each_gallery.add(BOB)

    def noted(conn: Connection) -> tuple[str | None, str | None]:
        row = conn.execute(select(images.c.deleted_at, images.c.deleted_by)).one()
        return row.deleted_at, row.deleted_by

    storage.run_write(trash.delete_one, access, ADMIN, name, **by(ADMIN))
    assert storage.run_read(noted) == (NOW, "root")
    storage.run_write(trash.restore, access, BOB, [name], now=NOW)
    assert storage.run_read(noted) == (None, None)


async def test_an_image_in_the_trash_over_http(gallery: Gallery, alice: ApiClient) -> None:
    board = gallery.add_board()
    name = gallery.add(board_id=board)

    deleted = checked(await alice.delete(f"{IMAGES}/i/{name}"), "DELETE", "i/{name}")
    assert deleted == {"deleted_images": [name], "failed_images": [], "affected_boards": [board]}
    assert (await alice.get(f"{IMAGES}/i/{name}/metadata")).status == 404
    assert (await alice.get(f"{IMAGES}/i/{name}/thumbnail")).status == 404
    (image,) = checked(await alice.get(f"{IMAGES}/trash"), "GET", "trash")["items"]
    assert image["image_name"] == name
    assert image["deleted_at"] == timestamp(gallery.clock.now())
    for url in (image["image_url"], image["thumbnail_url"]):
        assert (await alice.get(f"/{url}")).status == 200
    restored = checked(
        await alice.post(f"{IMAGES}/trash/restore", json={"image_names": [name]}), "POST", "trash/restore"
    )
    assert restored == {"restored_images": [name], "failed_images": [], "affected_boards": [board]}
    assert (await alice.get(f"{IMAGES}/i/{name}")).json()["board_id"] == board


async def test_purging_and_emptying_over_http(gallery: Gallery, alice: ApiClient) -> None:
    first, second, kept = gallery.add(), gallery.add(), gallery.add()
    await alice.post(f"{IMAGES}/delete", json={"image_names": [first, second]})

    purged = checked(
        await alice.post(f"{IMAGES}/trash/purge", json={"image_names": [kept, first]}), "POST", "trash/purge"
    )
    assert purged == {"purged_images": [first], "failed_images": [kept]}, "what is not in the trash is not purged"
    assert checked(await alice.delete(f"{IMAGES}/trash"), "DELETE", "trash") == {"purged_count": 1}

    assert checked(await alice.get(f"{IMAGES}/trash"), "GET", "trash") == {
        "items": [],
        "limit": 50,
        "next_cursor": None,
    }
    assert gallery.files() == {image_key(kept), thumbnail_key(kept)}
    assert gallery.storage.run_read(drift) == []


@pytest.mark.parametrize("query", ["cursor=nonsense", "limit=-1", "limit=1001", "limit=x"])
async def test_a_wrong_question_about_the_trash_is_422(alice: ApiClient, query: str) -> None:
    assert (await alice.get(f"{IMAGES}/trash?{query}")).status == 422


async def test_starring_tells_which_boards_it_touched(gallery: Gallery, alice: ApiClient) -> None:
    board = gallery.add_board()
    on_board, loose = gallery.add(board_id=board), gallery.add()

    starred = checked(await alice.post(f"{IMAGES}/star", json={"image_names": [loose, on_board]}), "POST", "star")
    assert starred == {"starred_images": [loose, on_board], "failed_images": [], "affected_boards": [board]}
    again = (await alice.post(f"{IMAGES}/star", json={"image_names": [on_board]})).json()
    assert again["affected_boards"] == [], "nothing changed there"
