"""Style presets as files: CSV for spreadsheets, both ways, and JSON in.

A cell that begins with `=`, `+`, `-`, `@` (also wide ones), a tab or a line break is a formula to a spreadsheet, and
prompts come from strangers. So an apostrophe is put before it, as OWASP advises, and reading takes it away again.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from invoke_host.api import FieldProblem, InvalidInput
from invoke_host.style_presets.schema import ImportRow

#: The first line of a file that is written. `positive_prompt` instead of `prompt` is read as well.
COLUMNS: Final = ("name", "prompt", "negative_prompt")

#: Most presets in one file.
MAX_ROWS: Final = 10_000

#: Most problems that are told one by one.
MAX_PROBLEMS: Final = 100

_READ: Final = frozenset({*COLUMNS, "positive_prompt"})
_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r\n]")


def csv_lines(rows: Iterable[Sequence[str]]) -> str:
    """These rows as CSV (RFC 4180), safe to open in a spreadsheet."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([_guarded(cell) for cell in row] for row in rows)
    return out.getvalue()


def presets_in(raw: bytes) -> list[ImportRow]:
    """The presets in a file: CSV with the header of COLUMNS, or a JSON list of objects with these keys.

    Raises:
        InvalidInput: at `("body", "file", row, field)` everything that is wrong. Rows of CSV are counted as in a
            spreadsheet (the header is row 1), entries of a JSON list from 0.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput([_problem(f"must be UTF-8 text; byte {error.start} is not", "string_unicode")]) from None
    problems: list[FieldProblem] = []
    found = _json_rows(text) if text.lstrip()[:1] in ("[", "{") else _csv_rows(text, problems)
    presets: list[ImportRow] = []
    for number, values in found:
        try:
            presets.append(ImportRow.model_validate(values))
        except ValidationError as error:
            problems += _row_problems(error, number)
    if problems:
        raise InvalidInput(_told(problems))
    return presets


def _json_rows(text: str) -> Iterator[tuple[int, Any]]:
    try:
        found = from_json(text)
    except ValueError as error:
        raise InvalidInput([_problem(f"is no JSON: {error}", "json_invalid")]) from None
    if not isinstance(found, list):
        raise InvalidInput([_problem("must be a JSON list of presets", "list_type")])
    if len(found) > MAX_ROWS:
        raise _too_long()
    yield from enumerate(found)


def _csv_rows(text: str, problems: list[FieldProblem]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    header: list[str] = []
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problems.append(_problem(f"line {reader.line_num} is no CSV: {error}", "csv_invalid", number))
            return
        if cells is None:
            if not header:
                raise InvalidInput([_problem("is empty", "missing")])
            return
        if number > MAX_ROWS + 1:
            raise _too_long()
        if not header:
            header = _header(cells)
        elif len(cells) == len(header):
            yield number, dict(zip(header, map(_unguarded, cells), strict=True))
        elif cells:  # a line without anything is no row
            text = f"has {len(cells)} cells, the header has {len(header)}"
            problems.append(_problem(text, "csv_columns", number))


def _header(cells: list[str]) -> list[str]:
    header = [cell.strip().lower() for cell in cells]
    has_prompts = len({"prompt", "positive_prompt"}.intersection(header)) == 1
    if len(set(header)) < len(header) or not _READ.issuperset(header) or "name" not in header or not has_prompts:
        shown = ",".join(cells)[:100]
        text = f"the first row must name the columns {', '.join(COLUMNS)}, separated by commas; it says {shown!r}"
        raise InvalidInput([_problem(text, "csv_header", 1)])
    return header


def _guarded(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _too_long() -> InvalidInput:
    return InvalidInput([_problem(f"has more than {MAX_ROWS} presets; split it", "too_long")])


def _problem(message: str, kind: str, *where: int | str) -> FieldProblem:
    return FieldProblem(("body", "file", *where), message, kind)


def _row_problems(error: ValidationError, number: int) -> Iterator[FieldProblem]:
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        yield _problem(detail["msg"], detail["type"], number, *detail["loc"])


def _told(problems: list[FieldProblem]) -> list[FieldProblem]:
    if len(problems) <= MAX_PROBLEMS:
        return problems
    rest = len(problems) - MAX_PROBLEMS
    return [*problems[:MAX_PROBLEMS], _problem(f"{rest} more problems are not shown", "too_many_problems")]
