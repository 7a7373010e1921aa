"""The actions and resource types that this host knows, checked once when the engine is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from invoke_host.api import ROLES, Action, InvokeHostError, NotFound, ResourceType, StartupError

_INT64 = 2**63


class Vocabulary:
    """Names to actions and resource types; unknown names are errors, never "not permitted"."""

    def __init__(self, actions: Iterable[Action], resources: Iterable[ResourceType]) -> None:
        """Raises StartupError for a name declared twice, an action without its resource, two `see` actions, a role
        that there is not, a `through` that leads nowhere, a parent that no SQL can reach.
        """
        self._resources: dict[str, ResourceType] = {}
        for resource in resources:
            if self._resources.setdefault(resource.name, resource) is not resource:
                raise StartupError(f"resource type {resource.name!r} is declared twice")
            _check_parent(resource)
        self._actions: dict[str, Action] = {}
        self._see: dict[str, Action] = {}
        for action in actions:
            self._add(action)
        for action in self._actions.values():
            self._check_through(action)

    def _add(self, action: Action) -> None:
        if self._actions.setdefault(action.name, action) != action:
            raise StartupError(f"action {action.name!r} is declared twice, with different values")
        if action.resource not in self._resources:
            raise StartupError(
                f"action {action.name!r} is about resource type {action.resource!r}, which nobody declares"
                f"{_hint(action.resource, self._resources)}"
            )
        if action.role is not None and action.role not in ROLES:
            raise StartupError(f"action {action.name!r} has role {action.role!r}; roles are {', '.join(ROLES)}")
        if action.see and self._see.setdefault(action.resource, action) != action:
            raise StartupError(
                f"resource type {action.resource!r} has two actions with see=True: "
                f"{self._see[action.resource].name!r} and {action.name!r}; visibility needs exactly one answer"
            )

    def _check_through(self, action: Action) -> None:
        if action.through is None:
            return
        parent = self._resources[action.resource].parent
        above = self._actions.get(action.through)
        if parent is None or above is None or above.resource != parent.name:
            raise StartupError(
                f"action {action.name!r} is given through {action.through!r}, which is no action on "
                f"{f'its parent {parent.name!r}' if parent else f'a parent of {action.resource!r}, which has none'}"
            )

    @property
    def actions(self) -> Mapping[str, Action]:
        """All actions by name."""
        return self._actions

    def action(self, name: str) -> Action:
        """The action of that name; InvokeHostError if there is none."""
        try:
            return self._actions[name]
        except KeyError:
            raise InvokeHostError(f"unknown action {name!r}{_hint(name, self._actions)}") from None

    def resource(self, name: str) -> ResourceType:
        """The resource type of that name; InvokeHostError if there is none."""
        try:
            return self._resources[name]
        except KeyError:
            raise InvokeHostError(f"unknown resource type {name!r}{_hint(name, self._resources)}") from None

    def see(self, resource: str) -> Action | None:
        """The action that decides whether a row of that resource is visible, or None if each decides for itself."""
        return self._see.get(resource)


def _check_parent(resource: ResourceType) -> None:
    parent = resource.parent
    if parent is None:
        return
    if "parent" not in resource.columns:
        raise StartupError(
            f"resource type {resource.name!r} lies on {parent.name!r}, but has no column `parent` that says on which"
        )
    if parent.table is resource.table:
        raise StartupError(
            f"resource type {resource.name!r} and its parent {parent.name!r} are rows of one table; "
            "declare the parent over an alias of it"
        )


def primary_key(resource: ResourceType, raw: object) -> object | None:
    """An id from a URL as the database wants it, or None if no row can have it.

    PostgreSQL refuses what SQLite takes (a word for an integer column, NUL in text), so neither ever sees it.
    """
    if resource.id.type.python_type is not int:
        return None if not isinstance(raw, str) or "\x00" in raw else raw
    if isinstance(raw, str) and not (raw.isascii() and raw.isdigit() and len(raw) < 20):
        return None
    if not isinstance(raw, (str, int)):
        return None
    return key if -_INT64 <= (key := int(raw)) < _INT64 else None


def unknown(resource: ResourceType, raw: object) -> NotFound:
    """The one answer for what does not exist and for what may not be seen, in the words of every room."""
    return NotFound(f"There is no {resource.name.replace('_', ' ')} {str(raw)[:64]!r}.")


def _hint(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(known)) or 'none'}"
