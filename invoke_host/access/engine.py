"""Asks all policies and turns their grants into SQL: the single check, the listing, the buttons, and "why".

All four come from the same predicate, so they cannot disagree. Whoever may not see a row may do nothing with it,
whatever a policy says about the other action. Policies are pure, so statements are kept per (actor, action); hosts with
a policy that overrides `facts()` build them afresh, because facts may differ between two requests of one actor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, null, select
from sqlalchemy.sql.elements import True_

from invoke_host.access.combine import Truth, Verdict, decide, predicate
from invoke_host.access.vocabulary import Vocabulary, primary_key
from invoke_host.api import (
    Action,
    Actor,
    Forbidden,
    Grant,
    HookFailed,
    NotFound,
    Policy,
    ResourceType,
)
from invoke_host.storage.units import quick

#: Kept statements; an actor that changes (another role, another group) is another key, the oldest fall out.
CACHE_SIZE = 2048


@dataclass(frozen=True, slots=True)
class Explanation:
    """One policy's word on one row and action; `explain` returns them in the order of `[access] policies`."""

    policy: str
    action: str
    verdict: Verdict


class AccessEngine:
    """Answers every question about permission. Safe to call from several threads; holds no per-request state."""

    def __init__(
        self, actions: Iterable[Action], resources: Iterable[ResourceType], policies: Iterable[Policy]
    ) -> None:
        self._vocabulary = Vocabulary(actions, resources)
        self.policies = tuple(policies)
        self._learning = tuple(policy for policy in self.policies if type(policy).facts is not Policy.facts)
        build: Callable[[Actor, str], Select[bool, bool]] = self._check_statement
        combine: Callable[[Actor, str, ResourceType], ColumnElement[bool]] = self._predicate
        if not self._learning:
            build = lru_cache(CACHE_SIZE)(build)
            combine = lru_cache(CACHE_SIZE)(combine)
        self._statement = build
        self._combined = combine

    def action(self, name: str) -> Action:
        """The declared action. Raises InvokeHostError, naming the closest one, if there is none of that name."""
        return self._vocabulary.action(name)

    def resource(self, name: str) -> ResourceType:
        """The declared resource type. Raises InvokeHostError, naming the closest one, if there is none."""
        return self._vocabulary.resource(name)

    async def prepare(self, actor: Actor) -> Actor:
        """The actor with what policies had to look up about them; call it once per request, before anything else.

        Costs nothing unless a policy overrides `facts()`. Raises HookFailed when such a policy fails: the request must
        then fail too.
        """
        if not self._learning:
            return actor
        return replace(actor, facts=await self.facts(actor))

    async def facts(self, actor: Actor) -> Mapping[str, Mapping[str, Any]]:
        """What each policy that overrides `facts()` has to know about the actor, by policy name."""
        learned: dict[str, Mapping[str, Any]] = {}
        for policy in self._learning:
            try:
                learned[policy.name] = MappingProxyType(dict(await policy.facts(actor)))
            except Exception as error:
                raise HookFailed(policy.name, "facts", _first_line(error)) from error
        return MappingProxyType(learned)

    def predicate(self, actor: Actor, action_name: str, resource: ResourceType | None = None) -> ColumnElement[bool]:
        """Which rows the actor may do this to, as a WHERE clause. May be NULL for a row, so never negate it (`flag`).

        `resource` says through which table, when it is not the declared one (`IMAGE.over(counts, ...)`).
        """
        whole = resource or self.resource(self.action(action_name).resource)
        return self._combined(self._as_policies_see(actor), action_name, whole)

    def flag(self, actor: Actor, action_name: str, resource: ResourceType | None = None) -> ColumnElement[bool]:
        """The same as a column of the answer or an operand: always true or false, never NULL."""
        allowed = self.predicate(actor, action_name, resource)
        return allowed if isinstance(allowed, True_) else func.coalesce(allowed, False)

    def visible(
        self, statement: Select[Any], actor: Actor, action_name: str, resource: ResourceType | None = None
    ) -> Select[Any]:
        """The statement, limited to rows the actor may do this to; LIMIT and ORDER BY on it keep their meaning."""
        allowed = self.predicate(actor, action_name, resource)
        return statement if isinstance(allowed, True_) else statement.where(allowed)

    @quick
    def authorize(self, conn: Connection, actor: Actor, action_name: str, resource_id: object) -> None:
        """Return if the actor may do this to that row; costs one query by primary key.

        Raises:
            NotFound: there is no such row, or the actor may not see it; the text does not tell which.
            Forbidden: the actor sees it but may not do this to it.
        """
        resource = self.resource(self.action(action_name).resource)
        key = primary_key(resource, resource_id)
        statement = self._statement(self._as_policies_see(actor), action_name)
        row = None if key is None else conn.execute(statement, {"resource_id": key}).first()
        if row is None or not row.visible:
            raise NotFound(f"no {resource.name.replace('_', ' ')} {str(resource_id)[:80]!r}")
        if not row.permitted:
            raise Forbidden(f"{action_name} is not permitted on this {resource.name.replace('_', ' ')}")

    def permissions(
        self, conn: Connection, actor: Actor, ids: Sequence[object], action_names: Sequence[str]
    ) -> dict[Any, set[str]]:
        """Which of these actions the actor may do to each of these rows, in one query.

        Every id asked about is a key; rows that are invisible or missing have the empty set. All actions must be of one
        resource, else ValueError.
        """
        answer: dict[Any, set[str]] = {resource_id: set() for resource_id in ids}
        if not answer or not action_names:
            return answer
        kinds = {self.action(name).resource for name in action_names}
        if len(kinds) > 1:
            raise ValueError(f"permissions() is about one resource at a time, got actions of {sorted(kinds)}")
        resource = self.resource(kinds.pop())
        asked = {primary_key(resource, resource_id): resource_id for resource_id in answer}
        asked.pop(None, None)
        columns = [self.flag(actor, name).label(f"action_{index}") for index, name in enumerate(action_names)]
        rows = conn.execute(
            select(resource.id, *columns).select_from(resource.table).where(resource.id.in_(list(asked)))
        )
        for key, *flags in rows:
            answer[asked[key]] = {name for name, flag in zip(action_names, flags, strict=True) if flag}
        return answer

    def explain(self, conn: Connection, actor: Actor, action_name: str, resource_id: object) -> list[Explanation]:
        """What each policy says about that row, for the action and for the one that makes it visible; one query.

        `allowed(explain(...))` is the decision. Raises NotFound if there is no such row: this is for administrators.
        """
        action = self.action(action_name)
        resource = self.resource(action.resource)
        asked = [(each, policy) for each in self._chain(action) for policy in self.policies]
        columns: list[ColumnElement[Any]] = []
        grants = [self._grant(policy, actor, each, resource) for each, policy in asked]
        for index, grant in enumerate(grants):
            for side in ("allow", "deny", "restrict"):
                expression = getattr(grant, side)
                columns.append((null() if expression is None else expression).label(f"{side}_{index}"))
        key = primary_key(resource, resource_id)
        statement = select(resource.id, *columns).select_from(resource.table).where(resource.id == key)
        row = None if key is None else conn.execute(statement).first()
        if row is None:
            raise NotFound(f"no {resource.name.replace('_', ' ')} {str(resource_id)[:80]!r}")
        return [
            Explanation(policy.name, each.name, _verdict(row, index, grants[index]))
            for index, (each, policy) in enumerate(asked)
        ]

    def _as_policies_see(self, actor: Actor) -> Actor:
        # Learned facts belong to one request, so there nothing is kept, and the actor stays as they are.
        return actor if self._learning else _without_session(actor)

    def _chain(self, action: Action) -> tuple[Action, ...]:
        see = self._vocabulary.see(action.resource)
        return (action,) if see is None or see.name == action.name else (see, action)

    def _predicate(self, actor: Actor, action_name: str, resource: ResourceType) -> ColumnElement[bool]:
        parts: list[ColumnElement[bool]] = []
        for action in self._chain(self.action(action_name)):
            part = predicate([self._grant(policy, actor, action, resource) for policy in self.policies])
            if not any(part.compare(other) for other in parts):
                parts.append(part)
        return and_(*parts)

    def _check_statement(self, actor: Actor, action_name: str) -> Select[bool, bool]:
        action = self.action(action_name)
        resource = self.resource(action.resource)
        see = self._vocabulary.see(action.resource) or action
        return (
            select(
                self._combined(actor, see.name, resource).label("visible"),
                self._combined(actor, action_name, resource).label("permitted"),
            )
            .select_from(resource.table)
            .where(resource.id == bindparam("resource_id", type_=resource.id.type))
        )

    def _grant(self, policy: Policy, actor: Actor, action: Action, resource: ResourceType) -> Grant:
        facts = actor.facts.get(policy.name)
        if facts is None:
            if policy in self._learning:
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


@lru_cache(CACHE_SIZE)
def _without_session(actor: Actor) -> Actor:
    """The same person, by whichever session or token they come: a new login must not compile every statement anew."""
    return replace(actor, session_id=None, token_id=None, display_name="")


def allowed(explanations: Iterable[Explanation]) -> bool:
    """The decision that these explanations lead to: every action among them must be allowed."""
    by_action: dict[str, list[Verdict]] = {}
    for explanation in explanations:
        by_action.setdefault(explanation.action, []).append(explanation.verdict)
    return bool(by_action) and all(decide(verdicts) for verdicts in by_action.values())


def _verdict(row: Row[Any], index: int, grant: Grant) -> Verdict:
    def truth(side: str) -> Truth:
        if getattr(grant, side) is None:
            return "silent"
        value = getattr(row, f"{side}_{index}")
        return "unknown" if value is None else "yes" if value else "no"

    return Verdict(truth("allow"), truth("deny"), truth("restrict"))


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
