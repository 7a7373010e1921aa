"""The commands `invoke-useradd`, `invoke-usermod`, `invoke-userdel` and `invoke-userlist`.

They are `invoke-host users add|mod|del|list` under the names that people and scripts know, with the root folder as an
option of their own. Exit codes are those names' too: 0 done, 1 refused or failed, 2 wrong usage.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from invoke_host import __version__
from invoke_host.cli.context import CliContext, default_root
from invoke_host.cli.ending import exit_code
from invoke_host.cli.errors import ExitCode, report


def useradd(arguments: Sequence[str] | None = None) -> int:
    """Run `invoke-useradd`; returns the exit code, and never raises."""
    return _run("invoke-useradd", "add", arguments)


def usermod(arguments: Sequence[str] | None = None) -> int:
    """Run `invoke-usermod`; returns the exit code, and never raises."""
    return _run("invoke-usermod", "mod", arguments)


def userdel(arguments: Sequence[str] | None = None) -> int:
    """Run `invoke-userdel`; returns the exit code, and never raises."""
    return _run("invoke-userdel", "del", arguments)


def userlist(arguments: Sequence[str] | None = None) -> int:
    """Run `invoke-userlist`; returns the exit code, and never raises."""
    return _run("invoke-userlist", "list", arguments)


def command_of(name: str, of_group: str) -> click.Command:
    """A command of `invoke-host users` under a name of its own, with the options that `invoke-host` has."""
    from invoke_host.cli.commands.users import users

    inner = users.commands[of_group]

    @click.pass_context
    def run(ctx: click.RichContext, /, root: Path | None, debug: bool, **options: Any) -> Any:
        ctx.obj = CliContext(root=(root or default_root()).expanduser(), debug=debug)
        return ctx.invoke(inner, **options)

    place = click.Path(file_okay=False, path_type=Path)
    help_of_root = "Folder that holds everything a host owns, as for `invoke-host`."
    own = [
        click.Option(["-r", "--root"], type=place, envvar="INVOKE_HOST_ROOT", show_envvar=True, help=help_of_root),
        click.Option(["--debug"], is_flag=True, help="Show a traceback when something fails."),
    ]
    settings = {"help_option_names": ["-h", "--help"]}
    command = click.RichCommand(
        name=name, context_settings=settings, callback=run, params=[*inner.params, *own], help=inner.help
    )
    version = click.version_option(__version__, prog_name=name, message="%(prog)s %(version)s")
    return version(command)


def _run(name: str, of_group: str, arguments: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)

    def failed(error: BaseException) -> int:
        return _code(error, report(error, debug="--debug" in words, show=_as_json if "--json" in words else None))

    return exit_code(command_of(name, of_group), words, name, failed)


def _code(error: BaseException, code: int) -> int:
    if isinstance(error, click.UsageError) or code == ExitCode.INTERRUPTED:
        return code
    return ExitCode.FAILED


def _as_json(message: str) -> None:
    click.echo(json.dumps({"error": message}, ensure_ascii=False), err=True)
