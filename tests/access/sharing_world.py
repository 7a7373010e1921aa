"""Random worlds, and how they are written into a database with the host's own functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import orjson
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select

from invoke_host.access import AccessEngine
from invoke_host.access.policies import BUILTIN
from invoke_host.api import ANONYMOUS, ROLES, Action, Actor, Grant, Policy, UserId
from invoke_host.boards.tables import board_grants, boards
from invoke_host.identity.groups.tables import groups
from invoke_host.identity.tables import users
from invoke_host.images import changes, store, trash
from invoke_host.images.tables import images
from invoke_host.vocabulary import ACTIONS, RESOURCES

from .sharing_model import (
    ADMIN,
    CATEGORIES,
    GROUPS,
    PLUGINS,
    USERS,
    WORDS,
    Asked,
    Board,
    Granted,
    Image,
    World,
    board_id,
    name,
)

NOW = "2026-11-23 06:00:00.000"


class Closed(Policy):
    """Moe's boards are closed to everybody, and nobody sees Zed's images: what a plugin may say."""

    name: ClassVar[str] = "closed"

    def grant(self, actor, action, resource, facts):
        if resource.name == "board":
            return Grant(deny=resource.columns["owner"] == "moe")
        return Grant(deny=resource.columns["owner"] == "zed") if "image" in resource.name else None


class Frozen(Policy):
    """Lou's boards can be looked at."""

    name: ClassVar[str] = "frozen"

    def grant(self, actor, action: Action, resource, facts):
        if resource.name != "board" or action.see:
            return None
        return Grant(restrict=resource.columns["owner"] != "lou")


class Open(Policy):
    """Everybody with an account sees Pat's images."""

    name: ClassVar[str] = "open"

    def grant(self, actor, action: Action, resource, facts):
        if action.name != "image.view" or actor.is_anonymous:
            return None
        return Grant(allow=resource.columns["owner"] == "pat")


#: What a host may have beside its own policies.
CHOICES = (frozenset[str](), frozenset({"closed", "frozen"}), frozenset({"closed", "frozen", "open"}))


def engine(policies: list[Policy] | None = None, actions: Any = ACTIONS, resources: Any = RESOURCES) -> AccessEngine:
    """The host's engine with all its policies and those of a plugin, or with others."""
    return AccessEngine(actions, resources, standard() if policies is None else policies)


def standard(plugins: Collection[str] = PLUGINS) -> list[Policy]:
    """All policies of the host, and those of plugins."""
    return [*(each() for each in BUILTIN), *(each() for each in (Closed, Frozen, Open) if each.name in plugins)]


# Worlds --------------------------------------------------------------------------------------------------------------

_grants = st.one_of(
    st.builds(Granted, user=st.sampled_from(USERS), group=st.none(), role=st.sampled_from(ROLES)),
    st.builds(Granted, user=st.none(), group=st.sampled_from(GROUPS), role=st.sampled_from(ROLES)),
)


def _boards(image_count: int) -> st.SearchStrategy[Board]:
    covers = st.none() | st.integers(0, image_count - 1) if image_count else st.none()
    return st.builds(
        Board,
        owner=st.sampled_from(("ann", "ann", *USERS)),
        visibility=st.sampled_from(("private", "private", "shared", "public")),
        grants=st.lists(_grants, max_size=2, unique_by=lambda each: (each.user, each.group)).map(tuple),
        archived=st.sampled_from((False, False, True)),
        cover=covers,
    )


def _images(board_count: int) -> st.SearchStrategy[Image]:
    return st.builds(
        Image,
        owner=st.sampled_from(("ann", "ben", *USERS)),
        board=st.sampled_from((None, *range(board_count), *range(board_count))),
        trashed=st.sampled_from((False, False, True)),
        category=st.sampled_from(("general", *CATEGORIES)),
        is_intermediate=st.sampled_from((False, False, False, True)),
        starred=st.booleans(),
        word=st.sampled_from((None, *WORDS)),
    )


