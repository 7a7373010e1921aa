"""Every case of the security list that concerns accounts is named by a test module that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

#: D-ids: what clients of the older system had to live with.
IDS = (
    "S-D1", "S-D3", "S-D4", "S-D5", "S-D8", "S-D9", "S-D10", "S-E4", "S-E5", "S-E6", "S-E7", "S-E9", "S-E10", "S-F1",
    "S-F2", "S-F3", "S-F4", "S-F5", "S-F6", "S-F7", "S-F8", "D5", "D6", "D9", "D19", "D20", "D25", "D27", "D29",
)  # fmt: skip


@pytest.fixture(scope="module")
def words() -> set[str]:
    files = [file for file in TESTS.rglob("test_*.py") if file != Path(__file__)]
    return {word for file in files for word in re.findall(r"\b(?:S-)?[DEF]\d+\b", file.read_text())}


@pytest.mark.parametrize("case", IDS)
def test_a_test_module_names_the_case(case: str, words: set[str]) -> None:
    assert case in words, f"no test module says that it covers {case}"
