"""From what somebody types to a user, and to a password that is good enough."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from invoke_host.cli.asking import ask, ask_password, password_from_stdin
from invoke_host.cli.errors import CliError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoke_host.cli.accounts import Accounts
    from invoke_host.identity.users.model import User


def person(accounts: Accounts, text: str) -> User:
    """The user with that e-mail address in any spelling, or `system`.

    Raises:
        CliError: there is none.
    """
    from invoke_host.api import SYSTEM_USER_ID, fold_login

    typed = fold_login(text)
    if typed == SYSTEM_USER_ID:
        return accounts.run(accounts.users.get(SYSTEM_USER_ID))
    spellings = [typed]
    with suppress(ValueError):
        spellings.append(checked_email(text))  # a domain as `xn--…` is stored in Unicode
    for email in spellings:
        found = accounts.run(accounts.users.find(email))
        if found is not None:
            return found
    raise CliError(f"there is no user with the e-mail address {typed!r}", ExitCode.NOT_FOUND)


def person_or_ask(accounts: Accounts, email: str | None, flag: str = "--email") -> User:
    """`person`, asked for at the terminal when no address is given."""
    return person(accounts, ask("E-mail", flag, str) if email is None else email)


def checked_email(text: str) -> str:
    """The address as it is stored. Raises ValueError with a sentence when it can't be one."""
    from invoke_host.identity.emails import valid_email

    return valid_email(text)


def new_password(accounts: Accounts, given: str | None, *, from_stdin: bool, about: Sequence[str]) -> str:
    """The password given, or that on standard input, or one asked for at the terminal until it is good enough.

    Raises:
        CliError: it is too weak (all reasons and how to do better), or there is none and nobody can be asked.
    """
    if from_stdin:
        given = password_from_stdin()
    if given is None:
        return ask_password(lambda typed: problems(accounts, typed, about=about))
    if found := problems(accounts, given, about=about):
        raise CliError("\n".join(found))
    return given


def problems(accounts: Accounts, password: str, *, about: Sequence[str]) -> list[str]:
    """Why this password is refused, and a hint how to do better; empty when it is good enough."""
    from invoke_host.api import Secret

    passwords = accounts.services.passwords
    if passwords is None:
        return []  # the service says in one sentence why nobody can have a password here
    judgement = accounts.run(passwords.judge(Secret(password), about=about))
    if not judgement.problems:
        return []
    return [*judgement.problems, f"Strength: {judgement.strength}. {judgement.hint}".rstrip()]
