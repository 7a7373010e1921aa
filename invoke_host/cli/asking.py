"""Questions to the person at the terminal. Where nobody can answer, one line says which flag would have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import rich_click as click

from invoke_host.cli.errors import CliError

T = TypeVar("T")

#: More than any password policy wants to see; what comes over a pipe is not read without a limit.
_LONGEST_LINE = 4096


def can_ask() -> bool:
    """Whether somebody sits at the other end of standard input."""
    return sys.stdin.isatty()


def missing(*flags: str) -> CliError:
    """What to raise when these flags were not given and nobody can be asked."""
    return CliError(f"missing {' and '.join(flags)} (standard input is no terminal, so nobody can be asked)")


def ask(question: str, flag: str, check: Callable[[str], str]) -> str:
    """A line that `check` accepts; where it raises ValueError, its words are shown and the question comes again.

    Raises:
        CliError: nobody can be asked; names `flag`.
    """
    if not can_ask():
        raise missing(flag)
    while True:
        try:
            return check(click.prompt(question, err=True))
        except ValueError as error:
            click.echo(str(error), err=True)


def ask_optional(question: str) -> str | None:
    """A line, or None when it is left empty. Only for terminals."""
    answer: str = click.prompt(question, default="", show_default=False, err=True)
    return answer.strip() or None


def ask_yes(question: str) -> bool:
    """True for `y` and `yes` in any case; everything else, nothing included, is a no. Only for terminals."""
    answer: str = click.prompt(f"{question} [y/N]", default="", show_default=False, err=True)
    return answer.strip().lower() in ("y", "yes")


def ask_choice(question: str, choices: Sequence[str]) -> str:
    """One of the choices, of which any beginning will do. Only for terminals."""
    while True:
        answer: str = click.prompt(f"{question} ({', '.join(choices)})", err=True).strip().lower()
        meant = [choice for choice in choices if choice.startswith(answer)] if answer else []
        if len(meant) == 1:
            return meant[0]
        click.echo(f"answer {' or '.join(choices)}", err=True)


def ask_password(problems: Callable[[str], Sequence[str]]) -> str:
    """A password typed twice without showing, asked for again until `problems` finds none.

    Raises:
        CliError: nobody can be asked.
    """
    if not can_ask():
        raise missing("--password or --password-stdin")
    while True:
        password: str = click.prompt("Password", hide_input=True, err=True)
        if found := problems(password):
            for each in found:
                click.echo(each, err=True)
        elif click.prompt("Password again", hide_input=True, err=True) == password:
            return password
        else:
            click.echo("these two differ", err=True)


def password_from_stdin() -> str | None:
    """The first line of standard input, without its end; None at a terminal, where the question is the better way.

    Raises:
        CliError: there is nothing, it is too long, or it is not UTF-8.
    """
    if can_ask():
        return None
    line = sys.stdin.buffer.readline(_LONGEST_LINE + 1)
    if len(line) > _LONGEST_LINE:
        raise CliError(f"the password on standard input is longer than {_LONGEST_LINE} bytes")
    try:
        password = line.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise CliError("the password on standard input is not UTF-8 text") from None
    if not password:
        raise CliError("there is no password on standard input")
    return password
