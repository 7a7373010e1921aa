"""Boards change hands and go as a whole (`Owned`): nothing stays without an owner, nobody loses their pictures."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from invoke_host.boards.ownership import OWNED
from invoke_host.boards.tables import board_grants, boards
from invoke_host.events.subscription import RESYNC

from .conftest import BoardClient, Studio
from .test_board_events import told


def owners(studio: Studio) -> dict[str, str]:
    query = select(boards.c.id, boards.c.user_id)
    return studio.storage.run_read(lambda conn: dict(conn.execute(query).tuples().all()))


async def test_all_boards_are_handed_over_with_their_grants_but_those_of_the_new_owner(
    api: BoardClient, studio: Studio
) -> None:
    mine, archived, theirs = studio.board(), studio.board(archived=True), studio.board("carol")
    image = studio.image(board_id=mine)
    for name in ("bob", "dave"):
        await api("alice").share(mine, "viewer", user_id=name)
    await api("carol").share(theirs, "viewer", user_id="alice")
    assert studio.storage.run_read(OWNED.count, "alice") == 2
    assert studio.storage.run_write(OWNED.transfer, "alice", "bob", now=studio.now()) == 2
    assert owners(studio) == {mine: "bob", archived: "bob", theirs: "carol"}
    assert studio.storage.run_read(OWNED.count, "alice") == 0
    grants = studio.storage.run_read(
        lambda conn: conn.execute(select(board_grants.c.board_id, board_grants.c.user_id)).tuples().all()
    )
    assert sorted(grants) == sorted([(mine, "dave"), (theirs, "alice")])
    assert (await api("bob").board(mine))["image_count"] == 1
    assert (await api("alice").ask("DELETE", "board_images/", {"image_name": image})).status == 200
    assert {event.audience for event in studio.events(RESYNC)} == {"alice", "bob"}
    assert studio.drift() == []


async def test_pictures_of_others_outlive_the_boards_that_they_were_on(
    api: BoardClient, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invoke_host.boards.ownership._STEP", 2)
    private, public = studio.board(), studio.board("alice", "public")
    await api("alice").share(private, "contributor", user_id="bob")
    names = [*studio.images(3, "bob", private), *studio.images(2, "bob", public, starred=True)]
    kept = studio.board("bob")
    before = told(studio)
    assert studio.storage.run_write(OWNED.purge, "alice", now=studio.now()) == 2
    assert owners(studio) == {kept: "bob"}
    assert sorted((await api("bob").ask("GET", "boards/none/image_names")).json()) == sorted(names)
    left = studio.storage.run_read(lambda conn: conn.scalar(select(func.count()).select_from(board_grants)))
    assert left == 0
    deleted = {event[2]: event[1]["deleted"] for event in told(studio)[len(before) :]}
    assert deleted == {None: [public], "alice": [private], "bob": [private]}
    assert studio.drift() == []


def test_boards_have_nothing_to_stop(studio: Studio) -> None:
    studio.board()
    assert studio.storage.run_write(OWNED.stop, "alice", now=studio.now()) == 0
    assert studio.storage.run_write(OWNED.purge, "bob", now=studio.now()) == 0
    assert studio.storage.run_write(OWNED.transfer, "bob", "carol", now=studio.now()) == 0
