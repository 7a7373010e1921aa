"""Limits as somebody gives them: whose, of what scope, which values, and what is wrong with these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from invoke_host.limits.effective import EVERYONE, group_subject, user_subject
from invoke_host.limits.names import LIMITS, Scope, problem_of


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose limits: everyone's, a group's or a user's, whose id it is."""

    kind: Literal["everyone", "group", "user"]
    id: str = ""

    @property
    def key(self) -> str:
        """As the table has it."""
        if self.kind == "everyone":
            return EVERYONE
        return group_subject(self.id) if self.kind == "group" else user_subject(self.id)

    @property
    def group_id(self) -> str | None:
        """None for other kinds."""
        return self.id if self.kind == "group" else None

    @property
    def user_id(self) -> str | None:
        """None for other kinds."""
        return self.id if self.kind == "user" else None


#: What holds where nothing else is said.
OF_EVERYONE = Subject("everyone")


@dataclass(frozen=True, slots=True)
class Change:
    """New values by name; None = explicitly no such limit. What is not named stays."""

    each: Mapping[str, float | None]
    together: Mapping[str, float | None]

    @property
    def by_scope(self) -> tuple[tuple[Scope, Mapping[str, float | None]], ...]:
        """Both, with their words."""
        return ("each", self.each), ("together", self.together)


def problems_of(values: Mapping[str, Any], scope: Scope) -> list[tuple[str, str]]:
    """What is wrong with them: name and sentence, all of it."""
    found = ((name, _problem(name, value, scope)) for name, value in values.items())
    return [(name, problem) for name, problem in found if problem is not None]


def unknown(name: str) -> str:
    """There is no such limit."""
    close = get_close_matches(name, LIMITS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(LIMITS)}"
    return f"there is no limit {name[:40]!r}; {hint}"


def _problem(name: str, value: Any, scope: Scope) -> str | None:
    limit = LIMITS.get(name)
    if limit is None:
        return unknown(name)
    if scope == "together" and limit.kind == "weight":
        return "a weight is of each member, not of a group together"
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        return "must be a number, or null for no limit"
    return problem_of(limit, value)
