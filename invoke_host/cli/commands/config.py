"""`invoke-host config`: judge, show and document the configuration."""

from __future__ import annotations

import rich_click as click

from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.errors import ExitCode
from invoke_host.cli.output import json_option, print_json, print_table


@click.group()
def config() -> None:
    """Check, show and document the configuration."""


@config.command()
@json_option
@pass_cli
def check(cli: CliContext, as_json: bool) -> int:
    """Tell everything that is wrong with file, environment and plugin options; exit code 1 if anything is."""
    from invoke_host.cli.registry import judge

    loaded = cli.read()
    judgement = judge(loaded)
    problems, warnings = judgement.problems, judgement.warnings
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
    from invoke_host.cli.registry import judge
    from invoke_host.config.show import settings

    loaded = cli.read()
    judgement = judge(loaded)
    if loaded.problems:
        raise judgement.error()
    schemas = {}
    if judgement.registry is None:
        click.echo(f"warning: plugins can't be loaded, so their options are masked\n{judgement.error()}", err=True)
    else:
        schemas = {each.name: each.manifest.config for each in judgement.registry.plugins if each.name != "builtin"}
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
