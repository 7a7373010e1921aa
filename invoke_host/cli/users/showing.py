"""How users look on the terminal and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import rich_click as click

if TYPE_CHECKING:
    from invoke_host.identity.users.model import User
    from invoke_host.ownership import Share

#: When what was changed acts.
NOTE = "A running host applies this to the next request; open streams and running work follow within two seconds."

#: Columns of the table and their least width; longer texts are not cut.
_COLUMNS = {"User ID": 36, "Email": 30, "Display Name": 20, "Admin": 8, "Active": 8}


def user_json(user: User) -> dict[str, Any]:
    """The user as the four commands show them to programs."""
    return {
        "id": user.id,
        "email": user.email,
        "name": user.display_name,
        "is_admin": user.is_admin,
        "is_active": user.is_active,
    }


def say(text: str = "", *, err: bool = False) -> None:
    """Write a line; what the terminal can't show is written as an escape: what was done was done all the same."""
    stream = sys.stderr if err else sys.stdout
    if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")
    click.echo(text, err=err)


def say_done(text: str) -> None:
    """Write that something worked."""
    say(f"✅ {text}")


def say_user(user: User, *, err: bool = False) -> None:
    """Write one account, a line for each thing that is known of it."""
    from invoke_host.masking import one_line

    say(f"User ID:      {user.id}", err=err)
    say(f"Email:        {one_line(user.email)}", err=err)
    say(f"Display Name: {one_line(user.display_name) if user.display_name else '(not set)'}", err=err)
    say(f"Admin:        {yes_no(user.is_admin)}", err=err)
    say(f"Active:       {yes_no(user.is_active)}", err=err)


def say_table(users: Sequence[User]) -> None:
    """Write all accounts, one per line, and how many there are."""
    from invoke_host.masking import one_line

    if not users:
        say("No users found in database.")
        return
    rows = [
        (
            user.id,
            one_line(user.email),
            one_line(user.display_name or ""),
            yes_no(user.is_admin),
            yes_no(user.is_active),
        )
        for user in users
    ]
    least = list(_COLUMNS.values())
    widths = [max(least[place], *(len(row[place]) for row in rows)) for place in range(len(least))]
    say(_line(tuple(_COLUMNS), widths))
    say("-" * (sum(widths) + len(widths) - 1))
    for row in rows:
        say(_line(row, widths))
    say()
    say(f"Total users: {len(users)}")


def yes_no(value: bool) -> str:
    """For people."""
    return "Yes" if value else "No"


def in_words(shares: Iterable[Share]) -> str:
    """`images: 12, queue: 3`; `nothing` when there is nothing of any kind."""
    return ", ".join(f"{share.name}: {share.count}" for share in shares if share.count) or "nothing"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return " ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
