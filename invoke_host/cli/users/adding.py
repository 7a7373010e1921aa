"""Making a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke_host.cli.asking import ask, ask_optional, ask_yes, can_ask, missing
from invoke_host.cli.errors import CliError
from invoke_host.cli.users.finding import checked_email, new_password

if TYPE_CHECKING:
    from invoke_host.cli.accounts import Accounts
    from invoke_host.identity.users.model import User


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What the flags say; None = not said."""

    email: str | None
    name: str | None
    password: str | None
    password_stdin: bool
    admin: bool


def add(accounts: Accounts, wish: NewAccount) -> User:
    """The new user; what is missing is asked for.

    Raises:
        CliError: something is missing and nobody can be asked; the password is too weak.
        Conflict: no login provider of this host keeps passwords.
    """
    has_password = wish.password is not None or wish.password_stdin
    everything = wish.email is None and not has_password
    if everything and not can_ask():
        raise missing("--email", "--password (or --password-stdin)")
    _refuse_without_passwords(accounts)
    email = ask("E-mail", "--email", checked_email) if wish.email is None else _email_of_flag(wish.email)
    _refuse_taken(accounts, email)
    name = ask_optional("Display name (optional)") if everything and wish.name is None else wish.name
    about = [email, *([name] if name else [])]
    password = new_password(accounts, wish.password, from_stdin=wish.password_stdin, about=about)
    admin = wish.admin or (everything and ask_yes("Make this user an administrator?"))
    return _create(accounts, email, name or None, password, is_admin=admin)


def _create(accounts: Accounts, email: str, name: str | None, password: str, *, is_admin: bool) -> User:
    from invoke_host.api import Secret
    from invoke_host.identity.users.values import NewUser

    new = NewUser(email=email, display_name=name, password=Secret(password), is_admin=is_admin)
    return accounts.run(accounts.users.create(new, accounts.origin))


def _email_of_flag(text: str) -> str:
    try:
        return checked_email(text)
    except ValueError as error:
        raise CliError(str(error)) from error


def _refuse_without_passwords(accounts: Accounts) -> None:
    from invoke_host.identity.users.values import no_passwords_here

    if accounts.services.passwords is None:
        raise no_passwords_here()


def _refuse_taken(accounts: Accounts, email: str) -> None:
    """Before anybody chooses a password; that nobody takes it meanwhile is the service's business."""
    if accounts.run(accounts.users.find(email)) is not None:
        raise CliError(f"there is a user with the e-mail address {email!r} already")
