"""The part of the policy suite that asks a database: what a policy's conditions mean for rows, alone or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, event, null, select, true

from invoke_host.access import AccessEngine, Truth, Verdict, allowed, decide
from invoke_host.access.policies import BUILTIN
from invoke_host.api import Action, Actor, Forbidden, Grant, NotFound, Policy, ResourceType
from invoke_host.testing.contracts._policy_base import Asked, PolicySuite
from invoke_host.testing.contracts._policy_world import PolicyRow, World

_SIDES = ("allow", "deny", "restrict")

#: Rows that are permitted, and as many that are not, which are asked about one by one; for each caller and action.
_ONE_BY_ONE = 1


class Everything(Policy):
    """Allows everything to everybody who is logged in, so that what another policy stops can be seen."""

    name = "contract_everything"

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: object) -> Grant | None:
        """All rows."""
        return None if actor.is_anonymous else Grant(allow=true())


class PolicyRows(PolicySuite):
    """Meaning, agreement, cost."""

    def test_it_says_of_every_row_what_its_author_says(self, asked: Asked, world: World, database: Engine) -> None:
        """`expected` in plain Python and the SQL are two accounts of one rule, NULLs included."""
        with database.connect() as conn:
            for actor, action, resource in _declared(asked, world):
                said = _verdicts(conn, asked, actor, action, resource)
                for row in world.rows[resource.name]:
                    meant = self.expected(actor, action, row, asked.facts(actor)) or Verdict()
                    assert said[row.id] == meant, f"{actor.id} asks for {action.name} on {row}"

    def test_its_conditions_hold_in_any_statement(self, asked: Asked, world: World, database: Engine) -> None:
        """A statement may read the grants or the plugin's tables itself: EXISTS must name what it belongs to."""
        with database.connect() as conn:
            for actor, action, resource in _declared(asked, world):
                grant = asked.grant(actor, action, resource)
                alone = _verdicts(conn, asked, actor, action, resource)
                for other in self._others(resource):
                    beside = {
                        row.key: _verdict(row, grant)
                        for row in conn.execute(_statement(resource, grant, other).limit(300))
                    }
                    wrong = [key for key, verdict in beside.items() if verdict != alone[key]]
                    assert not wrong, f"{action.name}: beside table {other.name!r} it says other things of {wrong[:3]}"

    def test_it_opens_nothing_to_who_is_not_logged_in(self, asked: Asked, world: World, database: Engine) -> None:
        """Unless the test class says `allows_anonymous = True`."""
        if self.allows_anonymous:
            return
        with database.connect() as conn:
            for actor, action, resource in _declared(asked, world):
                if actor.is_anonymous:
                    said = _verdicts(conn, asked, actor, action, resource)
                    opened = [key for key, verdict in said.items() if verdict.allow == "yes"]
                    assert not opened, f"{action.name} is allowed to the anonymous caller on {opened[:3]}"

    def test_what_nobody_owns_is_no_more_open_than_what_a_stranger_owns(
        self, asked: Asked, world: World, database: Engine
    ) -> None:
        """An owner that is NULL is unknown; everybody's it is not."""
        with database.connect() as conn:
            for actor, action, resource in _declared(asked, world):
                if "owner" not in resource.columns or actor.id is None:
                    continue
                said = _verdicts(conn, asked, actor, action, resource)
                rows = world.rows[resource.name]
                strangers = {
                    _but_owner(row) for row in rows if row["owner"] not in (actor.id, None) and _allowed(said, row)
                }
                known = {_but_owner(row) for row in rows if row["owner"] not in (actor.id, None)}
                for row in rows:
                    if row["owner"] is None and _allowed(said, row) and _but_owner(row) in known:
                        assert _but_owner(row) in strangers, f"{actor.id} is allowed {action.name} on {row}"

    def test_listing_single_check_buttons_and_explanation_agree(
        self, asked: Asked, world: World, database: Engine
    ) -> None:
        """Beside the built-in policies, and with everything allowed that it does not stop."""
        for others in ([policy() for policy in BUILTIN], [Everything()]):
            engine = AccessEngine(world.actions, world.resources.values(), [asked.policy, *others])
            with database.connect() as conn:
                for actor, action, resource in _declared(asked, world):
                    self._agree(conn, engine, asked, actor, action, resource, world.rows[resource.name])

    def test_a_page_costs_one_statement_however_long_it_is(self, asked: Asked, world: World, database: Engine) -> None:
        """The check, the listing and the buttons of a page ask the database once each."""
        engine = AccessEngine(world.actions, world.resources.values(), [asked.policy, Everything()])
        with database.connect() as conn:
            for actor, action, resource in _declared(asked, world):
                ids = [row.id for row in world.rows[resource.name]]
                for some in (ids[:1], ids):
                    with _counted(database) as statements:
                        engine.permissions(conn, actor, some, [action.name])
                        conn.execute(engine.visible(select(resource.id), actor, action.name)).all()
                    assert len(statements) == 2, f"{action.name} on {len(some)} rows: {len(statements)} statements"

    def _others(self, resource: ResourceType) -> Iterator[Any]:
        if resource.grants is not None:
            yield resource.grants.table
        if resource.parent is not None:
            yield resource.parent.table
        yield from self.tables.tables.values() if self.tables is not None else ()

    def _agree(
        self,
        conn: Connection,
        engine: AccessEngine,
        asked: Asked,
        actor: Actor,
        action: Action,
        resource: ResourceType,
        rows: Sequence[PolicyRow],
    ) -> None:
        about = f"{actor.id} asks for {action.name}"
        listed = set(conn.scalars(engine.visible(select(resource.id), actor, action.name)))
        buttons = engine.permissions(conn, actor, [row.id for row in rows], [action.name])
        assert {key for key, names in buttons.items() if names} == listed, f"{about}: buttons and listing differ"
        some = [row for row in rows if row.id in listed][:_ONE_BY_ONE] + [row for row in rows if row.id not in listed][
            :_ONE_BY_ONE
        ]
        said = _verdicts(conn, asked, actor, action, resource)
        for row in some:
            assert _permitted(conn, engine, actor, action, row) == (row.id in listed), f"{about} on {row}: check"
            why = engine.explain(conn, actor, action.name, row.id)
            assert allowed(why) == (row.id in listed), f"{about} on {row}: explanation"
            (own,) = [each.verdict for each in why if each.policy == asked.policy.name and each.action == action.name]
            assert own == said[row.id], f"{about} on {row}: what is explained is not what is said"
            if decide([own, Verdict(allow="yes")]) is False:
                assert row.id not in listed, f"{about} on {row}: stopped, and yet permitted"


