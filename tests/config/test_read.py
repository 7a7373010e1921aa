"""A configuration that is wrong in places: what is told, in which order, and what can still be said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_host.api import ConfigProblem
from invoke_host.config import LoadedConfig, joined, read
from invoke_host.config.problems import dotted, undotted


@pytest.fixture
def written(tmp_path: Path):
    def read_text(text: str, env: dict[str, str] | None = None) -> LoadedConfig:
        (tmp_path / "invoke-host.toml").write_text(text)
        return read(tmp_path, env=env or {})

    return read_text


def test_wrong_values_are_told_and_left_out_and_the_rest_is_kept(written) -> None:
    loaded = written('[server]\nport = "abc"\nhost = "::1"\n[auth]\nproviders = ["ldap", 5]\n')
    assert [str(each) for each in loaded.problems] == [
        'invoke-host.toml:2: server.port: expected an integer, got "abc"',
        "invoke-host.toml:5: auth.providers[1]: expected text, got 5",
    ]
    assert (loaded.config.server.host, loaded.config.server.port) == ("::1", 9090)
    assert loaded.sound("server.host", "storage.backend")
    assert not loaded.sound("server.port")
    assert not loaded.sound("auth.providers")
    assert not loaded.sound("server.host", "server.port")


def test_of_a_section_that_is_no_table_nothing_is_sound(written) -> None:
    loaded = written("storage = 5\n[plugins]\nacme = 3\n")
    assert not loaded.sound("storage.backend")
    assert not loaded.sound("plugins.acme")
    assert loaded.sound("plugins.load", "plugins.other")


def test_of_a_file_that_can_not_be_read_nothing_is_sound(written) -> None:
    assert not written("[server\n").sound("storage.backend")


def test_a_broken_rule_leaves_the_values_it_speaks_of_sound(written) -> None:
    loaded = written('[auth]\nproviders = ["none", "ldap"]\n')
    assert [each.key for each in loaded.problems] == ["auth.providers"]
    assert loaded.sound("auth.providers")


def test_an_unknown_key_of_any_spelling_spoils_nothing_else(written) -> None:
    loaded = written('"a.b [0] \\"x" = 1\n[storage]\nbackend = "acme"\n')
    assert len(loaded.problems) == 1
    assert (loaded.config.storage.backend, loaded.sound("storage.backend")) == ("acme", True)


@pytest.mark.parametrize("path", [("a", "b"), ("auth", "providers", 1), ("plugins", "a.b", 'x"]', 0), ("ü", "\\")])
def test_a_dotted_key_leads_back_to_its_path(path: tuple[str | int, ...]) -> None:
    assert undotted(dotted(path)) == path


def test_warnings_are_given_beside_problems(written, tmp_path: Path) -> None:
    (tmp_path / "invoke-host.toml").touch(0o644)
    loaded = written('zzz = 1\n[plugins.ldap]\nbind_password = "hunter2"\n')
    assert len(loaded.problems) == 1
    assert "invoke-host.toml:3: plugins.ldap.bind_password: other users" in loaded.warnings[0]


def test_problems_are_joined_in_the_order_of_the_file_then_variables_then_flags() -> None:
    places = [
        "flag --port",
        "invoke-host.toml:10",
        "environment INVOKE_HOST_X",
        "invoke-host.toml:9",
        "invoke-host.toml",
    ]
    problems = [ConfigProblem(place, "key", "message") for place in places]
    assert [each.where for each in joined(problems[:3], problems[2:])] == [
        "invoke-host.toml",
        "invoke-host.toml:9",
        "invoke-host.toml:10",
        "environment INVOKE_HOST_X",
        "flag --port",
    ]