@st.composite
def worlds(
    draw: st.DrawFn,
    plugins: Sequence[frozenset[str]] = CHOICES,
    *,
    board_counts: tuple[int, int] = (0, 4),
    image_counts: tuple[int, int] = (0, 8),
) -> World:
    """So many boards and images; in a world without boards, images are on none."""
    board_count, image_count = draw(st.integers(*board_counts)), draw(st.integers(*image_counts))
    made = draw(st.lists(_images(board_count), min_size=image_count, max_size=image_count))
    found = draw(st.lists(_boards(image_count), min_size=board_count, max_size=board_count))
    return World(tuple(found), tuple(made), draw(st.sampled_from(plugins)))


_people = st.builds(
    Actor,
    id=st.sampled_from(("ann", "ben", *USERS)).map(UserId),
    kind=st.just("user"),
    groups=st.frozensets(st.sampled_from(GROUPS)),
    token_scopes=st.sampled_from((None, None, None, frozenset({"read"}), frozenset({"read", "generate"}))),
    is_suspended=st.sampled_from((False, False, False, False, True)),
)
_admins = st.builds(
    Actor,
    id=st.just(UserId(ADMIN)),
    kind=st.just("user"),
    is_admin=st.sampled_from((True, True, False)),  # an API token without the scope
    is_suspended=st.sampled_from((False, False, False, True)),
    token_scopes=st.sampled_from((None, frozenset({"read"}))),
)
actors = st.one_of(_people, _people, _people, _admins, st.just(ANONYMOUS))


asked = st.builds(
    Asked,
    board=st.sampled_from((None, None, "none", "none", 0, 1, 2, 3)),
    categories=st.sampled_from((None, None, frozenset({"general"}), frozenset({"user", "mask"}))),
    is_intermediate=st.sampled_from((None, None, False, True)),
    word=st.sampled_from((None, None, *WORDS)),
    starred_first=st.booleans(),
    descending=st.sampled_from((True, True, False)),
)

# Writing them --------------------------------------------------------------------------------------------------------


def write_people(conn: Connection) -> None:
    """The users and groups of all worlds."""
    stamps = {"created_at": NOW, "updated_at": NOW}
    conn.execute(insert(users), [{"id": each, "email": f"{each}@example.org", **stamps} for each in (*USERS, ADMIN)])
    conn.execute(
        insert(groups), [{"id": each, "name": each, "name_key": each, "description": "", **stamps} for each in GROUPS]
    )


def write_world(conn: Connection, world: World) -> None:
    """Its boards and images; the images by the functions that keep counters and search."""
    stamps = {"created_at": NOW, "updated_at": NOW}
    for place, board in enumerate(world.boards):
        cover = None if board.cover is None else name(board.cover)
        row = {"id": board_id(place), "name": f"board {place}", "user_id": board.owner, "visibility": board.visibility}
        created = {"created_at": f"2026-11-23 06:00:00.{place:03}", "updated_at": NOW}
        conn.execute(insert(boards).values(**row, archived=board.archived, cover_image_name=cover, **created))
        for grant in board.grants:
            named = {"user_id": grant.user, "group_id": grant.group, "role": grant.role}
            conn.execute(insert(board_grants).values(board_id=board_id(place), **named, **stamps))
    for place, image in enumerate(world.images):
        _write_image(conn, place, image)
    for place, image in enumerate(world.images):
        if image.trashed:
            row = conn.execute(select(*changes.COUNTED_COLUMNS).where(images.c.name == name(place))).one()
            trash.put(conn, [row], by=image.owner, now=NOW)


def _write_image(conn: Connection, place: int, image: Image) -> None:
    prompt = None if image.word is None else orjson.dumps({"positive_prompt": f"an {image.word} by a river"}).decode()
    new = store.NewImage(
        name=name(place),
        user_id=image.owner,
        board_id=None if image.board is None else board_id(image.board),
        category=image.category,
        is_intermediate=image.is_intermediate,
        starred=image.starred,
        metadata=prompt,
        width=64,
        height=64,
        sha256="0" * 64,
        thumbnail_sha256="1" * 64,
        size_bytes=1,
    )
    store.insert_image(conn, new, now=NOW)
