"""The reader that finds a member's exact text: agrees with other JSON readers, and loses not one byte."""

from __future__ import annotations

import json
import math
from functools import partial
from time import process_time
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from invoke_host.jsondepth import MAX_DEPTH
from invoke_host.workflows import rawjson
from invoke_host.workflows.rawjson import NotJsonError

NUMBERS = ["0", "-0", "1", "1.0", "1e5", "1E+5", "-1.50e-07", "12345678901234567890", "5e-324", "1e-999"]
BLANKS = st.text(alphabet=" \t\n\r", max_size=3)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)

INNER = partial(rawjson.members, readers={"nodes": rawjson.array})
REQUEST = partial(rawjson.members, readers={"workflow": INNER}, unique=True)


@st.composite
def written(draw: st.DrawFn, depth: int = 3) -> str:
    """JSON in all the ways in which one may write it: blanks, escapes, number spellings, names that come twice."""
    kinds = ["text", "number", "word"] + (["array", "object"] if depth else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "text":
        return draw(strings())
    if kind == "number":
        return draw(st.sampled_from(NUMBERS))
    if kind == "word":
        return draw(st.sampled_from(["true", "false", "null"]))
    gap = partial(draw, BLANKS)
    if kind == "array":
        items = draw(st.lists(written(depth=depth - 1), max_size=4))
        return "[" + ",".join(f"{gap()}{item}{gap()}" for item in items) + ("" if items else gap()) + "]"
    names = draw(st.lists(st.just('"nodes"') | strings(), max_size=4))
    items = [f"{gap()}{name}{gap()}:{gap()}{draw(written(depth=depth - 1))}{gap()}" for name in names]
    return "{" + ",".join(items) + ("" if items else gap()) + "}"


@st.composite
def strings(draw: st.DrawFn) -> str:
    def one(letter: str) -> str:
        plain, escaped = json.dumps(letter, ensure_ascii=False)[1:-1], json.dumps(letter)[1:-1]
        units = letter.encode("utf-16-be").hex()
        coded = "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
        return draw(st.sampled_from([plain, escaped, coded, coded.upper().replace("\\U", "\\u")]))

    return '"' + "".join(one(letter) for letter in draw(TEXTS)) + '"'


@given(written(), st.lists(st.tuples(strings(), written(depth=1)), max_size=3), st.integers(0, 3), st.data())
@settings(max_examples=300, deadline=None)
def test_the_text_of_a_member_is_found_to_the_byte(
    text: str, others: list[tuple[str, str]], place: int, data: st.DataObject
) -> None:
    names = {"workflow"}
    around: list[tuple[str, str]] = []
    for name, each in others:
        if (plain := json.loads(name)) not in names:
            names.add(plain)
            around.append((name, each))
    around.insert(min(place, len(around)), ('"workflow"', text))
    gap = partial(data.draw, BLANKS)
    whole = "{" + ",".join(f"{gap()}{name}{gap()}:{gap()}{each}{gap()}" for name, each in around) + "}" + gap()

    body = rawjson.document(rawjson.decode(whole.encode()), REQUEST)

    member = body["workflow"]
    assert whole[member.start : member.end] == text
    assert set(body) == names
    assert plain_of(member.value) == json.loads(text, parse_int=float)


def plain_of(value: Any) -> Any:
    """What `members` returns, without the places."""
    if isinstance(value, dict) and all(isinstance(each, rawjson.Member) for each in value.values()):
        return {name: each.value for name, each in value.items()}
    return value


@given(
    written(), st.integers(0, 400), st.sampled_from([*'"\\{}[],:', "", "u", "1", ".", "e", "-", "\x01", "\n", "\ud83d"])
)
@settings(max_examples=500, deadline=None)
@example('{"a" 1}', 0, "{")
def test_a_damaged_text_is_refused_as_other_readers_refuse_it(text: str, place: int, put: str) -> None:
    """Whatever this reader takes, the strictest other one takes too, with the same values."""
    place = min(place, len(text))
    raw = (text[:place] + put + text[place + 1 :]).encode("utf-8", "surrogatepass")
    try:
        value = plain_of(rawjson.document(rawjson.decode(raw), INNER))
    except NotJsonError:
        with pytest.raises(ValueError):
            strict(raw)
        return
    assert value == strict(raw)
    orjson.loads(raw)


def strict(raw: bytes) -> Any:
    """Python's own reader, told to refuse what other readers refuse: constants, infinite numbers, lone surrogates."""

    def number(text: str) -> float:
        if math.isinf(float(text)):
            raise ValueError(text)
        return float(text)

    def whole(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        json.dumps(pairs, ensure_ascii=False).encode("utf-8")  # also those that a later one of the same name replaces
        return dict(pairs)

    found = json.loads(
        raw.decode("utf-8"), parse_int=number, parse_float=number, parse_constant=number, object_pairs_hook=whole
    )
    json.dumps(found, ensure_ascii=False).encode("utf-8")
    return found


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b'{"a"',
        b'{"a":',
        b'{"a":1',
        b'{"a":1,',
        b'{"a":1,}',
        b'{,"a":1}',
        b"{a:1}",
        b"{'a':1}",
        b'{"a":1} {}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":1.}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"a":"\\ud83d\\\\ude00"}',
        b'{"\\uDBFF":1}',
        b'{"a":"\x00"}',
        b'{"a":"\n"}',
        b'{"a":"\\x"}',
        b'{"a":"\\u12"}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":1}\x00',
        b'{\xc2\xa0"a":1}',
        b'{"a":tru}',
        b'{"a":1 /* no */}',
    ],
)
def test_what_not_every_reader_takes_is_refused(raw: bytes) -> None:
    with pytest.raises(NotJsonError):
        rawjson.document(rawjson.decode(raw), REQUEST)


@pytest.mark.parametrize(
    "text", ['"\\ud83d\\ude00"', '"\\\\ud800"', '"\\\\\\ud83d\\uDE00"', '"\\u0000"', '"\\u007f"', '"😀"']
)
def test_escapes_that_every_reader_takes_are_taken(text: str) -> None:
    assert rawjson.document(rawjson.decode(text.encode()), rawjson.value) == orjson.loads(text)


def test_nesting_ends_at_its_limit_and_brackets_in_texts_are_no_nesting() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert rawjson.document(rawjson.decode(deep.encode()), rawjson.value) == json.loads(deep)
    with pytest.raises(NotJsonError, match="nested deeper than 100 levels"):
        rawjson.decode(f"[{deep}]".encode())
    rawjson.decode(json.dumps(["[{" * 500, '\\"[' * 500]).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'"' + b'\\"' * 500_000,
        b'\\"' * 500_000,
        b'"' * 1_000_001,
        b"\\ud83d" * 100_000,
    ],
    ids=lambda raw: repr(raw[:8]),
)
def test_no_text_takes_long_to_refuse(raw: bytes) -> None:
    started = process_time()
    with pytest.raises(NotJsonError):
        rawjson.document(rawjson.decode(raw), REQUEST)
    assert process_time() - started < 2


def test_a_name_that_comes_twice_in_the_request_is_refused_and_kept_further_in() -> None:
    with pytest.raises(NotJsonError, match="'workflow' is there twice"):
        rawjson.document('{"workflow":1,"\\u0077orkflow":2}', REQUEST)
    body = rawjson.document('{"workflow":{"a":1,"a":2}}', REQUEST)
    assert plain_of(body["workflow"].value) == {"a": 2}
