"""What a list of workflows is asked for, and the place where the next page goes on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from invoke_host.api import FieldProblem, InvalidInput
from invoke_host.workflows.schema import MAX_PER_PAGE, OrderBy


@dataclass(frozen=True, slots=True)
class Scope:
    """Which workflows; None and empty = no matter. Without `is_public=True`, others' published ones are left out."""

    categories: Sequence[str] = ()
    is_public: bool | None = None
    has_been_opened: bool | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last workflow of a page: its place in the order, which outlives the workflow itself."""

    order_by: OrderBy
    descending: bool
    key: str
    id: str

    def encode(self) -> str:
        """Text for clients, who only hand it back."""
        plain = orjson.dumps([self.order_by, self.descending, self.key, self.id])
        return base64.urlsafe_b64encode(plain).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class ListRequest:
    """One page: `limit` workflows after `cursor`, or else after `offset`."""

    scope: Scope = Scope()
    tags: Sequence[str] = ()
    search: str | None = None
    is_callable: bool | None = None
    order_by: OrderBy = "name"
    descending: bool = False
    limit: int = MAX_PER_PAGE
    offset: int = 0
    cursor: Cursor | None = None


def decode_cursor(text: str, order_by: OrderBy, *, descending: bool) -> Cursor:
    """The cursor of an earlier page in the same order. Raises InvalidInput."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        parts = orjson.loads(raw)
    except (ValueError, binascii.Error):
        parts = None
    fits = isinstance(parts, list) and len(parts) == 4 and all(isinstance(part, str) for part in parts[2:])
    if not fits or "\0" in parts[2] + parts[3]:
        raise _wrong("not a cursor of this list; take next_cursor from an earlier page, or leave it out")
    if parts[:2] != [order_by, descending]:
        raise _wrong("this cursor belongs to a list with another order_by or direction")
    return Cursor(order_by, descending, parts[2], parts[3])


def _wrong(message: str) -> InvalidInput:
    return InvalidInput([FieldProblem(("query", "cursor"), message, "cursor")])
