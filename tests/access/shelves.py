"""Shelves with visibility and grants, and books that may lie on one; with a plain Python twin."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Boolean, Column, Integer, String, Table, null

from invoke_host.access import Verdict, decide
from invoke_host.access.policies import BUILTIN
from invoke_host.api import ROLES, Action, Actor, Grant, GrantColumns, Policy, ResourceType

from .conftest import metadata

shelves = Table(
    "shelves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner", String(36)),
    Column("visibility", String(16)),
    Column("state", String(16)),
)

shelf_grants = Table(
    "shelf_grants",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("shelf_id", Integer),
    Column("user", String(36)),
    Column("group", String(36)),
    Column("role", String(16)),
)

books = Table(
    "books",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner", String(36)),
    Column("shelf_id", Integer),
    Column("state", String(16)),
    Column("removed", Boolean),
)

book_counts = Table(
    "book_counts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner", String(36)),
    Column("shelf_id", Integer),
    Column("count", Integer),
)

SHELF_ACTIONS = (
    Action("shelf.view", "shelf", "", see=True, role="viewer"),
    Action("shelf.add", "shelf", "", role="contributor"),
    Action("shelf.curate", "shelf", "", role="editor"),
    Action("shelf.burn", "shelf", ""),
)
BOOK_ACTIONS = (
    Action("book.view", "book", "", see=True, through="shelf.view"),
    Action("book.edit", "book", "", through="shelf.curate"),
    Action("book.place", "book", ""),
)
ACTIONS = (*SHELF_ACTIONS, *BOOK_ACTIONS)

GRANTS = GrantColumns(
    shelf_grants, shelf_grants.c.shelf_id, shelf_grants.c.user, shelf_grants.c.group, shelf_grants.c.role
)


def _columns(table):
    return {"owner": table.c.owner, "visibility": table.c.visibility, "state": table.c.state}


SHELF = ResourceType("shelf", shelves, shelves.c.id, _columns(shelves), grants=replace(GRANTS, at_once=True))
_above = shelves.alias("shelf_above")
ABOVE = ResourceType("shelf", _above, _above.c.id, _columns(_above), grants=GRANTS)
BOOK = ResourceType(
    "book",
    books,
    books.c.id,
    {"owner": books.c.owner, "parent": books.c.shelf_id, "state": books.c.state},
    parent=ABOVE,
    where=books.c.removed.is_(False),
)
COUNTED = BOOK.over(book_counts, {"owner": book_counts.c.owner, "parent": book_counts.c.shelf_id, "state": null()})
RESOURCES = (SHELF, BOOK)


@dataclass(frozen=True)
class GrantRow:
    """Who may what on a shelf: a user or else a group."""

    user: str | None
    group: str | None
    role: str


@dataclass(frozen=True)
class Shelf:
    id: int
    owner: str | None
    visibility: str | None
    state: str | None
    grants: tuple[GrantRow, ...] = ()


@dataclass(frozen=True)
class Book:
    id: int
    owner: str | None
    shelf_id: int | None
    state: str | None
    removed: bool = False


class Closed(Policy):
    """What stands in state `closed`, or nobody knows in which, is hidden from all, administrators included."""

    name = "closed"

    def grant(self, actor, action, resource, facts):
        return Grant(deny=resource.columns["state"] == "closed")

    def verdict(self, row, actor, action):
        return Verdict(deny={"closed": "yes", None: "unknown"}.get(row.state, "no"))


class Frozen(Policy):
    """A shelf in state `frozen` is for looking only."""

    name = "frozen"

    def grant(self, actor, action, resource, facts):
        if action.resource != "shelf" or action.see:
            return None
        return Grant(restrict=resource.columns["state"] != "frozen")

    def verdict(self, row, actor, action):
        if action.resource != "shelf" or action.see:
            return Verdict()
        return Verdict(restrict={"frozen": "no", None: "unknown"}.get(row.state, "yes"))


PLUGINS = (Closed, Frozen)
POLICIES = (*BUILTIN, *PLUGINS)


def admin(row, actor, action):
    return Verdict(allow="yes") if actor.is_admin and actor.id is not None else Verdict()


def owner(row, actor, action):
    if actor.id is None:
        return Verdict()
    return Verdict(allow="unknown" if row.owner is None else "yes" if row.owner == actor.id else "no")


def visibility(row, actor, action):
    gives = {"viewer": ("shared", "public"), "contributor": ("public",)}
    if isinstance(row, Book) or actor.id is None or action.role not in gives:
        return Verdict()
    seen = row.visibility
    return Verdict(allow="unknown" if seen is None else "yes" if seen in gives[action.role] else "no")


def grants(row, actor, action):
    if isinstance(row, Book) or actor.id is None or action.role is None:
        return Verdict()
    enough = ROLES[ROLES.index(action.role) :]
    named = [each for each in row.grants if each.user == actor.id or each.group in actor.groups]
    return Verdict(allow="yes" if any(each.role in enough for each in named) else "no")


def tokens(row, actor, action):
    reads_only = actor.token_scopes is not None and not actor.token_scopes & {"generate", "manage-own", "admin"}
    return Verdict(restrict="no") if reads_only and not action.see else Verdict()


def suspended(row, actor, action):
    return Verdict(deny="yes") if actor.is_suspended else Verdict()


TWINS = {each.__name__: each for each in (admin, owner, visibility, grants, tokens, suspended)} | {
    each.name: each().verdict for each in PLUGINS
}


class Twin:
    """What the chosen policies mean, in plain Python: the matrix of the shelves."""

    def __init__(self, policies: list[str], on: dict[int, Shelf]) -> None:
        self.policies = policies
        self.shelves = on
        self.actions = {action.name: action for action in ACTIONS}

    def may(self, row: Shelf | Book, actor: Actor, action: Action) -> bool:
        see = next(each for each in ACTIONS if each.see and each.resource == action.resource)
        return all(decide(self.verdicts(row, actor, each).values()) for each in (see, action))

    def verdicts(self, row: Shelf | Book, actor: Actor, action: Action) -> dict[str, Verdict]:
        said = {name: TWINS[name](row, actor, action) for name in self.policies}
        if isinstance(row, Book) and action.through is not None:
            shelf = self.shelves.get(row.shelf_id)
            reached = shelf is not None and self.may(shelf, actor, self.actions[action.through])
            said["shelf"] = Verdict(allow="yes" if reached else "no")
        return said
