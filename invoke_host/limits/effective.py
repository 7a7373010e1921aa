"""Which limits hold for a user: their own, else the most generous of their groups', else everybody's.

Beside these bind the limits that their groups have together. One statement reads all of it, by index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from sqlalchemy import Connection, String, bindparam, literal_column, or_, select

from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.limits.names import DEFAULT_WEIGHT, LIMITS
from invoke_host.limits.tables import limits
from invoke_host.storage.prepared import PlainRow, PreparedSelect

EVERYONE: Final = "everyone"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from. `id` and `name` are a group's, else None."""

    kind: Literal["user", "group", "everyone", "default"]
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A limit of one user alone; a value of None = explicitly none."""

    value: float | None
    source: Source


@dataclass(frozen=True, slots=True)
class Together:
    """A limit of a group as a whole."""

    group_id: str
    group: str
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Effective:
    """What binds a user. `each` lacks what nobody set; `weight` is always there."""

    weight: float
    weight_source: Source
    each: Mapping[str, Value]
    together: tuple[Together, ...]

    @property
    def unlimited(self) -> bool:
        """True if nothing is to be counted for this user."""
        return not self.each and not self.together


DEFAULT: Final = Source("default")
NOTHING: Final = Effective(DEFAULT_WEIGHT, DEFAULT, MappingProxyType({}), ())


def user_subject(user_id: str) -> str:
    """The subject of a user's own limits."""
    return f"user:{user_id}"


def group_subject(group_id: str) -> str:
    """The subject of a group's limits."""
    return f"group:{group_id}"


def of(conn: Connection, user_id: str) -> Effective:
    """What binds this user now."""
    rows = _RULES.all(conn, {"subject_": user_subject(user_id), "member_id": user_id})
    if not rows:
        return NOTHING
    own: dict[str, Value] = {}
    inherited: dict[str, Value] = {}
    general: dict[str, Value] = {}
    together: list[Together] = []
    for subject, scope, name, value, group_id, group in sorted(rows, key=_by_subject) if len(rows) > 1 else rows:
        if name not in LIMITS:
            continue  # of a newer version of this program
        if scope == "together":
            if value is not None:
                together.append(Together(group_id, group, name, value))
        elif subject == EVERYONE:
            general[name] = Value(value, Source("everyone"))
        elif group_id is None:
            own[name] = Value(value, Source("user"))
        else:
            found = Value(value, Source("group", group_id, group))
            inherited[name] = _more_generous(inherited.get(name), found)
    each = {**general, **inherited, **own}
    weight, weight_source = DEFAULT_WEIGHT, DEFAULT
    if (chosen := each.pop("weight", None)) is not None and chosen.value is not None:
        weight, weight_source = chosen.value, chosen.source
    order = [name for name in LIMITS if name in each]
    # Group by group in one order for all: who locks or asks several never does so in a circle.
    together.sort(key=lambda rule: (rule.group_id, rule.name))
    return Effective(weight, weight_source, MappingProxyType({name: each[name] for name in order}), tuple(together))


def _by_subject(row: PlainRow) -> str:
    """One order for all: of two groups that are as generous, the same one is named each time."""
    return str(row[0])


def _more_generous(one: Value | None, other: Value) -> Value:
    if one is None or (one.value is not None and (other.value is None or other.value > one.value)):
        return other
    return one


#: Subjects of the user's groups: all that binds is found by the first column of the key.
_MINE = select(literal_column("'group:'", String).concat(group_members.c.group_id)).where(
    group_members.c.user_id == bindparam("member_id")
)
_RULES = PreparedSelect(
    select(
        limits.c.subject,
        limits.c.scope,
        limits.c.name,
        limits.c.value,
        limits.c.group_id,
        groups.c.name,
    )
    .select_from(limits.outerjoin(groups, groups.c.id == limits.c.group_id))
    .where(
        or_(
            limits.c.subject == literal_column(f"'{EVERYONE}'"),
            limits.c.subject == bindparam("subject_"),
            limits.c.subject.in_(_MINE),
        )
    )
)
