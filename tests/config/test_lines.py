"""The finder of lines, held against documents whose lines are known."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import tomli
from hypothesis import given
from hypothesis import strategies as st

from invoke_host.config.lines import Path, key_lines


@dataclass
class Writer:
    """Writes TOML and notes the line of everything it writes."""

    text: str = ""
    lines: dict[Path, int] = field(default_factory=dict)

    def add(self, text: str) -> None:
        self.text += text

    def mark(self, path: Path) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)


KEYS = st.one_of(
    st.text("abcXYZ019_-", min_size=1, max_size=5),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=5),
)
TRICKY = st.sampled_from(
    ["[x]", "a = 1", "]]", "}", "# no comment", '"', "'", "\\", '"""', "'''", ",", "\n", "é", "=", "."]
)
TEXTS = st.lists(
    TRICKY | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=4), max_size=6
)
SCALARS = st.one_of(
    st.integers(-(2**60), 2**60).map(str),
    st.sampled_from(
        ["true", "false", "1.5e3", "inf", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00", "07:32:00", "0x1F"]
    ),
)
GAPS = st.sampled_from([" ", "  ", "\n", "\n\n", " # a ] } , [ comment\n", "\t"])


@st.composite
def value_writers(draw: st.DrawFn, depth: int = 0) -> Any:
    """A function that writes one value at a path."""
    kinds = ["scalar", "basic", "literal", "multi", "multi_literal"] + (["list", "table"] if depth < 3 else [])
    kind = draw(st.sampled_from(kinds))
    if kind in ("list", "table"):
        children = draw(st.lists(value_writers(depth + 1), max_size=4))
        gaps = draw(st.lists(GAPS, min_size=2 * len(children) + 1, max_size=2 * len(children) + 1))
        names = draw(st.lists(KEYS, min_size=len(children), max_size=len(children), unique=True))
        return lambda out, path: _write_nested(out, path, kind, children, names, gaps)
    text = draw(SCALARS) if kind == "scalar" else _quoted(kind, "".join(draw(TEXTS)))
    return lambda out, path: out.add(text)


def _quoted(kind: str, text: str) -> str:
    if kind == "basic":
        return basic(text)
    if kind == "multi":
        return '"""\n' + text.replace("\\", "\\\\").replace('"""', '""\\"') + ' """'
    if kind == "multi_literal":
        return "'''" + text.replace("'''", "").rstrip("'") + "'''"
    return "'" + text.replace("'", "").replace("\n", "") + "'"


def basic(text: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write_nested(out: Writer, path: Path, kind: str, children: Any, names: list[str], gaps: list[str]) -> None:
    out.add("[" if kind == "list" else "{")
    for number, child in enumerate(children):
        out.add(gaps[2 * number])
        inner: Path = (*path, number) if kind == "list" else (*path, names[number])
        out.mark(inner)
        if kind == "table":
            out.add(f"{basic(names[number])} = ")
        child(out, inner)
        out.add(gaps[2 * number + 1])
        out.add("," if number + 1 < len(children) else "")
    out.add(gaps[-1] + ("]" if kind == "list" else "}"))


@st.composite
def documents(draw: st.DrawFn) -> Writer:
    """A document of plain tables and arrays of tables, with values of every kind."""
    out = Writer()
    out.add(draw(st.sampled_from(["", "\n", "# first\n\n"])))
    _pairs(draw, out, ())
    for name in draw(st.lists(st.text("abcdef", min_size=1, max_size=4), max_size=3, unique=True)):
        top = f"t-{name}"
        if draw(st.booleans()):
            out.mark((top,))
            out.add(f"[{top}] # table\n")
            _pairs(draw, out, (top,))
        else:
            for number in range(draw(st.integers(1, 3))):
                out.mark((top,))
                out.mark((top, number))
                out.add(f"[[ {top} ]]\n")
                _pairs(draw, out, (top, number))
                out.mark((top, number, "sub"))
                out.add(f'[{top}."sub"]\n')
                _pairs(draw, out, (top, number, "sub"))
    return out


def _pairs(draw: st.DrawFn, out: Writer, table: Path) -> None:
    for number, key in enumerate(draw(st.lists(KEYS, max_size=3, unique=True))):
        path: Path = (*table, f"k{number}")
        out.mark(path)
        if draw(st.booleans()):
            path = (*path, key)
            out.mark(path)
            out.add(f"k{number} . {basic(key)} = ")
        else:
            out.add(f"k{number}= ")
        draw(value_writers())(out, path)
        out.add(draw(st.sampled_from(["\n", " # [end]\n", "\n\n"])))


def paths(value: Any, path: Path = ()) -> set[Path]:
    """Every key and element of parsed TOML."""
    found: set[Path] = set()
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        found |= {(*path, key)} | paths(child, (*path, key))
    return found


@given(documents())
def test_every_key_and_element_of_any_document_is_found_on_the_line_where_it_was_written(document: Writer) -> None:
    parsed = tomli.loads(document.text)
    lines = key_lines(document.text)
    assert set(lines) == paths(parsed)
    assert dict(lines) == document.lines


def test_a_table_is_at_its_own_header_even_if_a_sub_table_came_first() -> None:
    assert key_lines("[a.b]\nx = 1\n[a]\ny = 2\n")[("a",)] == 3


def test_a_table_without_a_header_is_where_it_is_first_mentioned() -> None:
    lines = key_lines("\n[a.b]\nx = 1\n")
    assert lines[("a",)] == lines[("a", "b")] == 2


def test_keys_in_quotes_are_known_by_their_text() -> None:
    assert dict(key_lines("'a.b'.\"c\\u0064\" = 1")) == {("a.b",): 1, ("a.b", "cd"): 1}


def test_quotes_at_the_end_of_a_multi_line_string_belong_to_it() -> None:
    text = 'a = """x"""""\nb = \'\'\'y\'\'\'\'\nc = 1\n'
    assert tomli.loads(text)["c"] == 1
    assert key_lines(text)[("c",)] == 3


def test_a_backslash_before_quotes_in_a_multi_line_string_does_not_end_it() -> None:
    text = 'a = """\n\\"""\nb = 1 """\nc = 2\n'
    assert dict(key_lines(text)) == {("a",): 1, ("c",): 4}
