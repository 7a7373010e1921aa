"""Help that comes at once, and errors that explain themselves."""

from __future__ import annotations

import json
import os
import re
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import invoke_host
from invoke_host.cli.context import default_root
from invoke_host.cli.errors import ExitCode
from invoke_host.cli.main import COMMANDS

from .conftest import Run

HEAVY = {"aiohttp", "alembic", "invoke_host.api", "pluggy", "pydantic", "pydantic_settings", "sqlalchemy", "structlog"}

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def imported(*words: str) -> set[str]:
    """The modules that a command line imports, without running it in this process."""
    program = (
        "import sys, json; from invoke_host.cli.main import main; "
        f"code = main({list(words)!r}); print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    code, modules = json.loads(ended.stderr.splitlines()[-1])
    assert code == 0
    return set(modules)


@pytest.mark.parametrize("words", [(), *[(name,) for name in COMMANDS]], ids=lambda words: "".join(words) or "group")
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    assert not imported(*words, "--help") & HEAVY


def test_the_list_of_heavy_modules_is_not_out_of_date() -> None:
    assert imported("config", "show") >= {"pydantic", "pydantic_settings", "invoke_host.api", "sqlalchemy"}


def test_help_is_there_in_well_under_half_a_second() -> None:
    """Of the processor's time: what others take of it is not the command's."""
    command = [sys.executable, "-m", "invoke_host", "--help"]
    times = []
    for _ in range(5):
        before = processor_s()
        subprocess.run(command, capture_output=True, check=True)
        times.append(processor_s() - before)
    assert statistics.median(times) < 0.5


def processor_s() -> float:
    """What programs that were started here have used, as far as they have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_a_section_in_the_manual(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.code == 0
    assert f"## `invoke-host {name}" in REFERENCE.read_text(encoding="utf-8")


def test_every_option_and_subcommand_is_in_the_manual() -> None:
    import rich_click as click

    from invoke_host.cli.main import cli

    page = REFERENCE.read_text(encoding="utf-8")
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        section = re.split(r"^## ", page.split(f"## `invoke-host {name}")[1], flags=re.MULTILINE)[0]
        inner = list(command.commands.values()) if isinstance(command, click.Group) else []
        for each in [command, *inner]:
            assert each is command or f"`{each.name}" in section
            for parameter in each.params:
                if isinstance(parameter, click.Option):
                    assert f"`{parameter.opts[0]}" in section, (name, parameter.opts)


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").out == f"invoke-host {invoke_host.__version__}\n"


def test_wrong_usage_is_one_line_with_a_way_on_and_code_2(run: Run) -> None:
    result = run("queue", "cancel", "--frob")
    assert (result.code, result.out) == (ExitCode.USAGE, "")
    assert result.err == "error: No such option '--frob'.\ntry: invoke-host queue cancel --help\n"


def test_an_unknown_command_is_wrong_usage(run: Run) -> None:
    result = run("frob")
    assert result.code == ExitCode.USAGE
    assert "No such command 'frob'" in result.err


def test_a_wrong_configuration_is_told_without_a_traceback(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text('[server]\nport = "abc"\nhots = 1\n')
    result = run("serve")
    assert result.code == ExitCode.USAGE
    assert result.err == (
        'error: invoke-host.toml:2: server.port: expected an integer, got "abc"\n'
        "invoke-host.toml:3: server.hots: unknown key; did you mean `host`?\n"
    )


def test_a_wrong_flag_is_named(run: Run) -> None:
    result = run("serve", "--port", "abc", "--host", "0.0.0.0")
    assert result.code == ExitCode.USAGE
    assert 'flag --port: server.port: expected an integer, got "abc"' in result.err
    assert "flag --host: server.host: " in result.err


def test_debug_adds_the_traceback(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text("zzz = 1\n")
    result = run("--debug", "config", "show")
    assert "Traceback" in result.err
    assert "invoke-host.toml:1: zzz: unknown key" in result.err


def test_a_fault_of_ours_says_so_and_hides_the_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr("invoke_host.config.reference.reference", broken)
    result = run("config", "docs")
    assert result.code == ExitCode.FAILED
    assert result.err.startswith("error: RuntimeError: the sky fell\nThis is a fault in invoke-host.")
    assert "Traceback" not in result.err


def test_ctrl_c_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("invoke_host.config.reference.reference", interrupted)
    assert run("config", "docs").code == ExitCode.INTERRUPTED


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m invoke_host config docs | head -1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "# Configuration\n", "")


def test_the_module_can_be_run_and_passes_the_exit_code_on() -> None:
    ended = subprocess.run([sys.executable, "-m", "invoke_host", "frob"], capture_output=True, check=False)
    assert ended.returncode == ExitCode.USAGE


def test_var_is_the_root_where_a_host_lives_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_root() == tmp_path / "data" / "invoke-host"
    (tmp_path / "var").mkdir()
    assert default_root() == tmp_path / "data" / "invoke-host"
    (tmp_path / "var" / "invoke-host.toml").touch()
    assert default_root() == Path("var")


def test_without_a_terminal_nothing_is_coloured() -> None:
    environment = {**os.environ, "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "invoke_host", "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "\x1b" not in ended.stdout


def test_the_help_names_every_command(run: Run) -> None:
    text = run("--help").out
    assert all(name in text for name in COMMANDS)
