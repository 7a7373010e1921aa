"""Reading users: all of them, and all that is known of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from invoke_host.cli.users.finding import person
from invoke_host.cli.users.showing import in_words, say, say_user, user_json

if TYPE_CHECKING:
    from invoke_host.cli.accounts import Accounts
    from invoke_host.identity.users.model import User
    from invoke_host.identity.users.values import Linked
    from invoke_host.ownership import Share

#: Users read at once.
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Everything:
    """What `users show` knows of somebody. `sessions` counts the logins that are good now."""

    user: User
    identities: Sequence[Linked]
    sessions: int
    shares: Sequence[Share]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        more = {name: getattr(self.user, name) for name in ("created_at", "updated_at", "last_login_at")}
        return {
            **user_json(self.user),
            **more,
            "identities": [asdict(each) for each in self.identities],
            "sessions": self.sessions,
            "owns": {share.name: share.count for share in self.shares},
        }

    def say(self) -> None:
        """For people."""
        from invoke_host.masking import one_line

        say_user(self.user)
        say(f"Created:      {self.user.created_at}")
        say(f"Last login:   {self.user.last_login_at or 'never'}")
        for each in self.identities:
            say(f"Logs in with: {each.provider}, as {one_line(each.login)} ({one_line(each.subject)})")
        say(f"Sessions:     {self.sessions}")
        say(f"Owns:         {in_words(self.shares)}")


def everybody(accounts: Accounts, search: str = "") -> list[User]:
    """All users but `system`, the newest first; with `search`, those whose address or name contains it."""
    page = accounts.run(accounts.users.page(search, _PAGE))
    found = page.users
    while page.next is not None:
        page = accounts.run(accounts.users.page(search, _PAGE, page.next))
        found += page.users
    return found


def everything_of(accounts: Accounts, email: str) -> Everything:
    """All that is known of the user with that address. Raises CliError if there is none."""
    from invoke_host.cli.users.logins import logins

    user = person(accounts, email)
    return Everything(
        user,
        accounts.run(accounts.users.identities(user.id)),
        len(logins(accounts, user.id)),
        accounts.run(accounts.users.shares(user.id)),
    )
