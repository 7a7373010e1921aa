"""Who may do what to an image on a board: the rows of the matrix about images, as units of work and over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from sqlalchemy import Connection, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Forbidden, NotFound, Role
from invoke_host.audit.record import Origin
from invoke_host.boards import deletion
from invoke_host.boards.deletion import Deletion
from invoke_host.events import store as events
from invoke_host.images import editing, moves, rows, trash, trash_listing
from invoke_host.images.drift import drift
from invoke_host.images.editing import Patch
from invoke_host.images.tables import images as image_table
from invoke_host.testing.client import ApiClient
from tests.images.conftest import ADMIN, ALICE, BOB, CAROL, NOW, Gallery

Visibility = Literal["private", "shared", "public"]
Change = Callable[[Connection, AccessEngine, Actor, str], object]

OK, FORBIDDEN, UNKNOWN = 200, 403, 404


@dataclass(frozen=True)
class Case:
    """Somebody, and how they stand to a board of Alice's on which Bob has put an image."""

    caller: Actor
    visibility: Visibility
    roles: Mapping[str, Role]
    see: int
    curate: int  # star, edit, delete, take off the board
    place: int  # put it on a board of their own
    trashed: int  # see it in the trash and restore it
    purge: int


CASES = {
    "uploader": Case(BOB, "private", {}, OK, OK, OK, OK, OK),
    "board owner": Case(ALICE, "private", {}, OK, OK, FORBIDDEN, OK, FORBIDDEN),
    "viewer": Case(CAROL, "private", {"carol": "viewer"}, OK, FORBIDDEN, FORBIDDEN, UNKNOWN, UNKNOWN),
    "contributor": Case(CAROL, "private", {"carol": "contributor"}, OK, FORBIDDEN, FORBIDDEN, UNKNOWN, UNKNOWN),
    "editor": Case(CAROL, "private", {"carol": "editor"}, OK, OK, FORBIDDEN, OK, FORBIDDEN),
    "shared with all": Case(CAROL, "shared", {}, OK, FORBIDDEN, FORBIDDEN, UNKNOWN, UNKNOWN),
    "public": Case(CAROL, "public", {}, OK, FORBIDDEN, FORBIDDEN, UNKNOWN, UNKNOWN),
    "stranger": Case(CAROL, "private", {"bob": "editor"}, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    "administrator": Case(ADMIN, "private", {}, OK, OK, OK, OK, OK),
}

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def by(actor: Actor) -> Origin:
    return Origin.of(actor, None)


CURATING: dict[str, Change] = {
    "star": lambda conn, access, actor, name: editing.patch(conn, access, actor, name, Patch(starred=True), now=NOW),
    "edit": lambda conn, access, actor, name: editing.patch(conn, access, actor, name, Patch(category="mask"), now=NOW),
    "detach": lambda conn, access, actor, name: moves.detach_one(conn, access, actor, name, now=NOW),
    "delete": lambda conn, access, actor, name: trash.delete_one(conn, access, actor, name, origin=by(actor), now=NOW),
}

LISTED: dict[str, Callable[..., Any]] = {
    "star": lambda conn, access, actor, names: editing.set_starred(conn, access, actor, names, True, now=NOW),
    "detach": lambda conn, access, actor, names: moves.detach(conn, access, actor, names, now=NOW),
    "delete": lambda conn, access, actor, names: (
        trash.delete_images(conn, access, actor, names, origin=by(actor), now=NOW).result
    ),
}


def tried(gallery: Gallery, unit: Callable[..., object], *arguments: object, **options: Any) -> int:
    try:
        gallery.storage.run_write(unit, *arguments, **options)
    except NotFound:
        return UNKNOWN
    except Forbidden:
        return FORBIDDEN
    return OK


def on_board(gallery: Gallery, case: Case) -> tuple[str, str]:
    board_id = gallery.add_board(ALICE, case.visibility, case.roles)
    return gallery.add(BOB, board_id=board_id), board_id


@cases
def test_seeing(each_gallery: Gallery, access: AccessEngine, case: Case) -> None:
    name, _ = on_board(each_gallery, case)

    assert tried(each_gallery, rows.get, access, case.caller, name) == case.see


@cases
def test_changing_one(each_gallery: Gallery, access: AccessEngine, case: Case) -> None:
    for what, change in CURATING.items():
        name, _ = on_board(each_gallery, case)

        assert tried(each_gallery, change, access, case.caller, name) == case.curate, what


@cases
def test_changing_several_leaves_out_what_may_not_be(gallery: Gallery, access: AccessEngine, case: Case) -> None:
    for what, change in LISTED.items():
        name, board_id = on_board(gallery, case)
        own = gallery.add(case.caller)

        result = gallery.storage.run_write(change, access, case.caller, [own, name])

        allowed = case.curate == OK
        assert (result.done, result.failed) == (([own, name], []) if allowed else ([own], [name])), what
        sees_board = case.caller is not BOB
        assert result.boards == ([board_id] if allowed and sees_board else []), what


@cases
def test_putting_it_on_a_board_of_ones_own(each_gallery: Gallery, access: AccessEngine, case: Case) -> None:
    name, _ = on_board(each_gallery, case)
    own = each_gallery.add_board(case.caller)

    def place(conn: Connection) -> None:
        moves.place_one(conn, access, case.caller, own, name, now=NOW)

    assert tried(each_gallery, place) == case.place
    listed = each_gallery.storage.run_write(moves.place, access, case.caller, own, [name], now=NOW)
    assert listed.failed == ([] if case.place == OK else [name])


@pytest.mark.parametrize(
    ("visibility", "roles", "expected"),
    [
        ("private", {}, UNKNOWN),
        ("shared", {}, FORBIDDEN),
        ("public", {}, OK),
        ("private", {"carol": "viewer"}, FORBIDDEN),
        ("private", {"carol": "contributor"}, OK),
        ("private", {"carol": "editor"}, OK),
    ],
)
def test_putting_ones_own_image_on_a_board_of_somebody_else(
    each_gallery: Gallery, access: AccessEngine, visibility: Visibility, roles: Mapping[str, Role], expected: int
) -> None:
    board_id, name = each_gallery.add_board(ALICE, visibility, roles), each_gallery.add(CAROL)

    def place(conn: Connection) -> None:
        moves.place(conn, access, CAROL, board_id, [name], now=NOW)

    assert tried(each_gallery, place) == expected
    assert each_gallery.storage.run_write(moves.may_add, access, CAROL, board_id) == (expected == OK)


@cases
def test_in_the_trash(each_gallery: Gallery, access: AccessEngine, case: Case) -> None:
    storage = each_gallery.storage
    name, _ = on_board(each_gallery, case)
    storage.run_write(trash.delete_one, access, BOB, name, origin=by(BOB), now=NOW)

    shown = storage.run_read(trash_listing.page, access, case.caller, limit=9, cursor=None)
    assert [image["image_name"] for image in shown.items] == ([name] if case.trashed == OK else [])
    assert tried(each_gallery, rows.get, access, case.caller, name) == UNKNOWN
    for change in CURATING.values():
        assert tried(each_gallery, change, access, case.caller, name) == UNKNOWN
    purged = storage.run_write(trash.purge, access, case.caller, [name], origin=by(case.caller), now=NOW)
    assert purged.gone == ([name] if case.purge == OK else [])
    if case.purge != OK:
        restored = storage.run_write(trash.restore, access, case.caller, [name], now=NOW)
        assert restored.done == ([name] if case.trashed == OK else [])


@cases
@pytest.mark.parametrize("how", ["one", "several", "with the board"])
def test_who_may_not_purge_does_not_destroy_by_calling_it_intermediate(
    each_gallery: Gallery, access: AccessEngine, case: Case, how: str
) -> None:
    storage = each_gallery.storage
    name, board_id = on_board(each_gallery, case)
    tried(each_gallery, editing.patch, access, case.caller, name, Patch(is_intermediate=True), now=NOW)

    options: dict[str, Any] = {"origin": by(case.caller), "now": NOW}
    if how == "one":
        tried(each_gallery, trash.delete_one, access, case.caller, name, **options)
    elif how == "several":
        storage.run_write(trash.delete_images, access, case.caller, [name], **options)
    else:
        options |= {"include_images": True, "keep": True}
        tried(each_gallery, deletion.step, access, case.caller, board_id, Deletion(), **options)

    page = storage.run_read(trash_listing.page, access, BOB, limit=9, cursor=None)
    left = [image["image_name"] for image in page.items]
    live = tried(each_gallery, rows.get, access, BOB, name) == OK
    deletes = case.caller in (ALICE, ADMIN) if how == "with the board" else case.curate == OK
    expected = ([], False) if deletes and case.purge == OK else ([name] if deletes else [], not deletes)
    assert (left, live) == expected
    assert storage.run_read(drift) == []
    if left:
        assert storage.run_write(trash.restore, access, BOB, left, now=NOW).done == left
        assert storage.run_read(rows.get, access, BOB, name)["is_intermediate"] is True
        assert storage.run_read(drift) == []


@pytest.mark.parametrize("visibility", ["private", "shared", "public"])
@pytest.mark.parametrize("roles", [{}, {"bob": "viewer"}, {"bob": "contributor"}, {"bob": "editor"}])
def test_an_image_comes_back_to_a_board_only_where_who_restores_it_may_put_images_by_now(
    each_gallery: Gallery, access: AccessEngine, visibility: Visibility, roles: Mapping[str, Role]
) -> None:
    storage = each_gallery.storage
    board_id, other = each_gallery.add_board(ALICE, visibility, roles), each_gallery.add_board(BOB)
    name, loose = each_gallery.add(BOB, board_id=board_id), each_gallery.add(BOB)
    there, passing = each_gallery.add(BOB, board_id=other), each_gallery.add(BOB, board_id=board_id, starred=True)
    names = [name, loose, there, passing]
    storage.run_write(trash.delete_images, access, BOB, names, origin=by(BOB), now=NOW)
    before = storage.run_read(events.span).last

    restored = storage.run_write(trash.restore, access, BOB, names, now=NOW)

    may = visibility == "public" or roles.get("bob") in ("contributor", "editor")
    home = board_id if may else None
    assert (restored.done, set(restored.boards)) == (names, {other, board_id} if may else {other})
    assert storage.run_read(placed) == {name: home, loose: None, there: other, passing: home}
    assert storage.run_read(drift) == []
    told = {event.board_id: set(event.payload["added"]) for event in storage.run_read(events.read_after, before, 10)}
    assert told == ({board_id: {name, passing}, None: {loose}} if may else {None: {name, loose, passing}}) | {
        other: {there}
    }


@cases
def test_owner_and_editors_bring_it_back_to_the_board_whoever_made_it(
    each_gallery: Gallery, access: AccessEngine, case: Case
) -> None:
    storage = each_gallery.storage
    name, board_id = on_board(each_gallery, case)
    storage.run_write(trash.delete_one, access, BOB, name, origin=by(BOB), now=NOW)

    restored = storage.run_write(trash.restore, access, case.caller, [name], now=NOW)

    if case.trashed == OK:
        home = None if case.caller is BOB else board_id  # the uploader may add to it no more
        assert (restored.boards, storage.run_read(placed)) == ([home] if home else [], {name: home})
    else:
        assert restored.done == []


def placed(conn: Connection) -> dict[str, str | None]:
    return {row.name: row.board_id for row in conn.execute(select(image_table.c.name, image_table.c.board_id))}


@cases
async def test_over_http(gallery: Gallery, api: ApiClient, case: Case) -> None:
    client = api.as_caller(str(case.caller.id))
    name, _ = on_board(gallery, case)
    images = "/api/v1/images"

    assert (await client.get(f"{images}/i/{name}")).status == case.see
    assert (await client.get(f"{images}/i/{name}/full")).status == case.see
    assert (await client.patch(f"{images}/i/{name}", json={"starred": True})).status == case.curate
    deleted = await client.delete(f"{images}/i/{name}")
    assert deleted.status == case.curate
    if case.curate != OK:
        await api.as_caller("bob").delete(f"{images}/i/{name}")
    assert (await client.get(f"{images}/i/{name}/full")).status == UNKNOWN
    assert (await client.get(f"{images}/trash/i/{name}/full")).status == case.trashed
    assert (await client.get(f"{images}/trash/i/{name}/thumbnail")).status == case.trashed
    listed = (await client.get(f"{images}/trash")).json()["items"]
    assert [image["image_name"] for image in listed] == ([name] if case.trashed == OK else [])
    restored = (await client.post(f"{images}/trash/restore", json={"image_names": [name]})).json()
    assert restored["restored_images"] == ([name] if case.trashed == OK else [])


async def test_strangers_get_401_everywhere(gallery: Gallery, api: ApiClient) -> None:
    name = gallery.add()
    for method, path in (
        ("GET", "trash"),
        ("DELETE", "trash"),
        ("POST", "trash/restore"),
        ("POST", "trash/purge"),
        ("GET", f"trash/i/{name}/full"),
        ("GET", f"trash/i/{name}/thumbnail"),
    ):
        assert (await api.request(method, f"/api/v1/images/{path}")).status == 401, path
