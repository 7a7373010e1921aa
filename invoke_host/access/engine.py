"""Every question about permission: the single check, the listing, the buttons of a page, and "why".

All four come from the same predicate, so they cannot disagree. Whoever may not see a row may do nothing with it,
whatever a policy says about the other action. Policies are pure, so what they said is kept for each actor and action,
and for the facts that policies learned, where these are few and plain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select
from sqlalchemy.sql.elements import True_

from invoke_host.access.asking import Asking, real
from invoke_host.access.explain import Explainer, Explanation
from invoke_host.access.vocabulary import Vocabulary, primary_key, unknown
from invoke_host.api import Action, Actor, Forbidden, Policy, ResourceType
from invoke_host.storage.units import quick


class AccessEngine:
    """Answers every question about permission. Safe to call from several threads; holds no per-request state."""

    def __init__(
        self, actions: Iterable[Action], resources: Iterable[ResourceType], policies: Iterable[Policy]
    ) -> None:
        self._vocabulary = Vocabulary(actions, resources)
        self._asking = Asking(self._vocabulary, policies)
        self._explainer = Explainer(self._vocabulary, self._asking)
        self.policies = self._asking.policies

    @property
    def actions(self) -> Mapping[str, Action]:
        """All actions by name, in the order in which they were declared."""
        return self._vocabulary.actions

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
        if not self._asking.learning:
            return actor
        return replace(actor, facts=await self.facts(actor))

    async def facts(self, actor: Actor) -> Mapping[str, Mapping[str, Any]]:
        """What each policy that overrides `facts()` has to know about the actor, by policy name."""
        return await self._asking.facts(actor)

    def predicate(self, actor: Actor, action_name: str, resource: ResourceType | None = None) -> ColumnElement[bool]:
        """Which rows the actor may do this to, as a WHERE clause. May be NULL for a row, so never negate it (`flag`).

        `resource` says through which table, when it is not the declared one (`IMAGE.over(counts, ...)`). The same
        question gets the same object, by which finished statements can be kept.
        """
        action = self.action(action_name)
        return self._asking.predicate(actor, action, resource or self.resource(action.resource))

    def allows(self, actor: Actor, action_name: str) -> tuple[ColumnElement[bool], ...]:
        """What policies allow by themselves: whatever is visible is among these, or comes through the parent.

        For a list that reads each of these by an index of its own; it still asks the `predicate` of every row.
        """
        action = self.action(action_name)
        return self._asking.allows(actor, action, self.resource(action.resource))

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
        action = self.action(action_name)
        resource = self.resource(action.resource)
        key = primary_key(resource, resource_id)
        check = self._asking.check(actor, action, resource)
        row = None if key is None else check.first(conn, {"resource_id": key})
        visible, permitted = row or (None, None)
        if not visible:
            raise unknown(resource, resource_id)
        if not permitted:
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
            select(resource.id, *columns)
            .select_from(resource.table)
            .where(resource.id.in_(list(asked)), *real(resource))
        )
        for key, *flags in rows:
            answer[asked[key]] = {name for name, flag in zip(action_names, flags, strict=True) if flag}
        return answer

    def explain(self, conn: Connection, actor: Actor, action_name: str, resource_id: object) -> list[Explanation]:
        """What each policy says about that row, for the action and for the one that makes it visible.

        `allowed(explain(...))` is the decision. One query, and one more for each explanation of what the row lies on.
        Raises NotFound if there is no such row: this is for administrators.
        """
        action = self.action(action_name)
        return self._explainer.explain(conn, actor, action, self.resource(action.resource), resource_id)
