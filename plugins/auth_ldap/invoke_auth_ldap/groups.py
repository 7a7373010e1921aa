"""Which groups a person is in, in four ways; and what follows from it here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from invoke_auth_ldap.connection import MOST_ENTRIES, DirectoryConnection, Entry
from invoke_auth_ldap.errors import DirectoryError
from invoke_auth_ldap.names import normal_dn
from invoke_auth_ldap.options import LdapOptions
from invoke_auth_ldap.templates import FilterTemplate, escaped

#: LDAP_MATCHING_RULE_IN_CHAIN. Other servers answer "success" with nothing in it, so it is used only where announced.
IN_CHAIN = "1.2.840.113556.1.4.1941"
#: What Active Directory announces as itself (LDAP_CAP_ACTIVE_DIRECTORY_OID).
ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"

#: Groups named in one filter; a filter grows by a DN for each.
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """What the groups mean. `refused`: the person may not log in; `admin` None: the groups have no say in that."""

    groups: frozenset[str]
    refused: str | None
    admin: bool | None
    host_groups: frozenset[str] | None


class Groups:
    """The searches for groups, with the options' strategy. Groups are DNs in normal form."""

    def __init__(self, options: LdapOptions) -> None:
        self._options = options
        self._base = options.group_base or options.base
        self._required = frozenset(map(normal_dn, options.required_groups))
        self._denied = frozenset(map(normal_dn, options.denied_groups))
        self._admins = frozenset(map(normal_dn, options.admin_groups))
        self._map = [(normal_dn(dn), name) for dn, name in options.group_map.items()]
        self._filter = FilterTemplate.of(options.group_filter, ("dn", "login"))

    def of(self, connection: DirectoryConnection, entry: Entry, login: str | None) -> frozenset[str]:
        """The groups of the person with that entry; `login` is the one value of the login attribute, if it has one.

        Raises DirectoryError: also where something could be missing, so that a denied group is never overlooked.
        """
        strategy = self._options.groups
        if strategy == "none":
            return frozenset()
        if strategy == "member_of":
            return frozenset(_group(value.decode("utf-8", "replace"), connection) for value in entry.all("memberOf"))
        if strategy == "ad_in_chain":
            return self._in_chain(connection, entry.dn)
        if login is None and self._filter.has("login"):
            raise DirectoryError(
                f"{entry.dn!r} has not one {self._options.login_attribute}, which group_filter asks for",
                "groups",
                connection.server.uri,
            )
        found = self._containing(connection, [(entry.dn, login or "")])
        return frozenset(self._nested(connection, found) if strategy == "search_nested" else found)

    def standing(self, groups: frozenset[str]) -> Standing:
        """What follows from being in these groups, and in no others."""
        refused = None
        if groups & self._denied:
            refused = "denied_group"
        elif self._required and not groups & self._required:
            refused = "required_group"
        return Standing(
            groups,
            refused,
            bool(groups & self._admins) if self._admins else None,
            frozenset(name for dn, name in self._map if dn in groups) if self._map else None,
        )

    def _in_chain(self, connection: DirectoryConnection, dn: str) -> frozenset[str]:
        if ACTIVE_DIRECTORY not in connection.features():
            raise DirectoryError(
                f'{connection.server.uri} is no Active Directory, so groups = "ad_in_chain" would find none at all; '
                'use groups = "search_nested"',
                "groups",
                connection.server.uri,
            )
        found = connection.search(self._base, f"(&(objectClass=group)(member:{IN_CHAIN}:={escaped(dn)}))", ())
        return frozenset(self._checked(connection, found))

    def _nested(self, connection: DirectoryConnection, direct: dict[str, str]) -> Iterable[str]:
        """Breadth first, one level in as few searches as fit; groups that contain each other are met once."""
        known, level = dict(direct), direct
        for _ in range(self._options.group_depth - 1):
            above = self._containing(connection, [(dn, "") for dn in level.values()])
            level = {name: dn for name, dn in above.items() if name not in known}
            if not level:
                break
            known |= level
        return known

    def _containing(self, connection: DirectoryConnection, members: list[tuple[str, str]]) -> dict[str, str]:
        """Groups with one of these members: DN as the server writes it, by normal form."""
        found: dict[str, str] = {}
        for at in range(0, len(members), _AT_ONCE):
            filters = "".join(
                self._filter.fill({"dn": dn, "login": login}) for dn, login in members[at : at + _AT_ONCE]
            )
            entries = connection.search(self._base, f"(|{filters})", ())
            found |= self._checked(connection, entries)
        return found

    def _checked(self, connection: DirectoryConnection, entries: list[Entry]) -> dict[str, str]:
        if len(entries) >= MOST_ENTRIES:
            raise DirectoryError("there are more groups than can be looked at", "groups", connection.server.uri)
        return {_group(entry.dn, connection): entry.dn for entry in entries}


def _group(dn: str, connection: DirectoryConnection) -> str:
    try:
        return normal_dn(dn)
    except ValueError as error:  # left out it could be a denied one
        raise DirectoryError(
            f"a group has a name that can't be read: {error}", "groups", connection.server.uri
        ) from None
