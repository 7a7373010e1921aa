"""Every cell of the matrix that is about boards, images and what people publish, over HTTP in both modes.

matrix.txt is the committed truth. A cell is the status; instead of 200 it is `in` or `out` where the answer is looked
through for the thing, and `done` or `left` where what is not permitted is left out of what several are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .accounts import Team, add
from .matrix_asking import OPERATIONS
from .matrix_scenes import COLUMNS, People, Scene
from .process import NO_DEVICES, start

TABLE = Path(__file__).parent / "matrix.txt"

#: What knows no sharing, or no roles: these columns would say the same as `private`.
_PUBLISHED = ("workflow", "system prompt", "style preset")
_WITHOUT_ROLES = ("shared", "viewer", "contributor", "editor")


def cells() -> Iterator[tuple[str, str, str]]:
    """Operation, column and what the table says."""
    for line in TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            operation, said = line[:28].strip(), line[28:].split()
            yield from ((operation, column, cell) for column, cell in zip(COLUMNS, said, strict=True) if cell != ".")


@pytest.fixture(scope="module")
def people(team: Team, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    single = start(tmp_path_factory.mktemp("single") / "root", NO_DEVICES)
    try:
        yield People(team, add(team.admin, "owner"), add(team.admin, "other"), single.client)
        assert "Traceback" not in single.log
    finally:
        single.end()


@pytest.mark.parametrize(("operation", "column", "expected"), list(cells()))
def test_a_cell_of_the_matrix(people: People, operation: str, column: str, expected: str) -> None:
    assert OPERATIONS[operation](Scene(people, column)) == expected


def test_the_table_has_every_operation() -> None:
    assert {operation for operation, _, _ in cells()} == set(OPERATIONS)
    without = {column for operation, column, _ in cells() if operation.startswith(_PUBLISHED)}
    assert without == set(COLUMNS) - set(_WITHOUT_ROLES)
