"""The pages about directories: their configurations are good, and the options on the page are those that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import tomli
from invoke_auth_ldap import LdapOptions
from invoke_auth_ldap.presets import PRESETS
from pydantic_core import PydanticUndefined

from invoke_host.api import Secret

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "multiuser" / "directory.md", *sorted((DOCS / "howto").glob("directory-*.md"))]
REFERENCE = (DOCS / "reference" / "ldap.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_configurations_of_the_page_are_what_the_plugin_takes(page: Path) -> None:
    tables = [tomli.loads(source) for source in re.findall(r"(?ms)^```toml\n(.*?)^```", page.read_text())]
    options = [table["plugins"]["ldap"] for table in tables if "plugins" in table]
    assert options
    for each in options:
        LdapOptions.model_validate({**each, "service_password": Secret("x")})


def test_there_is_a_page_for_each_preset() -> None:
    assert {page.stem.removeprefix("directory-") for page in PAGES[1:]} == set(PRESETS)


def test_every_option_is_in_the_table_with_its_default_and_no_other() -> None:
    section = REFERENCE.partition("## Options")[2].partition("\n## ")[0]
    rows = {name: cell.strip() for name, cell in re.findall(r"(?m)^\| `(\w+)` \|(.*?)\| ", section)}
    assert list(rows) == list(LdapOptions.model_fields)
    for name, field in LdapOptions.model_fields.items():
        default = field.default
        if default is PydanticUndefined:
            assert rows[name] == ""
        elif default is None:
            assert "`" not in rows[name] or rows[name] in ("`base`", "by `servers`")
        else:
            shown = list(default) if isinstance(default, tuple) else default
            shown = dict(shown) if isinstance(shown, Mapping) else shown
            assert rows[name] == f"`{json.dumps(shown)}`", name


def test_the_presets_on_the_page_are_those_of_the_plugin() -> None:
    lines = [
        line.split("|")[1:-1] for line in REFERENCE.partition("## Presets")[2].splitlines() if line.startswith("|")
    ]
    names = [cell.strip().strip("`") for cell in lines[0][1:]]
    assert names == list(PRESETS)
    for line in lines[2:]:
        option, *values = (cell.strip().strip("`") for cell in line)
        default = LdapOptions.model_fields[option].default
        assert values == [PRESETS[name].get(option, default) for name in names]
