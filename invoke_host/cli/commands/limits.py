"""`invoke-host limits` and `invoke-host usage`: caps, quotas and shares, with or without a running host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import rich_click as click

from invoke_host.cli.accounts import opened
from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.errors import CliError
from invoke_host.cli.output import json_option, print_json
from invoke_host.cli.users.showing import say, say_done

_CHANGED = "A running host applies this to the next request and to the next item that starts."

Command = Callable[..., None]


def _whose(command: Command) -> Command:
    """The options that say whose limits are meant."""
    for option in (
        click.option("--group", metavar="NAME", help="Limits of a group: what each of its members may."),
        click.option("--user", metavar="EMAIL", help="A user's own limits; `system` is the user of single-user mode."),
        click.option("--everyone", is_flag=True, help="What holds for those for whom nothing else is said."),
        click.option("--together", is_flag=True, help="With --group: what all of its members may together."),
    ):
        command = option(command)
    return command


@click.group()
def limits() -> None:
    """See and set what users may use: caps, quotas and shares of device time."""


@limits.command("list")
@json_option
@pass_cli
def list_limits(cli: CliContext, as_json: bool) -> None:
    """Show all limits that are set."""
    from invoke_host.cli.limiting import say_limits, service
    from invoke_host.limits.schema import all_dto

    with opened(cli) as accounts:
        found = accounts.run(service(accounts).everything())
    if as_json:
        print_json(all_dto(found))
    else:
        say_limits(found)


@limits.command("set")
@_whose
@click.argument("values", nargs=-1, required=True, metavar="LIMIT=VALUE...")
@json_option
@pass_cli
def set_limits(cli: CliContext, /, values: Sequence[str], as_json: bool, **whose: Any) -> None:
    """Set limits, such as `images_per_day=200`; `none` says that there is no such limit, whatever others say."""
    from invoke_host.cli.limiting import parsed, service, subject_of
    from invoke_host.limits.schema import rules_dto
    from invoke_host.limits.values import Change

    scope = _scope(**whose)
    given = parsed(values, scope)
    change = Change(given, {}) if scope == "each" else Change({}, given)
    with opened(cli) as accounts:
        subject = subject_of(accounts, whose["everyone"], whose["group"], whose["user"])
        rules = accounts.run(service(accounts).change(subject, change, accounts.origin))
    if as_json:
        print_json(rules_dto(rules))
    else:
        say_done(f"Set for {rules.name or 'everyone'}: {', '.join(values)}")
        say(_CHANGED)


@limits.command("unset")
@_whose
@click.argument("names", nargs=-1, required=True, metavar="LIMIT...")
@json_option
@pass_cli
def unset_limits(cli: CliContext, /, names: Sequence[str], as_json: bool, **whose: Any) -> None:
    """Take limits back, so that what holds without them holds again."""
    from invoke_host.cli.limiting import service, subject_of
    from invoke_host.limits.schema import rules_dto

    scope = _scope(**whose)
    with opened(cli) as accounts:
        subject = subject_of(accounts, whose["everyone"], whose["group"], whose["user"])
        rules = accounts.run(service(accounts).remove(subject, scope, names, accounts.origin))
    if as_json:
        print_json(rules_dto(rules))
    else:
        say_done(f"Not set any more for {rules.name or 'everyone'}: {', '.join(names)}")
        say(_CHANGED)


@click.command()
@click.option("--user", metavar="EMAIL", help="All about one user: what is used of each limit, and the last days.")
@json_option
@pass_cli
def usage(cli: CliContext, user: str | None, as_json: bool) -> None:
    """Show what users have used: images and device time, today and this month (UTC)."""
    from invoke_host.cli.limiting import everybody, say_everybody, say_usage, service
    from invoke_host.cli.users.finding import person
    from invoke_host.limits.schema import line_dto, usage_dto

    with opened(cli) as accounts:
        if user is None:
            lines = everybody(accounts)
            if as_json:
                print_json([line_dto(line) for line in lines])
            else:
                say_everybody(lines)
            return
        report = accounts.run(service(accounts).usage(person(accounts, user).id))
    if as_json:
        print_json(usage_dto(report))
    else:
        say_usage(report)


def _scope(everyone: bool, group: str | None, user: str | None, together: bool) -> Literal["each", "together"]:
    """Which values are meant. Raises CliError unless exactly one is named whose limits they are."""
    if sum((everyone, group is not None, user is not None)) != 1:
        raise CliError("say whose limits: one of --everyone, --group NAME and --user EMAIL")
    if together and group is None:
        raise CliError("--together goes with --group: only groups have limits together")
    return "together" if together else "each"
