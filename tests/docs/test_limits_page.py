"""docs/reference/limits.md names every limit, every route and every key of a report."""

from __future__ import annotations

import re
from pathlib import Path

from invoke_host.limits.names import LIMITS
from invoke_host.limits.routes import ROUTES
from invoke_host.limits.schema import UsageDTO, UseDTO

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "limits.md").read_text()


def first_column(section: str) -> set[str]:
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]*)`", row)}


def test_the_limits_on_the_page_are_those_that_there_are() -> None:
    assert first_column(PAGE.partition("## Names")[2].partition("\n## ")[0]) == set(LIMITS)


def test_the_routes_on_the_page_are_those_of_the_table() -> None:
    section = PAGE.partition("## Routes")[2].partition("```")[0]
    assert first_column(section) == {f"{route.method} {route.path.removeprefix('/api/v1')}" for route in ROUTES}


def test_the_keys_of_a_report_are_on_the_page() -> None:
    section = PAGE.partition("| key of `GET /me/usage`")[2]
    assert first_column(section) == set(UsageDTO.model_fields)
    assert set(UseDTO.model_fields) <= set(re.findall(r"`(\w+)`", section))
