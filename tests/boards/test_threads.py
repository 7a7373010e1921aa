"""Real threads that share, move, delete and restore at once, on both databases, without a server between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

from sqlalchemy import select

from invoke_host.access import AccessEngine
from invoke_host.api import Actor, Conflict, Forbidden, InvalidInput, NotFound
from invoke_host.boards import deletion, grants, store
from invoke_host.boards.deletion import Deletion
from invoke_host.boards.grantees import Naming
from invoke_host.boards.tables import board_grants
from invoke_host.images import moves, trash

from .conftest import ALICE, BOB, CAROL, ROOT, Studio, origin

WRITERS = 6
STEPS = 80

#: What may come of a change that somebody else was quicker with; nothing else may be raised.
REFUSALS = (NotFound, Forbidden, Conflict, InvalidInput)


class Writer:
    """One thread; the lists are everybody's, and what they name may be gone."""

    def __init__(self, studio: Studio, names: list[str], boards: list[str], seed: int) -> None:
        self.studio, self.names, self.boards, self.random = studio, names, boards, Random(seed)
        self.done: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        steps: list[Callable[[Actor], None]] = [
            *[self.place] * 3,
            *[self.grant] * 2,
            *[self.revoke] * 2,
            *[self.show] * 2,
            self.detach,
            self.discard,
            self.restore,
            self.delete_board,
        ]
        for _ in range(STEPS):
            step = self.random.choice(steps)
            try:
                step(self.random.choice([ALICE, BOB, ROOT]))
                self.done[step.__name__] += 1
            except REFUSALS:
                self.done["refused"] += 1
        return self.done

    def some(self) -> list[str]:
        return self.random.sample(self.names, 3)

    def board(self) -> str:
        return self.random.choice(self.boards)

    def write(self, unit: Callable[..., Any], actor: Actor, *arguments: Any, **options: Any) -> Any:
        access: AccessEngine = self.studio.access
        return self.studio.storage.run_write(unit, access, actor, *arguments, now=self.studio.now(), **options)

    def place(self, actor: Actor) -> None:
        self.write(moves.place, actor, self.board(), self.some())

    def detach(self, actor: Actor) -> None:
        self.write(moves.detach, actor, self.some())

    def discard(self, actor: Actor) -> None:
        self.write(trash.delete_images, actor, self.some(), origin=origin(actor))

    def restore(self, actor: Actor) -> None:
        self.write(trash.restore, actor, self.some())

    def grant(self, actor: Actor) -> None:
        role = self.random.choice(["viewer", "contributor", "editor"])
        naming = Naming(user_id=str(self.random.choice([BOB, CAROL]).id))
        self.write(grants.put, actor, self.board(), naming, role, origin(actor))

    def revoke(self, actor: Actor) -> None:
        query = select(board_grants.c.board_id, board_grants.c.id)
        rows = self.studio.storage.run_read(lambda conn: list(conn.execute(query)))
        if rows:
            board_id, grant_id = self.random.choice(rows)
            self.write(grants.revoke, actor, board_id, grant_id, origin(actor))

    def show(self, actor: Actor) -> None:
        visibility = self.random.choice(["private", "shared", "public"])
        self.write(store.patch, actor, self.board(), store.Patch(visibility=visibility), origin(actor))

    def delete_board(self, actor: Actor) -> None:
        include = self.random.random() < 0.5
        board_id = self.board()
        self.write(deletion.step, actor, board_id, Deletion(), origin(actor), include_images=include, keep=True)
        self.boards.append(self.studio.board(self.random.choice(["alice", "bob"])))


def test_threads_that_share_move_and_delete_at_once_spoil_nothing(studio: Studio) -> None:
    names = [*studio.images(12, "alice"), *studio.images(12, "bob")]
    boards = [studio.board(owner, "public") for owner in ("alice", "bob") * 2]
    writers = [Writer(studio, names, boards, seed) for seed in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as threads:
        done = sum(threads.map(Writer.run, writers), Counter[str]())
    assert done.total() == WRITERS * STEPS
    everything = {"place", "detach", "discard", "restore", "grant", "revoke", "show", "delete_board", "refused"}
    assert {name for name, count in done.items() if count} == everything
    assert studio.drift() == []
