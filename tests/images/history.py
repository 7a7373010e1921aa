"""Random histories of a gallery: everything that changes images, done by anybody, allowed or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from sqlalchemy import Connection, delete, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Forbidden, NotFound
from invoke_host.audit.record import Origin
from invoke_host.boards.tables import boards
from invoke_host.images import bulk, editing, moves, trash
from invoke_host.images.nowhere import on_none
from invoke_host.images.ownership import OWNED
from tests.images.conftest import ADMIN, ALICE, BOB, CAROL, NOW, Gallery, insert_rows

T = TypeVar("T")

ACTORS = (ALICE, BOB, CAROL, ADMIN)


@dataclass
class History:
    """What was made so far; each method is one random operation, and refusals are as good as successes."""

    gallery: Gallery
    access: AccessEngine
    random: Random
    names: list[str] = field(default_factory=list)
    boards: list[str] = field(default_factory=list)
    without: frozenset[str] = frozenset()

    def step(self) -> str:
        """Do something; returns what."""
        kind = self.random.choice([kind for kind in KINDS if kind.__name__ not in self.without])
        try:
            kind(self)
        except (NotFound, Forbidden):
            return f"{kind.__name__} (refused)"
        return kind.__name__

    def actor(self) -> Actor:
        return self.random.choice(ACTORS)

    def some(self) -> list[str]:
        return [*self.random.sample(self.names, min(len(self.names), self.random.randint(1, 4))), self.gallery.name()]

    def board(self) -> str:
        return self.random.choice([*self.boards, self.gallery.name().removesuffix(".png")])

    def by(self, actor: Actor) -> dict[str, object]:
        return {"origin": Origin.of(actor, None), "now": NOW}

    def make_board(self) -> None:
        visibility = self.random.choice(["private", "shared", "public"])
        owner, other = self.random.sample(ACTORS, 2)
        role = self.random.choice(["viewer", "contributor", "editor"])
        self.boards.append(self.gallery.add_board(owner, visibility, {str(other.id): role}))

    def add(self) -> None:
        """As the queue saves a picture: on the board if that may be, else on none."""
        board_id = self.random.choice([None, *self.boards])
        kind = {"starred": self.random.random() < 0.3, "is_intermediate": self.random.random() < 0.3}
        names = [self.gallery.name() for _ in range(2)]
        self._write(_add, self.access, self.actor(), names, board_id, kind)
        self.names += names

    def star(self) -> None:
        starred = self.random.random() < 0.5
        self._write(editing.set_starred, self.access, self.actor(), self.some(), starred, now=NOW)

    def patch(self) -> None:
        change = editing.Patch(
            category=self.random.choice(["general", "mask"]), is_intermediate=self.random.random() < 0.5
        )
        self._write(editing.patch, self.access, self.actor(), self.some()[0], change, now=NOW)

    def place(self) -> None:
        self._write(moves.place, self.access, self.actor(), self.board(), self.some(), now=NOW)

    def detach(self) -> None:
        self._write(moves.detach, self.access, self.actor(), self.some(), now=NOW)

    def discard(self) -> None:
        actor = self.actor()
        keep = self.random.random() < 0.8
        self._write(trash.delete_images, self.access, actor, self.some(), keep=keep, **self.by(actor))

    def discard_all(self) -> None:
        actor = self.actor()
        which = self.random.choice([bulk.INTERMEDIATE, on_none(self.access, actor)])
        scope = self.gallery.storage.run_read(bulk.scope)
        self._write(bulk.delete_step, self.access, actor, scope, which, **self.by(actor))

    def restore(self) -> None:
        self._write(trash.restore, self.access, self.actor(), self.some(), now=NOW)

    def purge(self) -> None:
        actor = self.actor()
        self._write(trash.purge, self.access, actor, self.some(), **self.by(actor))

    def empty(self) -> None:
        self._write(trash.empty_step, str(self.actor().id), NOW, now=NOW)

    def delete_board(self) -> None:
        if self.boards:
            board_id = self.random.choice(self.boards)
            how = (self.random.random() < 0.5, self.random.random() < 0.8)
            actor = self.actor()
            while not self._write(_delete_board, self.access, actor, board_id, *how):
                pass

    def transfer(self) -> None:
        source, target = self.random.sample(ACTORS, 2)
        self._write(OWNED.transfer, str(source.id), str(target.id), now=NOW)

    def purge_user(self) -> None:
        self._write(OWNED.purge, str(self.actor().id), now=NOW)

    def fail(self) -> None:
        try:
            self._write(_delete_and_fail, self.access, self.some())
        except RuntimeError:
            return
        raise AssertionError("a failed unit of work reported success")

    def _write(self, unit: Callable[..., T], *arguments: object, **options: object) -> T:
        return self.gallery.storage.run_write(unit, *arguments, **options)


#: Adding is as frequent as all that makes images fewer.
KINDS = (
    *[History.add] * 4,
    *[History.make_board] * 2,
    *[History.place] * 3,
    *[History.discard, History.restore] * 2,
    *(History.star, History.patch, History.detach, History.discard_all, History.purge, History.empty),
    *(History.delete_board, History.transfer, History.purge_user, History.fail),
)


def _add(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    names: list[str],
    board_id: str | None,
    kind: dict[str, bool],
) -> None:
    if board_id is not None and not moves.may_add(conn, access, actor, board_id):
        board_id = None
    insert_rows(conn, names, str(actor.id), {"board_id": board_id, **kind}, NOW)


def _delete_board(
    conn: Connection, access: AccessEngine, actor: Actor, board_id: str, with_images: bool, keep: bool
) -> bool:
    """One step of it; True when the board is gone."""
    conn.execute(select(boards.c.id).where(boards.c.id == board_id).with_for_update())
    if with_images:
        left = trash.trash_board(conn, access, actor, board_id, now=NOW, limit=2, keep=keep)
    else:
        left = moves.clear_board(conn, board_id, now=NOW, limit=2)
    if left == 2:
        return False
    conn.execute(delete(boards).where(boards.c.id == board_id))
    return True


def _delete_and_fail(conn: Connection, access: AccessEngine, names: list[str]) -> None:
    trash.delete_images(conn, access, ADMIN, names, origin=Origin.of(ADMIN, None), now=NOW)
    raise RuntimeError("after the deletion, before the commit")
