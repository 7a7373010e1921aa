"""Why somebody may do something to one row, or may not: the word of each policy, and of what the row lies on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, null, select

from invoke_host.access.asking import Asking, Said, real
from invoke_host.access.combine import Truth, Verdict, decide
from invoke_host.access.vocabulary import Vocabulary, primary_key, unknown
from invoke_host.api import Action, Actor, NotFound, ResourceType

SIDES: Final = ("allow", "deny", "restrict")


@dataclass(frozen=True, slots=True)
class Explanation:
    """One policy's word on one row and action; they come in the order of `[access] policies`.

    The last of an action may be the word of the thing that the row lies on, under that thing's name: `through` is the
    action that must be allowed there, and `because` explains it in turn (empty if the row lies on nothing).
    """

    policy: str
    action: str
    verdict: Verdict
    resource: str = ""
    resource_id: Any = None
    through: str | None = None
    because: tuple[Explanation, ...] = ()


def allowed(explanations: Iterable[Explanation]) -> bool:
    """The decision that these explanations lead to: every action among them must be allowed."""
    by_action: dict[str, list[Verdict]] = {}
    for explanation in explanations:
        by_action.setdefault(explanation.action, []).append(explanation.verdict)
    return bool(by_action) and all(decide(verdicts) for verdicts in by_action.values())


class Explainer:
    """Answers "why" with the same words of the policies as everything else; costs a query for each thing above."""

    def __init__(self, vocabulary: Vocabulary, asking: Asking) -> None:
        self._vocabulary = vocabulary
        self._asking = asking

    def explain(
        self, conn: Connection, actor: Actor, action: Action, resource: ResourceType, resource_id: object
    ) -> list[Explanation]:
        """What is said about that row, for the action that makes it visible and for this one. Raises NotFound."""
        asked = [
            (each, said) for each in self._asking.chain(action) for said in self._asking.said(actor, each, resource)
        ]
        key = primary_key(resource, resource_id)
        row = None if key is None else conn.execute(_statement(resource, key, [said for _, said in asked])).first()
        if row is None:
            raise unknown(resource, resource_id)
        return [
            Explanation(
                said.name,
                each.name,
                _verdict(row, index, said),
                resource.name,
                key,
                said.through,
                self._above(conn, actor, said, resource, row.parent),
            )
            for index, (each, said) in enumerate(asked)
        ]

    def _above(
        self, conn: Connection, actor: Actor, said: Said, resource: ResourceType, parent_id: object
    ) -> tuple[Explanation, ...]:
        if said.through is None or resource.parent is None or parent_id is None:
            return ()
        try:
            return tuple(self.explain(conn, actor, self._vocabulary.action(said.through), resource.parent, parent_id))
        except NotFound:  # what it lay on is gone, or is none any more
            return ()


def _statement(resource: ResourceType, key: object, asked: Sequence[Said]) -> Any:
    columns: list[ColumnElement[Any]] = [resource.columns.get("parent", null()).label("parent")]
    for index, said in enumerate(asked):
        for side in SIDES:
            expression = getattr(said.grant, side)
            columns.append((null() if expression is None else expression).label(f"{side}_{index}"))
    return select(*columns).select_from(resource.table).where(resource.id == key, *real(resource))


def _verdict(row: Row[Any], index: int, said: Said) -> Verdict:
    def truth(side: str) -> Truth:
        if getattr(said.grant, side) is None:
            return "silent"
        value = getattr(row, f"{side}_{index}")
        return "unknown" if value is None else "yes" if value else "no"

    return Verdict(truth("allow"), truth("deny"), truth("restrict"))
