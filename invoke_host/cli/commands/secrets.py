"""`invoke-host secrets`: the keys that this host signs with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.errors import CliError, ExitCode
from invoke_host.cli.output import json_option, print_json

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from invoke_host.audit.record import Origin


@click.group()
def secrets() -> None:
    """Look after the keys that this host signs sessions with."""


@secrets.command()
@click.option("--forget-old", is_flag=True, help="Old sessions end at once: everybody logs in again.")
@json_option
@pass_cli
def rotate(cli: CliContext, forget_old: bool, as_json: bool) -> None:
    """Sign sessions with a new key from now on; a running host takes it up within a second.

    Sessions signed with the old key stay good until they end, unless `--forget-old` is given: do that when somebody may
    have seen the key file. API tokens are not signed and stay as they are.
    """
    from invoke_host.identity.sessions import rotation
    from invoke_host.identity.sessions.signing import DEVICE_LIFETIME_S
    from invoke_host.root import HostRoot

    loaded, folder = cli.read(), HostRoot(cli.root).secrets
    if not loaded.file.is_file() and not folder.is_dir():
        raise CliError(f"no host lives in {cli.root}; name the right folder with --root", ExitCode.NOT_FOUND)
    times = loaded.config.auth.sessions
    keep_s = max(times.lifetime_s, times.remembered_lifetime_s, DEVICE_LIFETIME_S)
    kid = rotation.rotate(folder, forget_old=forget_old, keep_s=keep_s)
    _note(cli, kid, forget_old)
    if as_json:
        print_json({"kid": kid, "forgot_old": forget_old})
        return
    click.echo(f"new key {kid}; " + ("everybody logs in again" if forget_old else "old sessions stay good"))


def _note(cli: CliContext, kid: str, forget_old: bool) -> None:
    """Tell the audit log, and forget the sessions that no token opens any more.

    The keys come first and without the database: whoever fears for them must not wait for its repair.
    """
    from invoke_host.api import InvokeHostError
    from invoke_host.cli.accounts import opened

    try:
        with opened(cli) as accounts:
            accounts.run(accounts.services.storage.write(_record, accounts.origin, kid, forget_old))
    except (InvokeHostError, CliError) as error:
        click.echo(f"warning: the key is new, but the audit log could not be told: {error}", err=True)


def _record(conn: Connection, origin: Origin, kid: str, forget_old: bool) -> None:
    from invoke_host.audit.record import Target, append
    from invoke_host.clock import SystemClock, timestamp
    from invoke_host.identity.sessions.store import end_everybodys

    ended = end_everybodys(conn) if forget_old else 0
    details = {"forgot_old": forget_old, "sessions_ended": ended}
    append(conn, origin, "secrets.rotate", Target("key", kid), details=details, now=timestamp(SystemClock().now()))
