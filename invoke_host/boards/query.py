"""What a list of boards is asked for: which ones, in what order, and the place to go on from."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import orjson

from invoke_host.api import FieldProblem, InvalidInput

OrderBy: TypeAlias = Literal["created_at", "board_name"]

#: Most boards that a list without pages holds.
MAX_ALL = 10_000

#: Boards in a page when nobody says how many.
DEFAULT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Order:
    """Newest first unless told otherwise. Names are sorted as if they were written small."""

    by: OrderBy = "created_at"
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last board of a page: its place in the order, which outlives the board itself.

    `key` is its time of creation, or its name as the database sorts it.
    """

    order: Order
    key: str
    id: str

    def encode(self) -> str:
        """Text for clients, who only hand it back."""
        plain = orjson.dumps([self.order.by, self.order.descending, self.key, self.id])
        return base64.urlsafe_b64encode(plain).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One page: at most `limit` boards after `cursor`, or else after the first `offset`."""

    order: Order = Order()
    archived: bool = False
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    cursor: Cursor | None = None


def decode_cursor(text: str, order: Order) -> Cursor:
    """The cursor of an earlier page in the same order.

    Raises:
        InvalidInput: it is none of ours, or belongs to a list in another order.
    """
    match _parts(text):
        case ["created_at" | "board_name" as by, bool(descending), str(key), str(board_id)]:
            cursor = Cursor(Order(by, descending), key, board_id)
        case _:
            raise _wrong("not a cursor of this list; take next_cursor from an earlier page, or leave it out")
    if cursor.order != order:
        raise _wrong("this cursor belongs to a list with another order_by or direction")
    return cursor


def _parts(text: str) -> Any:
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return None if b"\\u0000" in plain else orjson.loads(plain)
    except (ValueError, binascii.Error):
        return None


def _wrong(message: str) -> InvalidInput:
    return InvalidInput([FieldProblem(("query", "cursor"), message, "cursor")])
