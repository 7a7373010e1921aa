"""The group `invoke-host`: its options, its commands (imported when they are needed), and the way errors leave it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import rich_click as click

from invoke_host import __version__
from invoke_host.cli.context import CliContext, default_root
from invoke_host.cli.ending import exit_code
from invoke_host.cli.errors import report

#: Command names in the order of the help, each with the place of its click command.
COMMANDS: Mapping[str, str] = {
    "serve": "invoke_host.cli.commands.serve:serve",
    "generate": "invoke_host.cli.commands.generate:generate",
    "queue": "invoke_host.cli.commands.queue:queue",
    "limits": "invoke_host.cli.commands.limits:limits",
    "usage": "invoke_host.cli.commands.limits:usage",
    "users": "invoke_host.cli.commands.users:users",
    "ldap": "invoke_host.cli.commands.ldap:ldap",
    "audit": "invoke_host.cli.commands.audit:audit",
    "access": "invoke_host.cli.commands.access:access",
    "secrets": "invoke_host.cli.commands.secrets:secrets",
    "config": "invoke_host.cli.commands.config:config",
    "plugins": "invoke_host.cli.commands.plugins:plugins",
    "db": "invoke_host.cli.commands.db:db",
}


class LazyGroup(click.RichGroup):
    """A group whose commands are imported one by one, when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands; imports none."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, or None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="INVOKE_HOST_ROOT",
    show_envvar=True,
    help="Folder that holds everything a host owns: configuration, database, pictures, models. By default `./var` if a "
    "host lives there, else `invoke-host` in the user's data folder (`~/.local/share`).",
)
@click.option("--debug", is_flag=True, help="Show a traceback when something fails.")
@click.version_option(__version__, prog_name="invoke-host", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, root: Path | None, debug: bool) -> None:
    """Generate images on shared GPUs: a host with login, a fair queue and private galleries."""
    ctx.obj = CliContext(root=(root or default_root()).expanduser(), debug=debug)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (that of the process by default); returns the exit code, and never raises."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return exit_code(cli, words, "invoke-host", lambda error: report(error, debug="--debug" in words))


if __name__ == "__main__":
    sys.exit(main())
