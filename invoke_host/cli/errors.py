"""Exit codes, and how errors reach the person at the terminal: one paragraph on standard error, no traceback.

This module imports nothing of the host: `invoke_host.api` brings SQLAlchemy, which `--help` must not wait for.
"""

from __future__ import annotations

import sys
import traceback
from enum import IntEnum
from typing import IO, Any

import rich_click as click


class ExitCode(IntEnum):
    """What a process of ours ends with."""

    OK = 0
    FAILED = 1
    USAGE = 2  # wrong arguments or configuration; the host can't start
    NOT_FOUND = 3
    REFUSED = 4  # a policy does not allow it, or nobody is logged in
    UNHEALTHY = 5  # no host answers, or it says that it is not well
    INTERRUPTED = 130


class CliError(click.ClickException):
    """A command failed for a reason that the text explains."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message; the word `error:` is enough decoration."""
        click.echo(f"error: {self.format_message()}", file=file or sys.stderr)


def report(error: BaseException, *, debug: bool) -> int:
    """Tell the person what went wrong; returns the exit code. With `debug` the traceback comes first."""
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        click.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    if debug:
        traceback.print_exception(error)
    if isinstance(error, CliError):
        error.show()
        return error.code
    if isinstance(error, click.UsageError):
        hint = f"\ntry: {error.ctx.command_path} --help" if error.ctx else ""
        click.echo(f"error: {error.format_message()}{hint}", err=True)
        return ExitCode.USAGE
    if isinstance(error, click.ClickException):
        click.echo(f"error: {error.format_message()}", err=True)
        return ExitCode.FAILED
    code = _code_of_host_error(error)
    if code is None:
        click.echo(
            f"error: {type(error).__name__}: {error}\n"
            "This is a fault in invoke-host. Run it again with --debug and report what it prints.",
            err=True,
        )
        return ExitCode.FAILED
    click.echo(f"error: {error}", err=True)
    for warning in getattr(error, "warnings", ()):
        click.echo(f"warning: {warning}", err=True)
    return code


def _code_of_host_error(error: BaseException) -> ExitCode | None:
    """The code for an InvokeHostError, None for any other exception."""
    errors = sys.modules.get("invoke_host.api.errors")
    if errors is None or not isinstance(error, errors.InvokeHostError):  # never imported, so never raised
        return None
    if isinstance(error, errors.StartupError):
        return ExitCode.USAGE
    if isinstance(error, (errors.NotFound, errors.Gone)):
        return ExitCode.NOT_FOUND
    if isinstance(error, (errors.Forbidden, errors.NotAuthenticated)):
        return ExitCode.REFUSED
    if isinstance(error, (errors.ServiceUnavailable, errors.StorageUnavailable)):
        return ExitCode.UNHEALTHY
    return ExitCode.FAILED
