"""Whatever is wrong with the configuration, by whichever judge, is told at once, to the letter, by each command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Run

FILE = """\
[server]
port = "abc"
hots = "127.0.0.1"

[storage]
backend = "sqlit"

[auth]
providers = ["kerberos"]

[plugins]
load = ["model_emoji", "watermark"]

[plugins.sqlite]
synchronus = "full"

[plugins.acme]
"""

PROBLEMS = [
    'invoke-host.toml:2: server.port: expected an integer, got "abc"',
    "invoke-host.toml:3: server.hots: unknown key; did you mean `host`?",
    (
        "invoke-host.toml:6: storage.backend: plugin 'sqlit' is not installed; did you mean 'sqlite'? "
        "(installed: ldap, local, model_emoji, sqlite)"
    ),
    (
        "invoke-host.toml:9: auth.providers: plugin 'kerberos' is not installed "
        "(installed: ldap, local, model_emoji, none, sqlite)"
    ),
    (
        "invoke-host.toml:12: plugins.load: plugin 'watermark' is not installed "
        "(installed: ldap, local, model_emoji, sqlite)"
    ),
    "invoke-host.toml:15: plugins.sqlite.synchronus: unknown key; did you mean `synchronous`?",
]

WARNING = (
    "invoke-host.toml:17: [plugins.acme] has no effect, no plugin 'acme' is loaded; "
    "add it to [plugins] load, or remove the table"
)


@pytest.fixture(autouse=True)
def file(root: Path) -> Path:
    """A configuration that every judge finds something wrong with."""
    written = root / "invoke-host.toml"
    written.write_text(FILE)
    return written


def test_config_check_tells_all_problems_then_the_warnings_and_ends_with_1(run: Run) -> None:
    result = run("config", "check")
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines() == [*PROBLEMS, f"warning: {WARNING}", "6 problems"]


def test_config_check_as_json_has_all_problems_and_the_warnings(run: Run) -> None:
    result = run("config", "check", "--json")
    found = json.loads(result.out)
    assert (result.code, result.err, found["ok"]) == (1, "", False)
    assert ["{where}: {key}: {message}".format_map(each) for each in found["problems"]] == PROBLEMS
    assert found["warnings"] == [WARNING]


@pytest.mark.parametrize("words", [("serve",), ("plugins",), ("db", "status"), ("db", "check"), ("config", "show")])
def test_a_command_that_needs_the_configuration_tells_the_same_ends_with_2_and_leaves_the_root_as_it_is(
    run: Run, file: Path, words: tuple[str, ...]
) -> None:
    result = run(*words)
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines() == [f"error: {PROBLEMS[0]}", *PROBLEMS[1:], f"warning: {WARNING}"]
    assert list(file.parent.iterdir()) == [file]


def test_a_wrong_flag_of_serve_is_told_with_the_rest(run: Run) -> None:
    result = run("serve", "--port", "many")
    assert result.code == 2
    assert result.err.splitlines()[1:] == [
        *PROBLEMS[1:],
        'flag --port: server.port: expected an integer, got "many"',
        f"warning: {WARNING}",
    ]


def test_a_missing_login_and_a_wrong_option_are_told_in_one_go(run: Run, file: Path) -> None:
    file.write_text('[auth]\nproviders = ["kerberos"]\n[plugins.sqlite]\nsynchronus = "full"\n')
    keys = [line.split(": ")[1] for line in run("config", "check").err.splitlines()[:-1]]
    assert keys == ["auth.providers", "plugins.sqlite.synchronus"]


def test_warnings_are_told_beside_a_single_problem_of_a_plugin(run: Run, file: Path) -> None:
    file.write_text('[plugins.sqlite]\nsynchronus = "full"\n[plugins.acme]\n')
    told = run("config", "check").err.splitlines()
    assert [line.split(": ")[0] for line in told] == ["invoke-host.toml:2", "warning", "1 problem"]