def _declared(asked: Asked, world: World) -> Iterator[tuple[Actor, Action, ResourceType]]:
    for resource in world.resources.values():
        for action in world.actions_of(resource.name):
            for actor in asked.callers:
                yield actor, action, resource


def _statement(resource: ResourceType, grant: Grant | None, *others: Any) -> Any:
    columns: list[ColumnElement[Any]] = []
    for side in _SIDES:
        condition = None if grant is None else getattr(grant, side)
        columns.append((null() if condition is None else condition).label(side))
    return select(resource.id.label("key"), *columns).select_from(resource.table, *others)


def _verdicts(
    conn: Connection, asked: Asked, actor: Actor, action: Action, resource: ResourceType
) -> dict[Any, Verdict]:
    grant = asked.grant(actor, action, resource)
    return {row.key: _verdict(row, grant) for row in conn.execute(_statement(resource, grant))}


def _verdict(row: Row[Any], grant: Grant | None) -> Verdict:
    def truth(side: str) -> Truth:
        if grant is None or getattr(grant, side) is None:
            return "silent"
        value = getattr(row, side)
        return "unknown" if value is None else "yes" if value else "no"

    return Verdict(truth("allow"), truth("deny"), truth("restrict"))


def _permitted(conn: Connection, engine: AccessEngine, actor: Actor, action: Action, row: PolicyRow) -> bool:
    try:
        engine.authorize(conn, actor, action.name, row.id)
    except (NotFound, Forbidden):
        return False
    return True


def _allowed(said: dict[Any, Verdict], row: PolicyRow) -> bool:
    return said[row.id].allow == "yes"


def _but_owner(row: PolicyRow) -> tuple[Any, ...]:
    """All that makes a difference between two rows, but whose they are."""
    rest = sorted((name, repr(value)) for name, value in row.columns.items() if name not in ("owner", "id"))
    return (row.resource, row.grants, *rest)


@contextmanager
def _counted(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
