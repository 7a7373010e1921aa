"""`invoke-host config`: judge, show and document the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import rich_click as click

from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.errors import ExitCode
from invoke_host.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from invoke_host.api import ConfigProblem, StartupError
    from invoke_host.config import LoadedConfig
    from invoke_host.plugins import PluginRegistry


@click.group()
def config() -> None:
    """Check, show and document the configuration."""


@config.command()
@json_option
@pass_cli
def check(cli: CliContext, as_json: bool) -> int:
    """Tell everything that is wrong with file, environment and plugin options; exit code 1 if anything is."""
    from invoke_host.api import StartupError

    problems: Sequence[ConfigProblem] = ()
    warnings: list[str] = []
    try:
        loaded = cli.load()
        warnings = [*loaded.warnings, *_registry(loaded).warnings]
    except StartupError as error:
        problems = _problems(error)
    if as_json:
        found = [{"where": each.where, "key": each.key, "message": each.message} for each in problems]
        print_json({"ok": not problems, "root": str(cli.root), "problems": found, "warnings": warnings})
        return ExitCode.FAILED if problems else ExitCode.OK
    for problem in problems:
        click.echo(str(problem), err=True)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if problems:
        click.echo(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}", err=True)
        return ExitCode.FAILED
    click.echo(f"{loaded.file if loaded.file.exists() else f'no file {loaded.file}, defaults'}: no problems")
    return ExitCode.OK


@config.command()
@json_option
@pass_cli
def show(cli: CliContext, as_json: bool) -> int:
    """Show the values in force and where each came from; secrets are masked."""
    from invoke_host.api import StartupError
    from invoke_host.config.show import settings

    loaded = cli.load()
    try:
        schemas = {each.name: each.manifest.config for each in _registry(loaded).plugins if each.name != "builtin"}
    except StartupError as error:
        click.echo(f"warning: plugins can't be loaded, so their options are masked\n{error}", err=True)
        schemas = {}
    rows = list(settings(loaded, schemas))
    if as_json:
        print_json({each.key: {"value": each.value, "origin": each.origin} for each in rows})
    else:
        print_table(["key", "value", "from"], [(each.key, each.text(), each.origin) for each in rows])
    return ExitCode.OK


@config.command()
def docs() -> None:
    """Print the reference of all settings as Markdown."""
    from invoke_host.config.reference import reference

    click.echo(reference(), nl=False)


def _registry(loaded: LoadedConfig) -> PluginRegistry:
    from invoke_host.cli.registry import load_registry

    return load_registry(loaded)


def _problems(error: StartupError) -> Sequence[ConfigProblem]:
    from invoke_host.api import ConfigError, ConfigProblem, PluginError

    if isinstance(error, ConfigError):
        return error.problems
    return (ConfigProblem("plugins" if isinstance(error, PluginError) else "configuration", "", str(error)),)
