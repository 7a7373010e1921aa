"""Lists of workflows, their tags and counts: all of them by the same predicate as the single read.

What others have merely published is left out unless it is asked for (`is_public=True`); administrators see everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, or_, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.publishing import name_key, visibility_of
from invoke_host.workflows import rows
from invoke_host.workflows.access import VIEW
from invoke_host.workflows.query import Cursor, ListRequest, Scope
from invoke_host.workflows.tables import workflow_opens, workflow_tags, workflows


@dataclass(frozen=True, slots=True)
class Page:
    """Workflows as clients get them, how many match in all, and where the next page begins (None = nowhere)."""

    items: list[dict[str, Any]]
    total: int
    next_cursor: str | None


def page(conn: Connection, access: AccessEngine, actor: Actor, request: ListRequest) -> Page:
    """One page, in order; ties by id."""
    where = _matching(access, actor, request)
    total = conn.scalar(select(func.count()).select_from(workflows).where(*where)) or 0
    key = _ORDER[request.order_by]
    after = request.cursor
    query = rows.listed(actor).where(*where)
    query = query.offset(request.offset) if after is None else query.where(_behind(after, key))
    directed = [column.desc() if request.descending else column.asc() for column in (key, workflows.c.id)]
    found = conn.execute(query.add_columns(key.label("order_key")).order_by(*directed).limit(request.limit + 1)).all()
    shown = found[: request.limit]
    more = len(found) > request.limit
    last = Cursor(request.order_by, request.descending, shown[-1].order_key, shown[-1].id) if more else None
    return Page([rows.item(row, actor) for row in shown], total, last.encode() if last else None)


def tags(conn: Connection, access: AccessEngine, actor: Actor, scope: Scope) -> list[str]:
    """All tags of these workflows, in the order of the alphabet."""
    query = select(workflow_tags.c.tag).distinct().join(workflows, workflows.c.id == workflow_tags.c.workflow_id)
    return sorted(conn.scalars(query.where(*_in_scope(access, actor, scope))), key=lambda tag: (tag.casefold(), tag))


def counts_by_tag(
    conn: Connection, access: AccessEngine, actor: Actor, scope: Scope, wanted: Sequence[str]
) -> dict[str, int]:
    """How many of these workflows carry each of the tags."""
    query = (
        select(workflow_tags.c.tag, func.count())
        .join(workflows, workflows.c.id == workflow_tags.c.workflow_id)
        .where(workflow_tags.c.tag.in_(set(wanted)), *_in_scope(access, actor, scope))
        .group_by(workflow_tags.c.tag)
    )
    found = {row[0]: int(row[1]) for row in conn.execute(query)}
    return {tag: found.get(tag, 0) for tag in wanted}


def counts_by_category(
    conn: Connection, access: AccessEngine, actor: Actor, scope: Scope, wanted: Sequence[str]
) -> dict[str, int]:
    """How many of these workflows are of each of the categories."""
    query = (
        select(workflows.c.category, func.count())
        .where(workflows.c.category.in_(set(wanted)), *_in_scope(access, actor, scope))
        .group_by(workflows.c.category)
    )
    found = {row[0]: int(row[1]) for row in conn.execute(query)}
    return {category: found.get(category, 0) for category in wanted}


def _in_scope(access: AccessEngine, actor: Actor, scope: Scope) -> list[ColumnElement[bool]]:
    conditions = [access.predicate(actor, VIEW.name)]
    if scope.is_public is not None:
        conditions.append(workflows.c.visibility == visibility_of(is_public=scope.is_public))
    if scope.is_public is not True and not actor.is_admin:
        own = workflows.c.user_id == rows.reader_id(actor)
        conditions.append(or_(own, workflows.c.category == "default", workflows.c.visibility != "public"))
    if scope.categories:
        conditions.append(workflows.c.category.in_(set(scope.categories)))
    if scope.has_been_opened is not None:
        of_reader = workflow_opens.c.user_id == rows.reader_id(actor)
        opened = exists().where(workflow_opens.c.workflow_id == workflows.c.id, of_reader).correlate(workflows)
        conditions.append(opened if scope.has_been_opened else ~opened)
    return conditions


def _matching(access: AccessEngine, actor: Actor, request: ListRequest) -> list[ColumnElement[bool]]:
    conditions = _in_scope(access, actor, request.scope)
    if request.tags:
        wanted = workflow_tags.c.tag.in_(request.tags)
        conditions.append(exists().where(workflow_tags.c.workflow_id == workflows.c.id, wanted).correlate(workflows))
    if request.search:
        text = request.search
        anywhere = [column.icontains(text, autoescape=True) for column in (workflows.c.description, workflows.c.tags)]
        conditions.append(or_(workflows.c.name_key.contains(name_key(text), autoescape=True), *anywhere))
    if request.is_callable:
        conditions.append(false())
    return conditions


def _behind(cursor: Cursor, key: ColumnElement[str]) -> ColumnElement[bool]:
    if cursor.descending:
        return or_(key < cursor.key, and_(key == cursor.key, workflows.c.id < cursor.id))
    return or_(key > cursor.key, and_(key == cursor.key, workflows.c.id > cursor.id))


#: What each order compares. Never opened sorts before all that was.
_ORDER: Mapping[str, ColumnElement[str]] = MappingProxyType(
    {
        "name": workflows.c.name_key,
        "created_at": workflows.c.created_at,
        "updated_at": workflows.c.updated_at,
        "opened_at": func.coalesce(workflow_opens.c.opened_at, ""),
        "is_public": workflows.c.visibility,
    }
)
