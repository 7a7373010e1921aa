"""What `config show` and `config docs` are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tomli
from pydantic import SecretStr

from invoke_host.api import PluginConfig, Secret
from invoke_host.config import HostConfig, LoadedConfig
from invoke_host.config.fields import leaves
from invoke_host.config.reference import reference
from invoke_host.config.show import settings

Load = Callable[..., LoadedConfig]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


class Options(PluginConfig):
    url: str = "postgresql://host:hunter2@db/host"
    key: Secret = Secret("hunter2")
    pin: SecretStr = SecretStr("hunter2")
    size: int = 5


def test_the_page_of_the_manual_is_what_the_schema_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: invoke-host config docs > docs/reference/configuration.md"
    )


def test_every_setting_is_documented_with_its_key_and_a_sentence() -> None:
    page = reference()
    for key, field in leaves(HostConfig):
        assert field.description, key
        assert field.description.endswith("."), key
        section, _, name = key.rpartition(".")
        assert f"| `{name}` |" in page.split(f"## `[{section}]`" if section else "## Top level")[1].split("## ")[0]


def test_the_example_of_the_page_is_a_valid_configuration(loaded: Load) -> None:
    example = reference().split("```toml\n")[1].split("```")[0]
    assert loaded(example).config.server.port == tomli.loads(example)["server"]["port"]


def test_every_setting_is_shown_with_value_and_origin(loaded: Load) -> None:
    rows = {row.key: row for row in settings(loaded("[server]\nport = 1\n"), {})}
    assert set(rows) == {key for key, _ in leaves(HostConfig)}
    assert (rows["server.port"].text(), rows["server.port"].origin) == ("1", "invoke-host.toml:2")
    assert (rows["server.public_url"].text(), rows["server.public_url"].origin) == ("(none)", "default")
    assert rows["access.policies"].text() == '["admin", "owner", "visibility", "grants", "tokens", "suspended"]'


def test_no_secret_is_shown_whatever_its_type_and_place(loaded: Load) -> None:
    text = '[plugins.acme]\nkey = "hunter2"\npin = "hunter2"\nurl = "x://u:hunter2@h"\npassword = "hunter2"\n'
    rows = {row.key: row.text() for row in settings(loaded(text), {"acme": Options})}
    assert "hunter2" not in str(rows)
    assert rows["plugins.acme.url"] == '"x://u:**********@h"'
    assert rows["plugins.acme.size"] == "5"


def test_defaults_that_are_secret_are_not_shown_either(loaded: Load) -> None:
    assert "hunter2" not in str([row.text() for row in settings(loaded(), {"acme": Options})])


def test_of_a_plugin_that_is_not_loaded_no_value_is_shown(loaded: Load) -> None:
    rows = {row.key: row.text() for row in settings(loaded('[plugins.acme]\nbind = "hunter2"\nn = 5\n'), {})}
    assert rows["plugins.acme.bind"] == rows["plugins.acme.n"] == '"**********"'


def test_the_file_that_a_secret_is_read_from_is_shown(loaded: Load) -> None:
    rows = {row.key: row for row in settings(loaded('[plugins.acme]\nkey = "file:k"\n'), {"acme": Options})}
    assert (rows["plugins.acme.key"].text(), rows["plugins.acme.key"].origin) == ('"file:k"', "invoke-host.toml:2")
