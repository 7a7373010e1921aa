"""Wrong configurations and, to the letter, what the operator is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Problems = Callable[..., list[str]]

BAD_FILES: dict[str, tuple[str, list[str]]] = {
    "text for a number": ('[server]\nport = "abc"\n', ['2: server.port: expected an integer, got "abc"']),
    "a number in quotes": ('[server]\nport = "9090"\n', ['2: server.port: expected an integer, got "9090"']),
    "a fraction for an integer": ("[server]\nport = 1.5\n", ["2: server.port: expected an integer, got 1.5"]),
    "a number for a yes or no": ("multiuser = 1\n", ["1: multiuser: expected true or false, got 1"]),
    "a number for a text": ("[server]\nhost = 1\n", ["2: server.host: expected text, got 1"]),
    "too large": ("[server]\nport = 65536\n", ["2: server.port: must be at most 65535, got 65536"]),
    "too small": ("[queue]\nlease_s = 1\n", ["2: queue.lease_s: must be at least 5, got 1"]),
    "an empty text": ('[server]\nhost = ""\n', ["2: server.host: must not be empty"]),
    "a value for a table": ("server = 3\n", ["1: server: expected a table, got 3"]),
    "a list for a table": ("[[server]]\nport = 1\n", ["1: server: expected a table, got a list"]),
    "a text for a list": ('[access]\npolicies = "admin"\n', ['2: access.policies: expected a list, got "admin"']),
    "a wrong element": (
        '[access]\npolicies = [\n  "admin", # ]\n  4,\n]\n',
        ["4: access.policies[1]: expected text, got 4"],
    ),
    "an element twice": ('[access]\npolicies = ["a", "a"]\n', ['2: access.policies: names "a" twice, got a list']),
    "an unknown choice": (
        '[logging]\nlevel = "inof"\n',
        ['2: logging.level: expected one of "debug", "info", "warning", "error", got "inof"; did you mean "info"?'],
    ),
    "a text for devices": (
        '[generation]\ndevices = "cpu"\n',
        ['2: generation.devices: expected "auto" or a list of device names such as ["cuda:0", "cpu"], got "cpu"'],
    ),
    "a wrong device": ("[generation]\ndevices = [1]\n", ["2: generation.devices[0]: expected text, got 1"]),
    "no URL": (
        '[server]\npublic_url = "example.org"\n',
        ['2: server.public_url: expected a URL such as https://pictures.example.org, got "example.org"'],
    ),
    "an unknown key with a neighbour": ("[server]\nprot = 1\n", ["2: server.prot: unknown key; did you mean `port`?"]),
    "an unknown key of another section": (
        "[logging]\nport = 1\n",
        ["2: logging.port: unknown key; did you mean `server.port`?"],
    ),
    "an unknown key like no other": (
        "[server]\nzzz = 1\n",
        ["2: server.zzz: unknown key; [server] takes host, port, public_url"],
    ),
    "an unknown table": ("[sever]\nport = 1\n", ["1: sever: unknown key; did you mean `server`?"]),
    "an unknown key of a nested table": (
        "[auth.none]\nallow_remot = true\n",
        ["2: auth.none.allow_remot: unknown key; did you mean `allow_remote`?"],
    ),
    "an unknown dotted key": ("server.prot = 1\n", ["1: server.prot: unknown key; did you mean `port`?"]),
    "a key with dots in it": ('"a.b" = 1\n', ['1: "a.b": unknown key; the file takes ']),
    "plugin options that are no table": ("[plugins]\nacme = 3\n", ["2: plugins.acme: expected a table, got 3"]),
    "no value": ("[server]\nport =\n", ["2: not valid TOML: Invalid value (column 7)"]),
    "a key twice": (
        "[server]\nport = 1\n\nport = 2\n",
        ["4: not valid TOML: Cannot overwrite a value (column 9)"],
    ),
    "a text without an end": ('a = "x\n', ["1: not valid TOML: Illegal character '\\n' (column 7)"]),
    "a secret in the wrong place": (
        '[server]\npassword = "hunter2"\n',
        ["2: server.password: unknown key; [server] takes host, port, public_url"],
    ),
    "no policy": (
        "[access]\npolicies = []\n",
        ["2: access.policies: names no policy, so nobody may do anything; leave it out for the usual ones"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_explained_with_line_key_and_remedy(problems: Problems, text: str, expected: list[str]) -> None:
    found = problems(text)
    assert len(found) == len(expected)
    for line, want in zip(found, expected, strict=True):
        assert line.startswith(f"invoke-host.toml:{want}")


def test_every_problem_of_file_environment_and_flags_is_told_at_once_in_reading_order(problems: Problems) -> None:
    text = '[server]\nport = "abc"\nhots = 1\n\n[logging]\nlevel = 3\n[queue]\nmax_size = 0\n'
    environment = {"INVOKE_HOST_EVENTS__KEEP": "many", "INVOKE_HOST_SERVER__PROT": "1"}
    assert problems(text, environment, generation__threads="few") == [
        'invoke-host.toml:2: server.port: expected an integer, got "abc"',
        "invoke-host.toml:3: server.hots: unknown key; did you mean `host`?",
        'invoke-host.toml:6: logging.level: expected one of "debug", "info", "warning", "error", got 3',
        "invoke-host.toml:8: queue.max_size: must be at least 1, got 0",
        "environment INVOKE_HOST_SERVER__PROT: unknown variable; did you mean `INVOKE_HOST_SERVER__PORT`?",
        'environment INVOKE_HOST_EVENTS__KEEP: events.keep: expected an integer, got "many"',
        'flag --threads: generation.threads: expected an integer, got "few"',
    ]


def test_a_wrong_value_in_the_file_is_told_even_where_a_flag_hides_it(problems: Problems) -> None:
    assert problems('[server]\nport = "abc"\n', server__port="8000") == [
        'invoke-host.toml:2: server.port: expected an integer, got "abc"'
    ]


def test_broken_rules_are_told_together_with_wrong_values(problems: Problems) -> None:
    found = problems('[server]\nhost = "0.0.0.0"\nport = "x"\n')
    assert [line.split(": ")[1] for line in found] == ["server.host", "server.port"]


def test_rules_that_rest_on_a_wrong_value_wait_for_it_to_be_mended(problems: Problems) -> None:
    assert problems("multiuser = true\n[auth]\nproviders = [3]\n") == [
        "invoke-host.toml:3: auth.providers[0]: expected text, got 3"
    ]


def test_long_values_are_cut(problems: Problems) -> None:
    (line,) = problems(f'[server]\nport = "{"x" * 500}"\n')
    assert len(line) < 140


@pytest.mark.parametrize(
    ("variable", "told"),
    {
        "INVOKE_HOST_SERVER": "server: is a table; set INVOKE_HOST_SERVER__KEY for one of its keys",
        "INVOKE_HOST_ZZZ": "unknown variable; see `invoke-host config docs`",
        "INVOKE_HOST_FAILPOIN": "unknown variable; did you mean `INVOKE_HOST_FAILPOINT`?",
        "INVOKE_HOST_SERVER__PORT__X": "unknown variable; did you mean `INVOKE_HOST_SERVER__PORT`?",
        "INVOKE_HOST_": "unknown variable; see `invoke-host config docs`",
        "INVOKE_HOST_PLUGINS__ACME": "unknown variable; did you mean `INVOKE_HOST_PLUGINS__LOAD`?",
    }.items(),
)
def test_a_wrong_variable_is_named(problems: Problems, variable: str, told: str) -> None:
    assert problems(env={variable: "1"}) == [f"environment {variable}: {told}"]


def test_variables_that_contradict_each_other_are_named(problems: Problems) -> None:
    environment = {"INVOKE_HOST_PLUGINS__ACME__SIZE": "1", "INVOKE_HOST_PLUGINS__ACME__SIZE__X": "2"}
    assert problems(env=environment) == [
        (
            "environment INVOKE_HOST_PLUGINS__ACME__SIZE__X: plugins.acme.size.x: contradicts environment "
            "INVOKE_HOST_PLUGINS__ACME__SIZE, which is no table"
        )
    ]


def test_a_file_that_is_no_text_is_refused_with_the_line(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "invoke-host.toml").write_bytes(b"# fine\n[server]\nhost = '\xff'\n")
    assert problems() == ["invoke-host.toml:3: not UTF-8 text; save the file as UTF-8"]


def test_windows_line_ends_change_no_line_number(problems: Problems) -> None:
    assert problems('[server]\r\n\r\nport = "x"\r\n') == [
        'invoke-host.toml:3: server.port: expected an integer, got "x"'
    ]


def test_a_version_of_the_schema_is_no_setting(problems: Problems, loaded: Callable[..., object]) -> None:
    """D30: a file without one starts, a file with one gets a line like any other unknown key."""
    loaded("multiuser = false\n")
    (line,) = problems('schema_version = "4.0.3"\n')
    assert "schema_version" in line
    assert "unknown key" in line
