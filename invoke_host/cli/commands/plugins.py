"""`invoke-host plugins`: what is installed and what of it is used."""

from __future__ import annotations

import rich_click as click

from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.output import json_option, print_json, print_table


@click.command()
@json_option
@pass_cli
def plugins(cli: CliContext, as_json: bool) -> None:
    """List plugins: those the configuration loads, in call order, then others that are installed."""
    from invoke_host.cli.registry import load_registry
    from invoke_host.plugins import report

    found = report(load_registry(cli.read()))
    if as_json:
        print_json([each.to_dict() for each in found])
        return
    columns = ["name", "state", "version", "distribution", "api", "provides", "hooks"]
    print_table(
        columns,
        [
            (
                each.name,
                each.state,
                each.version,
                each.distribution,
                each.api,
                ", ".join(each.provides),
                ", ".join(each.hooks),
            )
            for each in found
        ],
    )
