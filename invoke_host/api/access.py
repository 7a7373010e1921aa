"""What may be done to what: actions, resource types, and policies that answer with SQL predicates.

`visible(row) = OR(allow) AND NOT OR(deny) AND AND(restrict)`; NULL in allow or restrict is no, in deny denied.
The same predicate answers the single check, the listing, the buttons of a page and "why"; there is no per-row callback.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from sqlalchemy import ColumnElement, FromClause

from invoke_host.api.identity import Actor


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done to a resource, `image.delete`. `see` marks the one that decides visibility (404)."""

    name: str
    resource: str
    description: str
    see: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ResourceType:
    """A kind of thing with an id. `columns` is what policies may use: `owner`, and more as slices publish them."""

    name: str
    table: FromClause
    id: ColumnElement[Any]
    columns: Mapping[str, ColumnElement[Any]] = field(default_factory=lambda: MappingProxyType({}))

    def over(self, table: FromClause, columns: Mapping[str, ColumnElement[Any]]) -> ResourceType:
        """The same resource seen through another table, such as its counters, so that counts obey the same rules."""
        return replace(self, table=table, columns=columns)


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
