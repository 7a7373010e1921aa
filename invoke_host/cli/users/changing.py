"""Changing a user: what the flags say, or at a terminal what the answers say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke_host.cli.asking import ask_optional, ask_yes, can_ask, missing
from invoke_host.cli.errors import CliError
from invoke_host.cli.users.finding import checked_email, new_password, person_or_ask
from invoke_host.cli.users.showing import say_user, yes_no

if TYPE_CHECKING:
    from invoke_host.cli.accounts import Accounts
    from invoke_host.identity.users.model import User


@dataclass(frozen=True, slots=True)
class Changes:
    """What the flags say; None = not said. An empty name removes the name."""

    name: str | None = None
    new_email: str | None = None
    password: str | None = None
    password_stdin: bool = False
    admin: bool | None = None
    active: bool | None = None

    @property
    def nothing(self) -> bool:
        """No flag says anything."""
        return self == Changes()


def change(accounts: Accounts, email: str | None, changes: Changes) -> User | None:
    """The changed user; None when somebody was asked and wants no change.

    Raises:
        CliError: nobody has that address, nothing is to change and nobody can be asked, or the password is too weak.
        BadRequest: the service refuses: the last administrator, the system account, an address that is taken.
    """
    if email is None and not can_ask():
        raise missing("--email")
    user = person_or_ask(accounts, email)
    if changes.nothing:
        if not can_ask():
            raise CliError(
                "nothing to change: give at least one of --name, --password, --password-stdin, --admin, --no-admin, "
                "--activate, --deactivate, --new-email"
            )
        changes, password = _asked(accounts, user)
        if changes.nothing and password is None:
            return None
    else:
        password = _password(accounts, user, changes)
    return _apply(accounts, user, changes, password)


def _asked(accounts: Accounts, user: User) -> tuple[Changes, str | None]:
    say_user(user, err=True)
    name = ask_optional("New display name (empty keeps it)")
    password = None
    if ask_yes("Change the password?"):
        password = new_password(accounts, None, from_stdin=False, about=_about(user, name))
    admin = None
    if ask_yes(f"Change the administrator status (now: {yes_no(user.is_admin)})?"):
        admin = not user.is_admin
    return Changes(name=name, admin=admin), password


def _password(accounts: Accounts, user: User, changes: Changes) -> str | None:
    if changes.password is None and not changes.password_stdin:
        return None
    about = _about(user, changes.name)
    return new_password(accounts, changes.password, from_stdin=changes.password_stdin, about=about)


def _about(user: User, name: str | None) -> list[str]:
    known = [user.email, name or user.display_name]
    return [each for each in known if each]


def _apply(accounts: Accounts, user: User, changes: Changes, password: str | None) -> User:
    from invoke_host.api import Secret
    from invoke_host.identity.users.values import UNSET, UserChange

    try:
        email = UNSET if changes.new_email is None else checked_email(changes.new_email)
    except ValueError as error:
        raise CliError(str(error)) from error
    change = UserChange(
        display_name=UNSET if changes.name is None else changes.name or None,
        email=email,
        password=None if password is None else Secret(password),
        is_admin=changes.admin,
        is_active=changes.active,
    )
    return accounts.run(accounts.users.change(user.id, change, accounts.origin))
