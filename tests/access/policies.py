"""Policies as a host might have them, each with a plain Python twin that the tests compare the SQL with."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists

from invoke_host.access import Truth, Verdict
from invoke_host.access.policies.admin import AdminPolicy
from invoke_host.access.policies.owner import OwnerPolicy
from invoke_host.api import Action, Actor, Grant, Policy

from .conftest import shares


@dataclass(frozen=True)
class Row:
    """A thing, and the groups it is shared with."""

    id: int
    owner: str | None
    visibility: str | None
    state: str | None
    locked: bool | None
    shared_with: frozenset[str] = frozenset()


def equal(left: object, right: object) -> Truth:
    """SQL's `=`."""
    if left is None or right is None:
        return "unknown"
    return "yes" if left == right else "no"


class Owner(OwnerPolicy):
    def verdict(self, row: Row, actor: Actor, action: Action) -> Verdict:
        return Verdict() if actor.id is None else Verdict(allow=equal(row.owner, actor.id))


class Admin(AdminPolicy):
    def verdict(self, row: Row, actor: Actor, action: Action) -> Verdict:
        return Verdict(allow="yes") if actor.is_admin else Verdict()


class Public(Policy):
    """Public things can be seen by everybody."""

    name = "public"

    def grant(self, actor, action, resource, facts):
        return Grant(allow=resource.columns["visibility"] == "public") if action.see else None

    def verdict(self, row: Row, actor: Actor, action: Action) -> Verdict:
        return Verdict(allow=equal(row.visibility, "public")) if action.see else Verdict()


class Shares(Policy):
    """Members of a group see what is shared with it, and edit it too."""

    name = "shares"

    def grant(self, actor, action, resource, facts):
        if action.name == "thing.delete":
            return None
        return Grant(
            allow=exists().where(shares.c.thing_id == resource.columns["id"], shares.c.group.in_(sorted(actor.groups)))
        )

    def verdict(self, row: Row, actor: Actor, action: Action) -> Verdict:
        if action.name == "thing.delete":
            return Verdict()
        return Verdict(allow="yes" if row.shared_with & actor.groups else "no")


class Quarantine(Policy):
    """What is in quarantine, or whose state is unknown, is hidden from all."""

    name = "quarantine"

    def grant(self, actor, action, resource, facts):
        return Grant(deny=resource.columns["state"] == "quarantine")

    def verdict(self, row: Row, actor: Actor, action: Action) -> Verdict:
        return Verdict(deny=equal(row.state, "quarantine"))


class Locked(Policy):
    """A locked thing can be seen only: a restriction of the other actions."""

    name = "locked"

    def grant(self, actor, action, resource, facts):
        return None if action.see else Grant(restrict=resource.columns["locked"] == False)  # noqa: E712 - SQL

    def verdict(self, row: Row, actor: Actor, action: Action) -> Verdict:
        return Verdict() if action.see else Verdict(restrict=equal(row.locked, False))


class Token(Policy):
    """A token with scopes reaches only what is public."""

    name = "token"

    def grant(self, actor, action, resource, facts):
        if actor.token_scopes is None:
            return None
        return Grant(restrict=resource.columns["visibility"] == "public")

    def verdict(self, row: Row, actor: Actor, action: Action) -> Verdict:
        return Verdict() if actor.token_scopes is None else Verdict(restrict=equal(row.visibility, "public"))


class Janitor(Policy):
    """Allows bob to delete what is in normal state without a word about seeing it."""

    name = "janitor"

    def grant(self, actor, action, resource, facts):
        if actor.id != "bob" or action.name != "thing.delete":
            return None
        return Grant(allow=resource.columns["state"] == "normal")

    def verdict(self, row: Row, actor: Actor, action: Action) -> Verdict:
        if actor.id != "bob" or action.name != "thing.delete":
            return Verdict()
        return Verdict(allow=equal(row.state, "normal"))


ALL = (Owner, Admin, Public, Shares, Quarantine, Locked, Token, Janitor)
