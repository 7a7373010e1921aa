"""The import contracts of pyproject.toml name every room there is, so that a new one is not forgotten."""

from __future__ import annotations

import ast
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
HOST = ROOT / "invoke_host"
PYPROJECT = tomli.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = {each["name"]: each for each in PYPROJECT["tool"]["importlinter"]["contracts"]}

#: What rooms below the slices may use; they are leaves, or hold the vocabulary.
SHARED = {"access", "api", "clock", "faults", "ids", "masking", "storage"}

#: Installed for what it ships or does, not for what it exports.
NOT_IMPORTED = {
    "click": "imported as rich_click, which hands all of it on; the lower bound is ours",
    "swagger-ui-bundle-v2": "two files that /docs serves are found in its folder",
}


def rooms() -> set[str]:
    """Every package and module right below `invoke_host`."""
    folders = {file.parent.name for file in HOST.glob("*/__init__.py")}
    return folders | {file.stem for file in HOST.glob("*.py") if not file.stem.startswith("__")}


@pytest.mark.parametrize(
    ("contract", "allowed"),
    [
        ("api imports nothing of the host", {"api"}),
        ("plugins import only the api and the testing kit", {"api", "testing"}),
        ("access and storage know no slice", SHARED),
    ],
)
def test_a_contract_forbids_every_room_that_it_does_not_allow(contract: str, allowed: set[str]) -> None:
    forbidden = {name.removeprefix("invoke_host.") for name in CONTRACTS[contract]["forbidden_modules"]}
    assert forbidden == rooms() - allowed


def test_every_plugin_of_this_tree_is_in_the_contracts() -> None:
    plugins = {path.parent.name for path in ROOT.glob("plugins/*/*/__init__.py") if path.parent.name != "tests"}
    plugins |= {path.stem for path in ROOT.glob("plugins/*/*.py")}
    assert set(PYPROJECT["tool"]["importlinter"]["root_packages"]) == {"invoke_host", *plugins}
    assert set(CONTRACTS["plugins import only the api and the testing kit"]["source_modules"]) == plugins
    assert set(CONTRACTS["the host never imports a plugin"]["forbidden_modules"]) == plugins


def test_every_slice_has_its_web_part_in_routes() -> None:
    allowed = CONTRACTS["slices reach the web only from their routes"]["allowed_importers"]
    assert allowed == ["invoke_host.**.routes", "invoke_host.compose", "invoke_host.testing"]
    # A package of routes is let in as a whole, so it may hold nothing but handlers.
    inside = [
        file for file in HOST.glob("**/routes/*.py") if any(name.startswith("sqlalchemy") for name in imports(file))
    ]
    assert not inside, "SQL belongs into a store"


def test_migrations_import_nothing_of_the_host() -> None:
    """MigrationContract asks the same of each lineage; this one also covers what lies beside the versions."""
    files = sorted((ROOT / "migrations").rglob("*.py"))
    assert files
    assert [(file.name, name) for file in files for name in imports(file) if name.split(".")[0] == "invoke_host"] == []


def test_every_library_that_the_host_asks_for_is_imported_by_it() -> None:
    used = {name.split(".")[0] for file in HOST.rglob("*.py") for name in imports(file)}
    known = packages_distributions()
    distributions = {canonicalize_name(name) for module in used for name in known.get(module, ())}
    asked = {canonicalize_name(Requirement(line).name) for line in PYPROJECT["project"]["dependencies"]}
    assert asked - distributions == set(NOT_IMPORTED)


def imports(file: Path) -> list[str]:
    """Full names of the modules that a file imports, anywhere in it."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module or "")
    return names
