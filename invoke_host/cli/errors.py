"""Exit codes, and how errors reach the person at the terminal: one paragraph on standard error, no traceback.

This module imports nothing of the host: `invoke_host.api` brings SQLAlchemy, which `--help` must not wait for.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from enum import IntEnum

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


def report(error: BaseException, *, debug: bool, show: Callable[[str], None] | None = None) -> int:
    """Tell the person what went wrong; returns the exit code. With `debug` the traceback comes first.

    `show` gets the message, without the word `error:`; by default it is written to standard error.
    """
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        click.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    if debug:
        traceback.print_exception(error)
    message, code = _told(error)
    if show is not None:
        show(message)
        return code
    click.echo(f"error: {message}", err=True)
    for warning in getattr(error, "warnings", ()):
        click.echo(f"warning: {warning}", err=True)
    return code


def _told(error: BaseException) -> tuple[str, ExitCode]:
    """The message and the exit code."""
    if isinstance(error, CliError):
        return error.format_message(), error.code
    if isinstance(error, click.UsageError):
        hint = f"\ntry: {_typed(error.ctx)} --help" if error.ctx else ""
        return f"{error.format_message()}{hint}", ExitCode.USAGE
    if isinstance(error, click.ClickException):
        return error.format_message(), ExitCode.FAILED
    code = _code_of_host_error(error)
    if code is None:
        fault = "This is a fault in invoke-host. Run it again with --debug and report what it prints."
        return f"{type(error).__name__}: {error}\n{fault}", ExitCode.FAILED
    return str(error), code


def _typed(ctx: click.Context) -> str:
    """The command as it was typed: a command that another one stands for has a context, but no place in a group."""
    while ctx.parent is not None and not isinstance(ctx.parent.command, click.Group):
        ctx = ctx.parent
    return ctx.command_path


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
