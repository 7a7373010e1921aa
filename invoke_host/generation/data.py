"""Lists of values in a request: the pictures that come of them, and everything that is wrong with them.

The values of one inner list belong together, the first with the first and so on; the inner lists are combined, each row
of one with each row of the others. So it is in InvokeAI's batches, and its order is kept: the last list varies fastest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from math import prod
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, WrapValidator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from invoke_host.generation.fields import (
    MAX_PICTURES,
    STRICT,
    CfgScale,
    Label,
    NegativePrompt,
    PositivePrompt,
    Seed,
    Side,
    Steps,
)

#: Problems that are told at once.
MOST_PROBLEMS: Final = 900

#: Values that are judged at once.
_PART: Final = 500

#: A place in the lists and what is wrong there: path, kind, message.
_Wrong: TypeAlias = tuple[tuple[int | str, ...], str, str]


def _values(kind: Any) -> TypeAdapter[list[Any]]:
    return TypeAdapter(Annotated[list[kind], Field(min_length=1, max_length=MAX_PICTURES)], config=STRICT)


#: Fields that may have a value for each picture. null stands for what the request says without it.
_FIELDS: Final[Mapping[str, TypeAdapter[list[Any]]]] = MappingProxyType(
    {
        "positive_prompt": _values(PositivePrompt),
        "negative_prompt": _values(NegativePrompt),
        "model": _values(Label | None),
        "width": _values(Side | None),
        "height": _values(Side | None),
        "steps": _values(Steps | None),
        "cfg_scale": _values(CfgScale | None),
        "seed": _values(Seed),
        "scheduler": _values(Label | None),
    }
)


class Datum(BaseModel):
    """One field and its values. `field_name` is one of the request's fields that say how a picture is made."""

    model_config = STRICT

    field_name: str
    items: Annotated[list[str | int | float | None], Field(min_length=1, max_length=MAX_PICTURES)]


def _checked(value: Any, handler: Any) -> Any:
    if wrong := list(islice(_wrong(value), MOST_PROBLEMS)):
        raise ValidationError.from_exception_data(
            "data",
            # The message as a value, so that braces in it mean nothing.
            [
                InitErrorDetails(type=PydanticCustomError(kind, "{text}", {"text": text}), loc=path, input=None)
                for path, kind, text in wrong
            ],
        )
    return handler(value)


#: The lists, checked as a whole: every wrong place is told at once.
Data = Annotated[list[list[Datum]], WrapValidator(_checked)]


def combinations(data: Sequence[Sequence[Datum]]) -> Iterator[dict[str, Any]]:
    """What is said of each picture, in order; one empty dictionary if there are no lists."""
    lists = [
        [dict(zip((datum.field_name for datum in each), row, strict=True)) for row in zip(*_columns(each), strict=True)]
        for each in data
    ]
    if len(lists) == 1:
        yield from lists[0]
        return
    for rows in product(*lists):
        together: dict[str, Any] = {}
        for row in rows:
            together |= row
        yield together


def how_many(data: Sequence[Sequence[Datum]]) -> int:
    """How many combinations there are."""
    return prod(len(each[0].items) for each in data)


def varied(data: Sequence[Sequence[Datum]]) -> dict[str, tuple[int, int]]:
    """The fields that have lists, and where: list and place in it."""
    return {datum.field_name: (i, j) for i, each in enumerate(data) for j, datum in enumerate(each)}


def _columns(each: Sequence[Datum]) -> list[Sequence[Any]]:
    return [datum.items for datum in each]


def _wrong(value: Any) -> Iterator[_Wrong]:
    if not isinstance(value, list):
        yield (), "list_type", "expected a list of lists"
        return
    seen: dict[str, str] = {}
    for i, each in enumerate(value):
        if not isinstance(each, list) or not each:
            yield (i,), "list_type", 'expected a list of {"field_name", "items"}, with at least one in it'
            continue
        longest: tuple[int, int] | None = None
        for j, datum in enumerate(each):
            yield from _wrong_datum((i, j), datum, seen)
            length = _length(datum)
            if length is None:
                continue
            if longest is None:
                longest = (j, length)
            elif length != longest[1]:
                text = (
                    f"has {length} values, items of data[{i}][{longest[0]}] {longest[1]}: lists beside each other "
                    "are as long as each other; put them into lists of their own to combine each with each"
                )
                yield (i, j, "items"), "unequal_length", text


def _wrong_datum(place: tuple[int, int], datum: Any, seen: dict[str, str]) -> Iterator[_Wrong]:
    if not isinstance(datum, dict):
        yield place, "dict_type", 'expected {"field_name": ..., "items": [...]}'
        return
    for key in datum:
        if key not in ("field_name", "items"):
            yield (*place, str(key)[:100]), "extra_forbidden", "there are only field_name and items"
    for key in ("field_name", "items"):
        if key not in datum:
            yield (*place, key), "missing", "is missing"
    name = datum.get("field_name")
    if "field_name" in datum:
        if not isinstance(name, str) or name not in _FIELDS:
            yield (*place, "field_name"), "field_unknown", f"no field that can vary; these can: {', '.join(_FIELDS)}"
        elif name in seen:
            yield (*place, "field_name"), "field_twice", f"{name} has values in {seen[name]} already"
        else:
            seen[name] = f"data[{place[0]}][{place[1]}]"
    if "items" in datum:
        adapter = _FIELDS.get(name, _ANYTHING) if isinstance(name, str) else _ANYTHING
        yield from _wrong_items((*place, "items"), adapter, datum["items"])


def _wrong_items(place: tuple[int | str, ...], adapter: TypeAdapter[list[Any]], items: Any) -> Iterator[_Wrong]:
    at = 0
    while isinstance(items, list) and len(items) <= MAX_PICTURES and at < len(items):
        # In parts: whoever listens may have heard enough.
        for detail in _details(adapter, items[at : at + _PART]):
            index, *rest = detail["loc"]
            yield (*place, at + int(index), *rest), detail["type"], detail["msg"].removeprefix("Value error, ")
        at += _PART
    if not at:
        for detail in _details(adapter, items):
            yield (*place, *detail["loc"]), detail["type"], detail["msg"]


def _details(adapter: TypeAdapter[list[Any]], items: Any) -> Sequence[ErrorDetails]:
    try:
        adapter.validate_python(items)
    except ValidationError as error:
        return error.errors(include_url=False, include_context=False, include_input=False)
    return ()


def _length(datum: Any) -> int | None:
    items = datum.get("items") if isinstance(datum, dict) else None
    return len(items) if isinstance(items, list) and items else None


_ANYTHING: Final = _values(Any)
