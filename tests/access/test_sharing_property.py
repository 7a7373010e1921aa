"""Property: whoever asks however, the answer about boards and images is that of the matrix, on every database.

Random users, groups, boards, grants, images, tokens and policies of plugins. The single check, the listing, the buttons
of a page, "why", and all that is listed, counted, found and named are held against a model in plain Python
(`sharing_model`).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from invoke_host.access import AccessEngine, allowed
from invoke_host.api import Actor, Forbidden, NotFound
from invoke_host.images.listing import pages
from invoke_host.storage import Storage

from . import sharing_listings, sharing_world
from .sharing_model import BOARD, IMAGE, TRASHED, Asked, Model, World, board_id, name

#: The database is emptied by each rollback, so sharing the fixture between examples is meant.
SHARED = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large)


class Undo(Exception):
    """Ends a transaction so that nothing of it stays."""


def in_a_world(storage: Storage, world: World, check: Callable[[Connection], None]) -> None:
    """Run the check on a database that holds that world, and empty it again."""

    def unit(conn: Connection) -> None:
        sharing_world.write_world(conn, world)
        check(conn)
        raise Undo

    with pytest.raises(Undo):
        storage.run_write(unit)


def single(conn: Connection, engine: AccessEngine, actor: Actor, action: str, thing: str) -> str:
    """The answer of the single check."""
    try:
        engine.authorize(conn, actor, action, thing)
    except NotFound:
        return "not visible"
    except Forbidden:
        return "forbidden"
    return "permitted"


def agree_on_rights(conn: Connection, engine: AccessEngine, world: World, actor: Actor, *, why: bool = True) -> None:
    """Single check, listing, buttons and "why" about every action on everything."""
    model = Model(world, actor)
    boards = {board_id(place): place for place in range(len(world.boards))}
    live = {name(place): place for place, image in enumerate(world.images) if not image.trashed}
    trashed = {name(place): place for place, image in enumerate(world.images) if image.trashed}
    agree_on(conn, engine, actor, tuple(BOARD), boards, {}, model.may_board, why=why)
    agree_on(conn, engine, actor, tuple(IMAGE), live, trashed, model.may_image, why=why)
    agree_on(conn, engine, actor, tuple(TRASHED), trashed, live, model.may_image, why=why)


def agree_on(
    conn: Connection,
    engine: AccessEngine,
    actor: Actor,
    actions: tuple[str, ...],
    things: dict[str, int],
    others: dict[str, int],
    may: Callable[[str, int], bool],
    *,
    why: bool,
) -> None:
    """All four ways to ask about these actions, of which the first is the one that makes visible.

    `others` are things of another kind, of which it is as if they were not there.
    """
    resource = engine.resource(engine.action(actions[0]).resource)
    buttons = engine.permissions(conn, actor, [*things, *others], actions)
    for action in actions:
        expected = {key for key, place in things.items() if may(action, place)}
        listed = engine.visible(select(resource.id).select_from(resource.table), actor, action)
        assert set(conn.scalars(listed)) == expected, action
        assert {key for key, names in buttons.items() if action in names} == expected, action
        for key, place in things.items():
            answer = "permitted" if key in expected else "forbidden" if may(actions[0], place) else "not visible"
            assert single(conn, engine, actor, action, key) == answer, (action, place)
            if why:
                assert allowed(engine.explain(conn, actor, action, key)) == (key in expected), (action, place)
        for key in others:
            assert single(conn, engine, actor, action, key) == "not visible", (action, key)


@pytest.fixture(scope="module")
def engines() -> dict[frozenset[str], AccessEngine]:
    """Hosts without plugins and with some."""
    return {plugins: sharing_world.engine(sharing_world.standard(plugins)) for plugins in sharing_world.CHOICES}


@pytest.fixture
def peopled(each_storage: Storage) -> Storage:
    each_storage.run_write(sharing_world.write_people)
    return each_storage


@settings(max_examples=100, deadline=None, suppress_health_check=SHARED)
@given(world=sharing_world.worlds(), actor=sharing_world.actors)
def test_single_check_listing_buttons_and_why_are_the_matrix(
    peopled: Storage, engines: dict[frozenset[str], AccessEngine], world: World, actor: Actor
) -> None:
    in_a_world(peopled, world, lambda conn: agree_on_rights(conn, engines[world.plugins], world, actor))


@pytest.mark.parametrize("many_boards", [40, 0], ids=["few boards", "many boards"])
@settings(max_examples=100, deadline=None, suppress_health_check=SHARED)
@given(
    world=sharing_world.worlds(),
    actor=sharing_world.actors,
    asked=st.lists(sharing_world.asked, min_size=1, max_size=3),
    limit=st.integers(1, 3),
)
def test_all_that_is_listed_counted_found_and_named_is_what_may_be_seen(
    peopled: Storage,
    engines: dict[frozenset[str], AccessEngine],
    many_boards: int,
    world: World,
    actor: Actor,
    asked: list[Asked],
    limit: int,
) -> None:
    engine = engines[world.plugins]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "_MANY_BOARDS", many_boards)  # another way to the same pages begins there
        in_a_world(
            peopled,
            world,
            lambda conn: sharing_listings.agree_on_listings(conn, engine, world, actor, asked, limit),
        )
