"""docs/reference/testing.md names everything that the kit has."""

from __future__ import annotations

import ast
from pathlib import Path

from invoke_host.testing import contracts, plugin

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "testing.md").read_text()


def test_every_fixture_is_on_the_page() -> None:
    names = [
        node.name
        for node in ast.parse(Path(plugin.__file__).read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any("pytest.fixture" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert len(names) > 10
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_every_contract_suite_is_on_the_page() -> None:
    suites = [name for name in dir(contracts) if name.endswith("Contract")]
    assert suites
    assert [name for name in suites if f"| `{name}` |" not in PAGE] == []
