"""What a listing is asked for: filters, order, and the place to go on from."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from invoke_host.api import FieldProblem, InvalidInput


@dataclass(frozen=True, slots=True)
class Filters:
    """Which images; None = no matter. `search` is what somebody typed (images.search.asking), `day` is 2026-11-23.

    `board_id` NO_BOARD: those on no board, and the caller's own on boards that they do not see.
    """

    categories: frozenset[str] | None = None
    is_intermediate: bool | None = None
    origin: str | None = None
    search: str | None = None
    board_id: str | None = None
    day: str | None = None

    @property
    def counted(self) -> bool:
        """True if the counters alone can say how many images match."""
        return self.origin is None and not self.search and self.day is None


@dataclass(frozen=True, slots=True)
class Order:
    """Newest first unless told otherwise; starred ones before all others unless told otherwise."""

    descending: bool = True
    starred_first: bool = True


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last image of a page: its place in the order, which outlives the image itself."""

    order: Order
    starred: bool
    id: int

    def encode(self) -> str:
        """Text for clients, who only hand it back."""
        plain = f"{self.order.descending:d}{self.order.starred_first:d}{self.starred:d}.{self.id}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One page: at most `limit` images after `cursor`, or else after the first `offset`."""

    filters: Filters = field(default_factory=Filters)
    order: Order = field(default_factory=Order)
    limit: int = 10
    offset: int = 0
    cursor: Cursor | None = None


_PLAIN = re.compile(r"([01])([01])([01])\.([0-9]{1,18})", re.ASCII)


def decode_cursor(text: str, order: Order) -> Cursor:
    """The cursor of an earlier page in the same order.

    Raises:
        InvalidInput: it is none of ours, or belongs to a list in another order.
    """
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (ValueError, binascii.Error):
        plain = ""
    match = _PLAIN.fullmatch(plain)
    if match is None:
        raise _wrong_cursor("not a cursor of this host; take next_cursor from an earlier page, or leave it out")
    descending, starred_first, starred = (match[group] == "1" for group in (1, 2, 3))
    cursor = Cursor(Order(descending, starred_first), starred, int(match[4]))
    if cursor.order != order:
        raise _wrong_cursor("this cursor belongs to a list with another order_dir or starred_first")
    return cursor


def _wrong_cursor(message: str) -> InvalidInput:
    return InvalidInput([FieldProblem(("query", "cursor"), message, "cursor")])
