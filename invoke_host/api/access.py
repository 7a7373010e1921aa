"""What may be done to what: actions, resource types, and policies that answer with SQL predicates.

`visible(row) = OR(allow) AND NOT OR(deny) AND AND(restrict)`; NULL in allow or restrict is no, in deny denied.
The same predicate answers the single check, the listing, the buttons of a page and "why"; there is no per-row callback.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

from sqlalchemy import ColumnElement, FromClause, cast, null

from invoke_host.api.identity import Actor

#: What somebody may be on a thing that is not theirs.
Role = Literal["viewer", "contributor", "editor"]

#: From the weakest to the strongest; each may do what those before it may.
ROLES: Final[tuple[Role, ...]] = ("viewer", "contributor", "editor")


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done to a resource, `image.delete`. `see` marks the one that decides visibility (404).

    `role` is the weakest role that may do it to what belongs to somebody else; None = none may. `through` is an action
    on the resource's parent: whoever may do that may do this to all that lies on it.
    """

    name: str
    resource: str
    description: str
    see: bool = False
    role: Role | None = None
    through: str | None = None


@dataclass(frozen=True, slots=True)
class GrantColumns:
    """Where a resource's grants are kept: a table with the resource's id, a user or else a group, and a role.

    `at_once`: statements look at many rows of the resource, so the actor's grants are better read once than asked for
    with each row; it makes no difference to the answer.
    """

    table: FromClause
    resource_id: ColumnElement[Any]
    user: ColumnElement[Any]
    group: ColumnElement[Any]
    role: ColumnElement[Any]
    at_once: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ResourceType:
    """A kind of thing with an id. `columns` is what policies may use: `owner`, and more as slices publish them.

    `visibility` (private, shared, public) and `grants` open a thing to others. `parent` is the kind of thing that it
    may lie on, whose id is the column `parent`; its table must have another name than any that statements about this
    resource use (an alias). `where` says which rows of the table are such things at all. `within` is an action that the
    caller may do to the parent of every row that a statement looks at: the statement has made sure, so that it is not
    asked again for each row.
    """

    name: str
    table: FromClause
    id: ColumnElement[Any]
    columns: Mapping[str, ColumnElement[Any]] = field(default_factory=lambda: MappingProxyType({}))
    grants: GrantColumns | None = None
    parent: ResourceType | None = None
    where: ColumnElement[bool] | None = None
    within: str | None = None

    def over(
        self,
        table: FromClause,
        columns: Mapping[str, ColumnElement[Any]],
        *,
        key: ColumnElement[Any] | None = None,
        where: ColumnElement[bool] | None = None,
        within: str | None = None,
    ) -> ResourceType:
        """The same resource seen through another table, such as its counters, so that counts obey the same rules.

        Make it once, not for each request: what policies said is kept for it. `key` is the thing's id in that table;
        where there is none it is NULL, so that grants, and policies that go by the id, permit nothing there. Raises
        ValueError if the thing lies on another and `columns` lacks `parent`: counts would not agree with listings.
        """
        if self.parent is not None and "parent" not in columns:
            raise ValueError(f"{self.name} lies on {self.parent.name}, so it needs a column `parent` here as well")
        unknown: ColumnElement[Any] = cast(null(), self.id.type)
        return replace(
            self, table=table, id=unknown if key is None else key, columns=columns, where=where, within=within
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """One policy's answer: boolean SQL expressions over the published columns. None = nothing to say."""

    allow: ColumnElement[bool] | None = None
    deny: ColumnElement[bool] | None = None
    restrict: ColumnElement[bool] | None = None


class Policy(ABC):
    """A rule about who may do what. `grant` is synchronous and pure: same input, same SQL, no I/O."""

    name: ClassVar[str]

    async def facts(self, actor: Actor) -> Mapping[str, Any]:
        """What `grant` will need that takes I/O to learn, once per request. The default needs nothing."""
        return {}

    @abstractmethod
    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        """This policy's word on the rows of `resource`; None = no opinion. If it raises, the request fails.

        Decide by who the actor is, not by how they came: `session_id`, `token_id` and `display_name` may be blank here.
        """


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route. PUBLIC, LOGGED_IN, ADMIN or `requires(...)`; the host refuses a route without one."""

    level: Literal["public", "logged_in", "admin", "requires"]
    action: str | None = None
    id_from: str | None = None


#: Anybody, logged in or not.
PUBLIC = Access("public")
#: Any logged-in user; what they see is decided by the store's `visible()`.
LOGGED_IN = Access("logged_in")
#: Administrators (in single-user mode: the local user).
ADMIN = Access("admin")


def requires(action: str, *, id_from: str) -> Access:
    """The caller must be allowed `action` on the resource whose id is the path parameter `id_from`."""
    return Access("requires", action, id_from)
