"""Deleting a user, and handing over what somebody owns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke_host.cli.asking import ask, ask_choice, ask_yes, can_ask, missing
from invoke_host.cli.errors import CliError, ExitCode
from invoke_host.cli.users.finding import person, person_or_ask
from invoke_host.cli.users.showing import in_words, say, say_user

if TYPE_CHECKING:
    from invoke_host.cli.accounts import Accounts
    from invoke_host.identity.users.model import User
    from invoke_host.identity.users.values import Content
    from invoke_host.ownership import Share


@dataclass(frozen=True, slots=True)
class Fate:
    """What the flags say about the content: `transfer` is an e-mail address. None of them = not said."""

    keep: bool = False
    transfer: str | None = None
    purge: bool = False

    @property
    def said(self) -> bool:
        """Whether any flag decides."""
        return self != Fate()


@dataclass(frozen=True, slots=True)
class Removed:
    """Who is gone, and what became of how much."""

    user: User
    content: str
    shares: Sequence[Share]


def remove(accounts: Accounts, email: str | None, fate: Fate, *, force: bool) -> Removed:
    """Delete a user after showing them and asking; with `force` nothing is asked, and content is kept by default.

    Raises:
        CliError: nobody has that address, the deletion was canceled, or nobody can be asked.
        BadRequest: the service refuses: the last administrator, the system account.
    """
    if not can_ask():
        flags = [flag for flag, given in (("--email", email), ("--force", force)) if not given]
        if flags:
            raise missing(*flags)
    user = person_or_ask(accounts, email)
    _refuse_system(user)
    if not force:
        say_user(user, err=True)
        owned = accounts.run(accounts.users.shares(user.id))
        say(f"Owns:         {in_words(owned)}", err=True)
        if not fate.said and any(share.count for share in owned):
            fate = _asked()
    content = _content(accounts, user, fate)
    if not force and not ask_yes("Are you sure that you want to delete this user?"):
        raise CliError("Deletion cancelled.", ExitCode.FAILED)
    shares = accounts.run(accounts.users.delete(user.id, content, accounts.origin))
    return Removed(user, "purge" if fate.purge else "transfer" if fate.transfer is not None else "keep", shares)


def transfer(accounts: Accounts, source: User, target: User, parts: frozenset[str] | None) -> Sequence[Share]:
    """Hand over what `source` owns, or the named kinds of it. Raises BadRequest when that can't be."""
    return accounts.run(accounts.users.transfer(source.id, target.id, parts, accounts.origin))


def _asked() -> Fate:
    say("What shall become of it? `keep`: goes to the host's own account, `system`; `purge`: is deleted.", err=True)
    choice = ask_choice("Content", ("keep", "transfer", "purge"))
    if choice == "transfer":
        return Fate(transfer=ask("To whom (e-mail)", "--transfer", str))
    return Fate(keep=choice == "keep", purge=choice == "purge")


def _content(accounts: Accounts, user: User, fate: Fate) -> Content:
    from invoke_host.identity.users.values import Keep, Purge, Transfer

    if fate.purge:
        return Purge()
    if fate.transfer is None:
        return Keep()
    target = person(accounts, fate.transfer)
    if target.id == user.id:
        raise CliError(f"{target.email} is to be deleted, so nothing can go there")
    return Transfer(target.id)


def _refuse_system(user: User) -> None:
    if user.is_system:
        raise CliError("The system account can't be deleted.")
