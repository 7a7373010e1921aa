"""Galleries and days: the images of a listing in other words, and days from counters, as far as one may see."""

from __future__ import annotations

import pytest

from invoke_host.access.engine import AccessEngine
from invoke_host.audit.record import Origin
from invoke_host.images import drift, editing, listing, moves, trash
from invoke_host.images.query import Filters, Order
from invoke_host.testing.client import ApiClient
from tests.images.conftest import ADMIN, ALICE, BOB, CAROL, Gallery

NOW = "2026-01-01 12:00:00.000"
DAY_S = 24 * 3600


async def test_items_and_names_are_those_of_the_listing(gallery: Gallery, alice: ApiClient) -> None:
    names = [*gallery.add_rows(3, origin="external"), *gallery.add_rows(2, starred=True)]
    board = gallery.add_board(ALICE)
    on_board = gallery.add_rows(1, board_id=board)

    page = await alice.get("/api/v1/gallery/items/", params={"limit": "10"})
    listed = await alice.get("/api/v1/gallery/item_names", params={"board_id": "none", "order_dir": "ASC"})
    uploaded = await alice.get("/api/v1/gallery/items/names", params={"origin": "external"})

    assert {item["name"] for item in page.json()["items"]} == {*names, *on_board}
    assert {item["board_id"] for item in page.json()["items"]} == {None, board}
    assert listed.json() == {"item_names": [*names[3:], *names[:3]], "starred_count": 2, "total_count": 5}
    assert uploaded.json()["items"] == [{"kind": "image", "name": name} for name in reversed(names[:3])]


async def test_a_day_has_its_counts_its_newest_image_and_its_names(gallery: Gallery, alice: ApiClient) -> None:
    old = gallery.add_rows(2)
    gallery.clock.advance(DAY_S)
    new = [*gallery.add_rows(1, category="control"), *gallery.add_rows(1, is_intermediate=True)]

    days = (await alice.get("/api/v1/virtual_boards/by_date")).json()

    facts = ("date", "image_count", "asset_count", "cover_image_name")
    assert [tuple(day[fact] for fact in facts) for day in days] == [
        ("2026-01-02", 0, 1, new[0]),
        ("2026-01-01", 2, 0, old[1]),
    ]
    names = await alice.get("/api/v1/virtual_boards/by_date/2026-01-02/image_names")
    assert names.json()["image_names"] == new[::-1]
    same = await alice.get("/api/v1/gallery/item_names", params={"created_date": "2026-01-02"})
    assert same.json()["item_names"] == new[::-1]


@pytest.mark.parametrize("day", ["2026-1-2", "2026-02-30", "today", "none", "2026-01-02 "])
async def test_what_is_no_day_is_not_found_in_a_path_and_refused_in_a_query(alice: ApiClient, day: str) -> None:
    path = await alice.get(f"/api/v1/virtual_boards/by_date/{day}/item_names")
    query = await alice.get("/api/v1/gallery/item_names", params={"created_date": day})

    assert (path.status, query.status) == (404, 422)


def test_days_count_what_listings_list_through_moves_trash_and_stars(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    storage = each_gallery.storage
    shared = each_gallery.add_board(BOB, roles={"alice": "contributor"})
    own = each_gallery.add_rows(6)
    each_gallery.add_rows(2, BOB, board_id=shared)
    each_gallery.add_rows(1, CAROL)
    each_gallery.clock.advance(DAY_S)
    own += each_gallery.add_rows(4)
    origin = Origin.of(ALICE, None)

    storage.run_write(moves.place, access, ALICE, shared, own[3:8], now=NOW)
    storage.run_write(editing.set_starred, access, ALICE, own[:5], True, now=NOW)
    storage.run_write(trash.delete_images, access, ALICE, [own[0], own[5], own[9]], origin=origin, now=NOW)
    storage.run_write(trash.restore, access, ALICE, [own[5]], now=NOW)

    for actor in (ALICE, BOB, CAROL, ADMIN):
        days = storage.run_read(listing.days, access, actor)
        query = listing.names
        for day in days:
            names, _ = storage.run_read(query, access, actor, Filters(day=day.day), Order(starred_first=False))
            assert day.image_count == len(names)
            assert day.cover_image_name == names[0]
        everything, _ = storage.run_read(query, access, actor, Filters(), Order())
        assert sum(day.image_count for day in days) == len(everything)
    assert storage.run_read(drift.drift) == []
