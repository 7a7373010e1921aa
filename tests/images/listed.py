"""Images on boards of several people, to be listed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

from sqlalchemy import Connection, insert

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, UserId
from invoke_host.boards.tables import board_grants, boards
from invoke_host.identity.groups.tables import groups
from invoke_host.images import listing
from invoke_host.images.query import ListQuery
from invoke_host.storage import Storage
from tests.images.conftest import ALICE, BOB, NOW, Gallery


def page(storage: Storage, access: AccessEngine, actor: Actor, query: ListQuery) -> listing.Page:
    return storage.run_read(listing.walked_page, access, actor, query)


#: Who sees which boards: by owning them, by what they show, by a grant, by a group's grant.
SEEN = {"alice": {"a1", "a2", "b2", "c1"}, "bob": {"b1", "b2", "a2", "b3"}, "carol": {"b2", "c1", "c2"}}
ALL_BOARDS = ("a1", "a2", "b1", "b2", "b3", "c1", "c2")
TEAM = Actor(id=UserId("alice"), kind="user", groups=frozenset({"team"}), provider="test")


def add_boards(conn: Connection) -> None:
    """Alice owns a*, Bob b*, Carol c*; b2 is shared, a2 granted to Bob, c1 to Alice's group."""
    owners = {"a": "alice", "b": "bob", "c": "carol"}
    conn.execute(
        insert(boards),
        [
            {
                "id": board,
                "name": board,
                "user_id": owners[board[0]],
                "visibility": "shared" if board == "b2" else "private",
                "created_at": NOW,
                "updated_at": NOW,
            }
            for board in ALL_BOARDS
        ],
    )
    times = {"created_at": NOW, "updated_at": NOW}
    conn.execute(insert(groups).values(id="team", name="team", name_key="team", description="", **times))
    conn.execute(insert(board_grants).values(board_id="a2", user_id="bob", role="viewer", **times))
    conn.execute(insert(board_grants).values(board_id="c1", group_id="team", role="editor", **times))


APPLE, PEAR = "A r\u00e9d, 100% apple_pie", "a pear in 2024"


def fill(gallery: Gallery, seed: int, count: int, board_ids: Sequence[str | None] = (None,)) -> None:
    random = Random(seed)
    for number in range(count):
        if number == count // 2:
            gallery.clock.advance(24 * 3600)
        prompt = random.choice([None, APPLE, PEAR])
        gallery.add_rows(
            1,
            random.choice([ALICE, ALICE, BOB]),
            category=random.choice(["general", "general", "control", "user"]),
            is_intermediate=random.random() < 0.3,
            starred=random.random() < 0.3,
            origin=random.choice(["internal", "internal", "external"]),
            board_id=random.choice(board_ids),
            metadata=None if prompt is None else json.dumps({"positive_prompt": prompt}, ensure_ascii=False),
        )
