"""Reads JSON and remembers where in the text each member stands, so that a member can be kept as it was written.

Parsing is the standard library's: its scanner says where a value ends. What is refused beyond bad JSON is what other
readers choke on, so that whatever is kept can be read by all: deep nesting, numbers outside the range of doubles, lone
surrogates. Objects may repeat a name; then the last one counts, as for everybody else, and the text keeps both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isinf
from types import MappingProxyType
from typing import Any, NoReturn

from invoke_host.jsondepth import MAX_DEPTH, too_deep_at


class NotJsonError(ValueError):
    """The text is no JSON, or such as not everybody can read; says what is wrong, and where."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object: its value, and the text of that, `text[start:end]`."""

    value: Any
    start: int
    end: int


#: Reads the value that begins at an index; returns it with the index behind it.
Reader = Callable[[str, int], tuple[Any, int]]


def decode(raw: bytes) -> str:
    """The text of a body. Raises NotJsonError unless it is UTF-8, without deep nesting and lone surrogates."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJsonError(f"not UTF-8 (byte {error.start})") from None
    _check_depth(text)
    _check_surrogates(text)
    return text


def document(text: str, read: Reader) -> Any:
    """The one value that the text is. Raises NotJsonError."""
    value, end = read(text, _skip(text, 0))
    if (end := _skip(text, end)) != len(text):
        _wrong("something follows the end of the document", end)
    return value


def value(text: str, at: int) -> tuple[Any, int]:
    """Any value. Raises NotJsonError, as all readers here do."""
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        _wrong(error.msg, error.pos)
    except ValueError as error:
        _wrong(str(error), at)


def array(text: str, at: int, outline: Callable[[Any], Any] = lambda item: item) -> tuple[Any, int]:
    """The same, an array element by element: between them, other threads get their turn.

    Of each element only its `outline` is kept, for memory's sake and because collecting a million objects takes long.
    """
    if text[at : at + 1] != "[":
        return value(text, at)
    items: list[Any] = []
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return items, at + 1
    while True:
        item, at = value(text, at)
        items.append(outline(item))
        at, more = _separator(text, at, "]")
        if not more:
            return items, at


def members(
    text: str, at: int, readers: Mapping[str, Reader] = MappingProxyType({}), *, unique: bool = False
) -> tuple[Any, int]:
    """The members of an object by name; what is no object comes as its value, as from `value`.

    `readers` read the members of these names, `value` all others. `unique` refuses names that come twice.
    """
    if text[at : at + 1] != "{":
        return value(text, at)
    found: dict[str, Member] = {}
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return found, at + 1
    while True:
        name, at = _name(text, at)
        if unique and name in found:
            _wrong(f"{name[:40]!r} is there twice", at)
        inside, end = readers.get(name, value)(text, at)
        found[name] = Member(inside, at, end)
        at, more = _separator(text, end, "}")
        if not more:
            return found, at


def _name(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] != '"':
        _wrong("expected a name in double quotes", at)
    name, at = value(text, at)
    at = _skip(text, at)
    if text[at : at + 1] != ":":
        _wrong("expected a colon after the name", at)
    return name, _skip(text, at + 1)


def _separator(text: str, at: int, closing: str) -> tuple[int, bool]:
    at = _skip(text, at)
    mark = text[at : at + 1]
    if mark == closing:
        return at + 1, False
    if mark != ",":
        _wrong(f"expected a comma or {closing}", at)
    return _skip(text, at + 1), True


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return at if blank is None else blank.end()


def _check_depth(text: str) -> None:
    at = too_deep_at(text)
    if at is not None:
        _wrong(f"nested deeper than {MAX_DEPTH} levels", at)


def _check_surrogates(text: str) -> None:
    if _SURROGATE.search(text) is None:  # hardly ever there, and found quickly
        return
    for escape in _ESCAPE.finditer(text):
        if escape.group("lone") is not None:
            _wrong("half a surrogate pair is no character", escape.start())


def _number(written: str) -> float:
    number = float(written)
    if isinf(number):
        raise ValueError(f"the number {written[:20]} is out of range")
    return number


def _constant(written: str) -> NoReturn:
    raise ValueError(f"{written} is no JSON")


def _wrong(what: str, at: int) -> NoReturn:
    raise NotJsonError(f"{what} (character {at})")


_BLANK = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_DECODER = json.JSONDecoder(parse_float=_number, parse_int=_number, parse_constant=_constant)
