"""What workflows, style presets and system prompts have in common: an owner, a name, and being private or public.

A private one is known to its owner and to administrators, a public one to everybody; so it is with the events about it.
Who else loses sight of one that becomes private is told that it is gone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection, select

from invoke_host.access.engine import AccessEngine
from invoke_host.access.vocabulary import primary_key
from invoke_host.api import Actor, UserId
from invoke_host.audit.record import Origin, Target, append
from invoke_host.events import store as events

Visibility = Literal["private", "public"]

#: Longest name, in characters. Folding makes at most three of one, and the key's column takes 512.
MAX_NAME: Final = 160

#: Ids in one event.
_IDS = 500


def name_key(name: str) -> str:
    """What names are sorted by: without case, and one way to write an accent."""
    return unicodedata.normalize("NFC", name).casefold()


def visibility_of(*, is_public: bool) -> Visibility:
    """The column's word."""
    return "public" if is_public else "private"


def lock(conn: Connection, access: AccessEngine, actor: Actor, action_name: str, thing_id: str) -> None:
    """Return once nobody else is changing the thing, if the actor may then do this to it.

    Raises NotFound or Forbidden as `AccessEngine.authorize`.
    """
    resource = access.resource(access.action(action_name).resource)
    key = primary_key(resource, thing_id)
    if key is not None:
        conn.execute(select(resource.id).where(resource.id == key).with_for_update()).one_or_none()
    access.authorize(conn, actor, action_name, thing_id)


@dataclass(frozen=True, slots=True)
class Publishable:
    """One of these things, as far as others are told of it."""

    id: str
    user_id: str
    name: str
    visibility: str

    @property
    def audience(self) -> UserId | None:
        """Who hears of it: its owner (and administrators), or everybody."""
        return None if self.visibility == "public" else UserId(self.user_id)


@dataclass(frozen=True, slots=True)
class Publishing:
    """Tells of one kind of them. `name` is the resource (`style_preset`), events carry it in the plural."""

    name: str

    def added(self, conn: Connection, things: Iterable[Publishable], *, now: str) -> None:
        """These are new."""
        self._changed(conn, "added", things, now)

    def updated(self, conn: Connection, before: Publishable, after: Publishable, *, now: str) -> None:
        """This one changed; who may not see it any more is told that it is gone."""
        self._changed(conn, "updated", [after], now)
        if before.audience is None and after.audience is not None:
            events.append(
                conn, f"{self.name}s_gone", {"ids": [after.id]}, None, now=now, except_user_id=UserId(after.user_id)
            )

    def deleted(self, conn: Connection, things: Iterable[Publishable], *, now: str) -> None:
        """These are no more."""
        self._changed(conn, "deleted", things, now)

    def note(self, conn: Connection, origin: Origin, action: str, thing: Publishable, *, now: str) -> None:
        """Write into the audit log that somebody did this to what belongs to somebody else; nothing for their own."""
        if origin.actor_id != thing.user_id:
            target = Target(self.name, thing.id, thing.name)
            append(conn, origin, f"{self.name}.{action}", target, details={"owner": thing.user_id}, now=now)

    def _changed(self, conn: Connection, how: str, things: Iterable[Publishable], now: str) -> None:
        by_audience: dict[UserId | None, list[str]] = {}
        for thing in things:
            by_audience.setdefault(thing.audience, []).append(thing.id)
        for audience, ids in by_audience.items():
            for at in range(0, len(ids), _IDS):
                payload: dict[str, list[str]] = {"added": [], "updated": [], "deleted": [], how: ids[at : at + _IDS]}
                events.append(conn, f"{self.name}s_changed", payload, audience, now=now)
