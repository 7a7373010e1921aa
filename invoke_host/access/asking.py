"""Asks every policy about one action and makes one predicate of what they say, keeping what will be asked again.

What a thing lies on has a word too: whoever may do an action's `through` to the parent may do the action to what lies
on it. That word is the parent's own predicate, so whatever hides or closes the parent closes this way to its contents.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, select, true

from invoke_host.access.combine import predicate
from invoke_host.access.kept import CACHE_SIZE, Unkept, facts_key, without_session
from invoke_host.access.vocabulary import Vocabulary
from invoke_host.api import Action, Actor, Grant, HookFailed, Policy, ResourceType
from invoke_host.storage.prepared import PreparedSelect


@dataclass(frozen=True, slots=True)
class Said:
    """One policy's word, or that of the parent under its name; `through` is what must be allowed on the parent."""

    name: str
    grant: Grant
    through: str | None = None


class Asking:
    """All policies of a host. Safe to call from several threads."""

    def __init__(self, vocabulary: Vocabulary, policies: Iterable[Policy]) -> None:
        self._vocabulary = vocabulary
        self.policies = tuple(policies)
        #: Policies that look something up about the actor first.
        self.learning = tuple(policy for policy in self.policies if type(policy).facts is not Policy.facts)
        self._kept_predicate = lru_cache(CACHE_SIZE)(self._predicate)
        self._kept_check = lru_cache(CACHE_SIZE)(self._check)
        self._kept_allows = lru_cache(CACHE_SIZE)(self._allows)

    async def facts(self, actor: Actor) -> Mapping[str, Mapping[str, Any]]:
        """What each policy that overrides `facts()` has to know about the actor, by policy name."""
        learned: dict[str, Mapping[str, Any]] = {}
        for policy in self.learning:
            try:
                learned[policy.name] = MappingProxyType(dict(await policy.facts(actor)))
            except Exception as error:
                raise HookFailed(policy.name, "facts", _first_line(error)) from error
        return MappingProxyType(learned)

    def predicate(self, actor: Actor, action: Action, resource: ResourceType) -> ColumnElement[bool]:
        """Which rows of `resource` the actor may see and do this to. The same object for the same question."""
        who, key = self._who(actor)
        build = self._predicate if key is Unkept else self._kept_predicate
        return build(who, key, action, resource)

    def check(self, actor: Actor, action: Action, resource: ResourceType) -> PreparedSelect:
        """Whether the row of the id `resource_id` is visible, and whether it is permitted: two columns."""
        who, key = self._who(actor)
        build = self._check if key is Unkept else self._kept_check
        return build(who, key, action, resource)

    def allows(self, actor: Actor, action: Action, resource: ResourceType) -> tuple[ColumnElement[bool], ...]:
        """What the policies allow, not what comes from the parent, and whatever others deny."""
        who, key = self._who(actor)
        build = self._allows if key is Unkept else self._kept_allows
        return build(who, key, action, resource)

    def chain(self, action: Action) -> tuple[Action, ...]:
        """The actions that must be permitted: seeing first."""
        see = self._vocabulary.see(action.resource)
        return (action,) if see is None or see.name == action.name else (see, action)

    def said(self, actor: Actor, action: Action, resource: ResourceType) -> list[Said]:
        """What everybody says about this action alone: the policies in their order, then the parent."""
        answers = [Said(policy.name, self._grant(policy, actor, action, resource)) for policy in self.policies]
        parent = resource.parent
        if parent is None or action.through is None:
            return answers
        reached: ColumnElement[bool] = true()
        if resource.within != action.through:
            above = self.predicate(actor, self._vocabulary.action(action.through), parent)
            reached = exists().where(parent.id == resource.columns["parent"], above).correlate(resource.table)
        return [*answers, Said(parent.name, Grant(allow=reached), action.through)]

    def _who(self, actor: Actor) -> tuple[Actor, Hashable]:
        """The actor as policies see them, and what of their facts makes a difference; Unkept if that can't be told."""
        if not self.learning:
            return without_session(actor), None
        try:
            key = facts_key(actor.facts)
        except Unkept:
            return actor, Unkept
        return replace(actor, session_id=None, token_id=None, display_name=""), key

    def _predicate(self, actor: Actor, key: Hashable, action: Action, resource: ResourceType) -> ColumnElement[bool]:
        parts = [*real(resource)]
        for each in self.chain(action):
            part = predicate([said.grant for said in self.said(actor, each, resource)])
            if not any(part.compare(other) for other in parts):
                parts.append(part)
        return and_(*parts)

    def _allows(
        self, actor: Actor, key: Hashable, action: Action, resource: ResourceType
    ) -> tuple[ColumnElement[bool], ...]:
        grants = [said.grant for said in self.said(actor, action, resource) if said.through is None]
        return tuple(grant.allow for grant in grants if grant.allow is not None)

    def _check(self, actor: Actor, key: Hashable, action: Action, resource: ResourceType) -> PreparedSelect:
        visible = self.predicate(actor, self.chain(action)[0], resource)
        permitted = self.predicate(actor, action, resource)
        return PreparedSelect(
            select(visible.label("visible"), permitted.label("permitted"))
            .select_from(resource.table)
            .where(resource.id == bindparam("resource_id", type_=resource.id.type))
        )

    def _grant(self, policy: Policy, actor: Actor, action: Action, resource: ResourceType) -> Grant:
        facts = actor.facts.get(policy.name)
        if facts is None:
            if policy in self.learning:
                raise HookFailed(policy.name, "grant", "its facts were not looked up (AccessEngine.prepare)")
            facts = {}
        try:
            grant = policy.grant(actor, action, resource, facts)
        except Exception as error:
            raise HookFailed(policy.name, "grant", _first_line(error)) from error
        if grant is None:
            return Grant()
        sound = isinstance(grant, Grant) and all(
            side is None or isinstance(side, ColumnElement) for side in (grant.allow, grant.deny, grant.restrict)
        )
        if not sound:
            raise HookFailed(policy.name, "grant", f"returned {grant!r}, want a Grant of SQL expressions or None")
        return grant


def real(resource: ResourceType) -> tuple[ColumnElement[bool], ...]:
    """What keeps other rows of the table out: they are no such things."""
    return () if resource.where is None else (resource.where,)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
