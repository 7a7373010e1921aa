"""What is asked of the accounts: a new user, a change, what becomes of the content of somebody who leaves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from invoke_host.api import BadRequest, Conflict, NotAuthenticated, NotFound, Secret

#: Longest display name.
MAX_DISPLAY_NAME = 255

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Unset(Enum):
    """The type of UNSET, so that None can mean something else."""

    UNSET = "unset"


#: Leave it as it is.
UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to make. `email` may be in any spelling, `display_name` blank."""

    email: str
    display_name: str | None
    password: Secret
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class UserChange:
    """What to change; None and UNSET leave things as they are. `display_name=None` takes the display name away."""

    display_name: str | Unset | None = UNSET
    email: str | Unset = UNSET
    password: Secret | None = None
    is_admin: bool | None = None
    is_active: bool | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """The content goes to `system`, where administrators see it."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """The content goes to another user."""

    to_user_id: str


@dataclass(frozen=True, slots=True)
class Purge:
    """The content goes with its owner."""


Content: TypeAlias = Keep | Transfer | Purge


@dataclass(frozen=True, slots=True)
class Linked:
    """An identity at a login provider, what it was last called there, and since when the provider says no."""

    provider: str
    subject: str
    login: str
    created_at: str
    last_login_at: str | None
    blocked_at: str | None = None


class NotLinked(NotAuthenticated):
    """A provider vouches for somebody who is no user here. `reason` is a stable word for the audit log.

    The text is the same for every reason, since it may reach whoever tries.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("the credential is not accepted")


class UserDisabled(NotAuthenticated):
    """A provider vouches for a user who was deactivated."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        super().__init__("the credential is not accepted")


def display_name_of(text: str | None) -> str | None:
    """The name without outer blanks; blank is None. Raises ValueError for what can't be shown on one line."""
    name = (text or "").strip()
    if len(name) > MAX_DISPLAY_NAME:
        raise ValueError(f"A display name has at most {MAX_DISPLAY_NAME} characters.")
    if _CONTROLS.search(name):
        raise ValueError("A display name has no line breaks or other control characters.")
    return name or None


def cleaned_name(text: str) -> str | None:
    """A display name from a login provider: what can't be shown is left out instead of refused."""
    return cleaned_line(text)[:MAX_DISPLAY_NAME].strip() or None


def cleaned_line(text: str) -> str:
    """The text on one line, without what can't be shown and outer blanks."""
    return _CONTROLS.sub("", text).strip()


def unknown_user(user_id: str) -> NotFound:
    """There is no such user."""
    return NotFound(f"There is no user {user_id[:64]!r}.")


def taken(email: str) -> BadRequest:
    """The address belongs to somebody."""
    return BadRequest(f"There is a user with the e-mail address {email!r} already.")


def still_taken(provider: str | None, email: str) -> BadRequest:
    """The provider has an account of that name which is nobody's here."""
    return BadRequest(
        f"The login provider {provider!r} already has an account named {email!r}, which belongs to no user."
    )


def system_refuses(what: str) -> BadRequest:
    """`what` completes "The system account can't ..."."""
    return BadRequest(f"The system account can't {what}.")


def no_passwords_here() -> Conflict:
    """Nobody who could keep a password is configured."""
    return Conflict(
        "no login provider of this host keeps passwords; put `multiuser = true` into invoke-host.toml, or name one "
        "that does, such as 'local', in [auth] providers"
    )
