"""`invoke-host config`."""

from __future__ import annotations

import json
from pathlib import Path

from invoke_host.config.reference import reference

from .conftest import Run


def test_check_of_an_empty_folder_finds_nothing(run: Run, root: Path) -> None:
    result = run("config", "check")
    assert (result.code, result.err) == (0, "")
    assert result.out == f"no file {root / 'invoke-host.toml'}, defaults: no problems\n"


def test_check_tells_every_problem_and_ends_with_1(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text('[server]\nport = "abc"\n\nhots = 1\n')
    result = run("config", "check")
    assert result.code == 1
    assert result.err.splitlines() == [
        'invoke-host.toml:2: server.port: expected an integer, got "abc"',
        "invoke-host.toml:4: server.hots: unknown key; did you mean `host`?",
        "2 problems",
    ]


def test_check_as_json_has_where_key_and_message(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text('[server]\nport = "abc"\n')
    result = run("config", "check", "--json")
    assert result.code == 1
    assert json.loads(result.out) == {
        "ok": False,
        "root": str(root),
        "problems": [
            {"where": "invoke-host.toml:2", "key": "server.port", "message": 'expected an integer, got "abc"'}
        ],
        "warnings": [],
    }


def test_check_names_a_plugin_that_is_not_installed_and_no_line_to_copy_for_a_strangers(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text('\n[plugins]\nload = ["watermark"]\n')
    result = run("config", "check")
    assert result.code == 1
    assert result.err.startswith("invoke-host.toml:3: plugins.load: plugin 'watermark' is not installed")
    assert "pip install" not in result.err


def test_check_names_the_login_that_is_not_installed(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text('[auth]\nproviders = ["no_such_login"]\n')
    result = run("config", "check")
    assert result.code == 1
    assert result.err.startswith("invoke-host.toml:2: auth.providers: plugin 'no_such_login' is not installed")


def test_check_judges_options_of_plugins_with_file_and_line(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text('[plugins.sqlite]\nsynchronus = "full"\nbusy_timeout_s = "long"\n')
    result = run("config", "check")
    assert result.code == 1
    assert result.err.splitlines()[:2] == [
        "invoke-host.toml:2: plugins.sqlite.synchronus: unknown key; did you mean `synchronous`?",
        'invoke-host.toml:3: plugins.sqlite.busy_timeout_s: expected a number, got "long"',
    ]


def test_check_warns_of_options_for_a_plugin_that_is_not_loaded(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text("\n[plugins.sqlit]\nx = 1\n")
    result = run("config", "check")
    assert result.code == 0
    assert result.err.startswith("warning: invoke-host.toml:2: ")
    assert "sqlit" in result.err


def test_show_tells_where_each_value_came_from(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text("[server]\nport = 8000\n")
    lines = run("config", "show").out.splitlines()
    assert lines[0].split() == ["KEY", "VALUE", "FROM"]
    assert ["server.port", "8000", "invoke-host.toml:2"] in [line.split() for line in lines]
    assert ["server.host", '"127.0.0.1"', "default"] in [line.split() for line in lines]
    assert ["plugins.sqlite.synchronous", '"full"', "default"] in [line.split() for line in lines]


def test_show_as_json_has_value_and_origin(run: Run) -> None:
    found = json.loads(run("config", "show", "--json").out)
    assert found["server.port"] == {"value": 9090, "origin": "default"}


def test_show_masks_secrets_even_of_a_plugin_that_is_missing(run: Run, root: Path) -> None:
    text = (
        '[plugins]\nload = ["watermark"]\n[plugins.watermark]\nkey = "hunter2"\n[plugins.acme]\npassword = "hunter2"\n'
    )
    (root / "invoke-host.toml").write_text(text)
    result = run("config", "show")
    assert result.code == 0
    assert "hunter2" not in result.out + result.err
    assert "'watermark' is not installed" in result.err


def test_show_of_a_wrong_configuration_tells_the_problems_and_ends_with_2(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text("zzz = 1\n")
    result = run("config", "show")
    assert (result.code, result.out) == (2, "")
    assert "invoke-host.toml:1: zzz: unknown key" in result.err


def test_docs_prints_the_page_of_the_manual(run: Run) -> None:
    assert run("config", "docs").out == reference()
