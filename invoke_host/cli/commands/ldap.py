"""`invoke-host ldap`: look at the connection to the company directory, with or without a running host."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import rich_click as click

from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.errors import CliError, ExitCode
from invoke_host.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from invoke_host.api import AuthProvider, Finding, Secret

#: The name of the plugin, as the configuration knows it. The host itself knows nothing of directories.
_PROVIDER = "ldap"


@click.group()
def ldap() -> None:
    """Look at the connection to the company directory."""


@ldap.command()
@click.option("--user", metavar="NAME", help="Walk through the login of somebody of that name.")
@click.option(
    "--password-stdin", is_flag=True, help="Try the password on the first line of standard input as that person's."
)
@json_option
@pass_cli
def check(cli: CliContext, user: str | None, password_stdin: bool, as_json: bool) -> None:
    """Walk through everything that a login takes, and print what each stage found. Never prints a secret.

    Without --user: the servers, their certificates, the service account, the place where people are. With it: the entry
    that is found, its id, its groups, and what the person may do here.
    """
    from invoke_host.api import Secret
    from invoke_host.cli.asking import password_from_stdin

    if password_stdin and user is None:
        raise click.UsageError("--password-stdin needs --user NAME")
    typed = password_from_stdin() if password_stdin else None
    if password_stdin and typed is None:
        typed = click.prompt("Password", hide_input=True, err=True)
    password = None if typed is None else Secret(typed)
    found = asyncio.run(_diagnose(_provider(cli), user, password))
    _show(found, as_json)
    if any(each.ok is False for each in found):
        raise SystemExit(int(ExitCode.FAILED))


def _provider(cli: CliContext) -> AuthProvider:
    from invoke_host.cli.registry import load_registry
    from invoke_host.ops.logging import setup_logging
    from invoke_host.plugins import HostServices, Offers

    loaded = cli.read()
    registry = load_registry(loaded)
    log = setup_logging("error", loaded.config.logging.format)  # what is wrong is in the findings
    providers = Offers(registry, HostServices(loaded.root, log)).providers()
    found = next((each for each in providers if each.name == _PROVIDER), None)
    if found is None:
        raise CliError('no directory is used here: [auth] providers does not name "ldap"')
    return found


async def _diagnose(provider: AuthProvider, user: str | None, password: Secret | None) -> Sequence[Finding]:
    from invoke_host.api import Finding, StartupError

    try:
        await provider.open()
        return await provider.diagnose(user, password)
    except StartupError as error:  # what would keep the host from starting is a finding, too
        return [Finding("open", False, str(error))]
    finally:
        await provider.close()


def _show(found: Sequence[Finding], as_json: bool) -> None:
    from invoke_host.masking import one_line

    if as_json:
        print_json([{"stage": each.stage, "ok": each.ok, "text": each.text} for each in found])
        return
    words = {True: "ok", False: "FAILED", None: ""}
    print_table(["stage", "", "found"], [(each.stage, words[each.ok], one_line(each.text)) for each in found])
