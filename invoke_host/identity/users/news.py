"""What a provider tells about somebody that this host does not know yet: looked at with every header login.

So it is one quick read, of one to four statements, and of one where only the name and the role are told.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from invoke_host.api import Identity, fold_login
from invoke_host.identity.emails import valid_email
from invoke_host.identity.groups import told
from invoke_host.identity.tables import identities as identities_table
from invoke_host.identity.users import identities, store
from invoke_host.identity.users.identities import MAX_LOGIN, Known
from invoke_host.identity.users.model import User
from invoke_host.identity.users.values import cleaned_name
from invoke_host.storage import PreparedSelect, quick


@dataclass(frozen=True, slots=True)
class Seen:
    """The user behind an identity. `news`: something but the role is to be written; `role`: the role is.

    `email_taken`: the address that the provider tells is somebody else's, and the user keeps the one they have.
    """

    user: User
    news: bool
    role: bool
    email_taken: bool


@quick
def look(conn: Connection, identity: Identity) -> Seen | None:
    """Who that is here, and what there is to write; None if nobody."""
    known = identities.known(conn, identity.provider, identity.subject)
    if known is None:
        return None
    user = known.user
    if user.is_system or not user.is_active:
        return Seen(user, news=False, role=False, email_taken=False)
    address = new_address(conn, user, identity)
    return Seen(
        user,
        news=_says_more(known, identity) or address not in (user.email, None) or _moves(conn, user, identity),
        role=identity.admin is not None and identity.admin != user.is_admin,
        email_taken=address is None,
    )


def new_address(conn: Connection, user: User, identity: Identity) -> str | None:
    """The user's address as the provider tells it; None if it is somebody else's.

    Whoever also has another way in, such as a password here, keeps the address that they know.
    """
    if not identity.email or fold_login(identity.email) == user.email:
        return user.email
    try:
        address = valid_email(identity.email)
    except ValueError:
        return user.email
    if address == user.email or _has_other_ways_in(conn, user.id, identity.provider):
        return user.email
    return address if store.by_email(conn, address) is None else None


def login_of(identity: Identity) -> str:
    """The name that the provider knows them by, as it is stored."""
    return identity.login.replace("\0", "")[:MAX_LOGIN]


def _says_more(known: Known, identity: Identity) -> bool:
    name, login = cleaned_name(identity.display_name), login_of(identity)
    return (
        (name is not None and name != known.user.display_name)
        or (login != "" and login != known.login)
        or known.blocked
    )


def _moves(conn: Connection, user: User, identity: Identity) -> bool:
    names = identity.host_groups
    return names is not None and told.would_change(conn, identity.provider, user.id, names)


def _has_other_ways_in(conn: Connection, user_id: str, provider: str) -> bool:
    return _OTHER_WAYS_IN.first(conn, {"user_id_": user_id, "provider_": provider}) is not None


_OTHER_WAYS_IN = PreparedSelect(
    select(identities_table.c.subject)
    .where(identities_table.c.user_id == bindparam("user_id_"), identities_table.c.provider != bindparam("provider_"))
    .limit(1)
)
