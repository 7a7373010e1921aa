"""Generating into a board: asked when it is enqueued, asked again when the picture is stored, and nothing is lost."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import orjson
import pytest
from sqlalchemy import Connection, delete, insert, select, update

from invoke_host.access.engine import AccessEngine
from invoke_host.access.policies import BUILTIN
from invoke_host.api import Action, Actor, Forbidden, Grant, NotFound, Policy, ResourceType, StorageUnavailable
from invoke_host.boards.tables import board_grants, boards
from invoke_host.generation.requests import GenerationRequest
from invoke_host.identity.afresh import owners
from invoke_host.identity.tables import users
from invoke_host.images.tables import images
from invoke_host.queue.making import digest_of
from invoke_host.queue.placing import placements
from invoke_host.vocabulary import ACTIONS, RESOURCES

from .conftest import ADMIN, ALICE, BOB, CAROL, NOW, Line
from .works import Works, working

BOARD = "11111111-1111-4111-8111-111111111111"


class Moody(Policy):
    """Fails when it is told to."""

    name = "moody"
    fails = False

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: object) -> Grant | None:
        if self.fails:
            raise RuntimeError("not today")
        return None


@pytest.fixture
def moody() -> Moody:
    return Moody()


@pytest.fixture
def access(moody: Moody) -> AccessEngine:
    return AccessEngine(ACTIONS, RESOURCES, [*(policy() for policy in BUILTIN), moody])


@pytest.fixture
async def works(each_line: Line, blobs, models, access, log) -> AsyncIterator[Works]:
    each_line.storage.run_write(_add_board)
    find = owners(each_line.storage, access, single_user=False)
    async with working(each_line, blobs, models, access, log, placements=placements(access, find, log)) as works:
        yield works


def _add_board(conn: Connection) -> None:
    times = {"created_at": NOW, "updated_at": NOW}
    conn.execute(insert(boards).values(id=BOARD, name="Fruit", user_id="alice", visibility="private", **times))
    conn.execute(insert(board_grants).values(board_id=BOARD, user_id="bob", role="contributor", **times))


def _stored(conn: Connection) -> list[tuple[str, str | None]]:
    return [tuple(row) for row in conn.execute(select(images.c.user_id, images.c.board_id).order_by(images.c.id))]


async def generate(works: Works, actor: Actor, board_id: str | None = BOARD) -> int:
    request = GenerationRequest(positive_prompt="an apple", board_id=board_id)
    return (await works.service.generate(actor, "default", request)).item_ids[0]


async def finished(works: Works, item_id: int) -> list[tuple[str, str | None]]:
    works.painter.open.set()
    await works.until(item_id, "completed")
    await works.idle()
    works.check_files_match_rows()
    return works.line.storage.run_read(_stored)


async def held(works: Works, actor: Actor) -> int:
    """An item whose picture waits to be finished."""
    works.painter.open.clear()
    item_id = await generate(works, actor)
    await works.painter.begun.get()
    return item_id


@pytest.mark.parametrize("actor", [ALICE, BOB, ADMIN])
async def test_the_picture_goes_on_the_board_of_those_who_may_add_to_it(works: Works, actor: Actor) -> None:
    if actor is ADMIN:
        works.line.storage.run_write(lambda conn: conn.execute(update(users).values(is_admin=True)) and None)
    assert await finished(works, await generate(works, actor)) == [(str(actor.id), BOARD)]


async def test_the_board_is_no_part_of_how_the_picture_is_made(works: Works) -> None:
    await finished(works, await generate(works, ALICE))
    assert "board_id" not in works.painter.jobs[0].metadata


async def test_without_a_board_the_picture_goes_on_none(works: Works) -> None:
    assert await finished(works, await generate(works, ALICE, None)) == [("alice", None)]


async def test_a_board_that_is_not_to_be_seen_or_added_to_refuses_the_request(works: Works) -> None:
    with pytest.raises(NotFound):
        await generate(works, CAROL)
    with pytest.raises(NotFound):
        await generate(works, ALICE, "22222222-2222-4222-8222-222222222222")
    works.line.storage.run_write(lambda conn: conn.execute(update(boards).values(visibility="shared")) and None)
    with pytest.raises(Forbidden):
        await generate(works, CAROL)


def _revoke(conn: Connection) -> None:
    conn.execute(delete(board_grants))


def _delete_board(conn: Connection) -> None:
    conn.execute(delete(board_grants))
    conn.execute(delete(boards))


@pytest.mark.parametrize("lose", [_revoke, _delete_board])
async def test_a_picture_whose_owner_may_not_add_any_more_is_stored_on_no_board(works: Works, lose) -> None:
    item_id = await held(works, BOB)
    works.line.storage.run_write(lose)
    assert await finished(works, item_id) == [("bob", None)]


async def test_a_policy_that_fails_costs_the_board_and_not_the_picture(works: Works, moody: Moody) -> None:
    # Another actor than the one who asked: what was decided for an actor is kept.
    item_id = await held(works, ADMIN)
    moody.fails = True
    works.line.storage.run_write(lambda conn: conn.execute(update(users).values(display_name="New")) and None)
    assert (await finished(works, item_id))[0][0] == "root"


async def test_a_database_that_is_away_is_waited_for(works: Works, monkeypatch) -> None:
    item_id = await held(works, BOB)
    storage, tries = works.line.storage, []
    read = storage.read

    async def away_once(unit, /, *args, **kwargs):
        if unit.__name__ == "_by_now" and not tries:
            tries.append(unit)
            raise StorageUnavailable("locked")
        return await read(unit, *args, **kwargs)

    monkeypatch.setattr(storage, "read", away_once)
    assert await finished(works, item_id) == [("bob", BOARD)]
    assert tries


def test_a_key_from_before_there_were_boards_stands_for_the_same_request() -> None:
    without = GenerationRequest(positive_prompt="an apple", seed=1)
    within = GenerationRequest(positive_prompt="an apple", seed=1, board_id=BOARD)
    before = without.model_dump(mode="json", exclude={"board_id", "data", "runs"})
    digest = hashlib.sha256(orjson.dumps(["default", before], option=orjson.OPT_SORT_KEYS)).hexdigest()
    assert digest_of("default", without) == digest
    assert digest_of("default", within) != digest
