"""Everything that a caller can read: each route that only reads, with each value of each of its filters and orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter

from invoke_host.testing.client import Answer

from .belongings import Belongings
from .client import Client
from .table import ROUTES, Row

#: Names of routes' query parameters that are places in a list, or another parameter's business.
_PLACES = {"cursor", "offset", "page", "start", "before", "limit", "per_page", "last_event_id"}

#: Orders are asked in both directions.
_DIRECTIONS = ("direction", "order_dir")


def reading() -> list[Row]:
    """The routes that change nothing, streams and pages left out."""
    return [
        row
        for row in ROUTES
        if row.route.tag and not row.route.stream and (row.route.method == "GET" or row.route.scope == "read")
    ]


def crawl(client: Client, about: Belongings, words: Sequence[str] = ()) -> dict[str, Answer]:
    """The answers by what was asked, in the same order whenever the same is asked."""
    return {
        key: client.request(row.route.method, path, **about.body(row))
        for row in reading()
        for key, path in questions(row, about, words)
    }


def questions(row: Row, about: Belongings, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names and paths: as the route is asked about these belongings, without any query, and with each of its words."""
    path = about.path(row)
    bare = path.partition("?")[0]
    needed = _needed(row)
    asked = [path] if not needed or "?" in path else []
    if not needed:
        asked.append(bare)
    queries = (query for query in _queries(row, words) if needed <= query.keys())
    asked += (f"{bare}?{'&'.join(f'{name}={quote(value)}' for name, value in query.items())}" for query in queries)
    for each in dict.fromkeys(asked):
        yield f"{row.route.method} {each}", each


def _schema(row: Row) -> Mapping[str, Any]:
    return {} if row.route.query is None else TypeAdapter(row.route.query).json_schema()


def _needed(row: Row) -> set[str]:
    return set(_schema(row).get("required", ()))


def _queries(row: Row, words: Sequence[str]) -> Iterator[dict[str, str]]:
    schema = _schema(row)
    found = {
        name: _values(facts, schema, words)
        for name, facts in schema.get("properties", {}).items()
        if name not in _PLACES
    }
    turns: Sequence[dict[str, str]] = [
        {name: value} for name in found if name in _DIRECTIONS for value in found[name]
    ] or [{}]
    for name, values in found.items():
        if name not in _DIRECTIONS:
            yield from ({name: value, **turn} for value, turn in product(values, turns))
    yield from turns


def _values(facts: Mapping[str, Any], schema: Mapping[str, Any], words: Sequence[str]) -> list[str]:
    """All values of a kind of which there are few, the words where any text will do; nothing else."""
    if "$ref" in facts:
        facts = schema["$defs"][facts["$ref"].rpartition("/")[2]]
    values = [str(each) for each in facts.get("enum", [])]
    for part in [*facts.get("anyOf", []), *([facts["items"]] if "items" in facts else [])]:
        values += _values(part, schema, words)
    if facts.get("type") == "boolean":
        values += ["true", "false"]
    if facts.get("type") == "string" and "enum" not in facts:
        values += words
    return values
