"""Tables and rows for the policy suite: a light copy of each kind of thing, with its published columns and no others.

A policy that keeps to what is published cannot tell the copy from the host's own tables. All columns may be NULL, also
those that the host always fills: what is unknown must never come out as allowed, whoever forgets to fill it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Integer, MetaData, String, Table, insert

from invoke_host.api import Action, GrantColumns, ResourceType

#: Rows of one kind of thing, at most.
MOST_ROWS = 150

#: What the well-known columns hold; others take what fits their type.
VALUES: Mapping[str, Sequence[Any]] = {
    "owner": ("alice", "bob", "system", None),
    "visibility": ("private", "shared", "public", None),
}

#: Grants of the rows of a kind that knows grants, in turn: none, and one for a user, a group, and both.
GRANTS: Sequence[tuple[tuple[str | None, str | None, str], ...]] = (
    (),
    (("alice", None, "viewer"),),
    ((None, "team", "contributor"),),
    (("bob", None, "editor"), (None, "guests", "viewer")),
)


@dataclass(frozen=True, eq=False)
class PolicyRow:
    """One thing; `row["owner"]` is a published column, `grants` are (user, group, role), `parent` it may lie on."""

    resource: str
    id: Any
    columns: Mapping[str, Any]
    grants: tuple[tuple[str | None, str | None, str], ...] = ()
    parent: PolicyRow | None = None

    def __getitem__(self, column: str) -> Any:
        return self.columns[column]


@dataclass
class World:
    """The copies: resource types to hand to a policy, their tables, and their rows."""

    actions: Sequence[Action]
    metadata: MetaData = field(default_factory=MetaData)
    resources: dict[str, ResourceType] = field(default_factory=dict)
    rows: dict[str, list[PolicyRow]] = field(default_factory=dict)

    def actions_of(self, resource: str) -> list[Action]:
        """The actions on that kind of thing."""
        return [action for action in self.actions if action.resource == resource]

    def kinds(self) -> Iterator[ResourceType]:
        """Each kind of thing as the host hands it to policies: by itself, as a parent, and by its counters."""
        for resource in self.resources.values():
            yield resource
            if resource.parent is not None:
                yield resource.parent
            counts = Table(f"{resource.name}_counts", MetaData(), Column("id", Integer), *_columns(resource))
            yield resource.over(counts, {name: counts.c[name] for name in resource.columns})

    def fill(self, conn: Connection) -> None:
        """Make the tables and put the rows in."""
        self.metadata.create_all(conn)
        for name, rows in self.rows.items():
            resource = self.resources[name]
            conn.execute(
                insert(self.metadata.tables[name]),
                [{"id": row.id, **{key: row[key] for key in _names(resource)}} for row in rows],
            )
            given = [
                {"resource_id": row.id, "user": user, "group": group, "role": role}
                for row in rows
                for user, group, role in row.grants
            ]
            if given:
                conn.execute(insert(self.metadata.tables[f"{name}_grants"]), given)


def make_world(
    resources: Sequence[ResourceType], actions: Sequence[Action], values: Mapping[str, Sequence[Any]]
) -> World:
    """Copies of these kinds of things, parents first, with all combinations of what their columns may hold."""
    world = World(actions)
    for resource in sorted(resources, key=lambda each: each.parent is not None):
        copy = world.resources[resource.name] = _copy(world, resource)
        world.rows[resource.name] = list(_rows(world, copy, values))
    return world


def _copy(world: World, resource: ResourceType) -> ResourceType:
    table = Table(resource.name, world.metadata, Column("id", resource.id.type, primary_key=True), *_columns(resource))
    grants = None
    if resource.grants is not None:
        given = Table(
            f"{resource.name}_grants",
            world.metadata,
            Column("number", Integer, primary_key=True),
            Column("resource_id", resource.id.type),
            Column("user", String(36)),
            Column("group", String(36)),
            Column("role", String(16)),
        )
        grants = GrantColumns(given, given.c.resource_id, given.c.user, given.c.group, given.c.role)
    above = None
    if resource.parent is not None:
        known = world.resources[resource.parent.name]
        alias = known.table.alias(f"{known.name}_above_{resource.name}")
        above = ResourceType(
            known.name, alias, alias.c.id, {name: alias.c[name] for name in known.columns}, grants=known.grants
        )
    columns = {name: table.c[name] for name in resource.columns}
    return ResourceType(resource.name, table, table.c.id, columns, grants=grants, parent=above)


def _columns(resource: ResourceType) -> Iterator[Column[Any]]:
    for name in _names(resource):
        yield Column(name, resource.columns[name].type)


def _names(resource: ResourceType) -> list[str]:
    return [name for name in resource.columns if name != "id"]


def _rows(world: World, resource: ResourceType, values: Mapping[str, Sequence[Any]]) -> Iterator[PolicyRow]:
    parents = {} if resource.parent is None else {row.id: row for row in world.rows[resource.parent.name]}
    names = _names(resource)
    choices = [_choices(resource, name, values, list(parents)) for name in names]
    grants = GRANTS if resource.grants is not None else ((),)
    number = isinstance(resource.id.type, Integer)
    everything = list(product(*choices, grants))
    step = -(-len(everything) // MOST_ROWS)  # all kinds of rows, where there are too many
    for count, (*cells, given) in enumerate(islice(everything, 0, None, step), 1):
        columns = dict(zip(names, cells, strict=True))
        key = count if number else f"{resource.name}-{count}"
        yield PolicyRow(resource.name, key, {**columns, "id": key}, tuple(given), parents.get(columns.get("parent")))


def _choices(
    resource: ResourceType, name: str, values: Mapping[str, Sequence[Any]], parents: Sequence[Any]
) -> Sequence[Any]:
    for key in (f"{resource.name}.{name}", name):
        if key in values:
            return values[key]
    if name == "parent" and resource.parent is not None:
        missing = 999_999 if isinstance(resource.id.type, Integer) else "gone"
        return (*parents[:: max(1, len(parents) // 24)], missing, None)
    if name in VALUES:
        return VALUES[name]
    kind = resource.columns[name].type
    if isinstance(kind, Boolean):
        return (True, False, None)
    if isinstance(kind, Integer):
        return (0, 1, None)
    return ("a", "b", None) if isinstance(kind, String) else (None,)
