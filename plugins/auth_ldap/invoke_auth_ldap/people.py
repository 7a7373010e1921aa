"""Finding a person in the directory: by the name they typed, or by the id that never changes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from ldap3.utils.conv import escape_bytes

from invoke_auth_ldap.connection import DirectoryConnection, Entry
from invoke_auth_ldap.errors import DirectoryError
from invoke_auth_ldap.options import LdapOptions
from invoke_auth_ldap.state import STATE_ATTRIBUTES
from invoke_auth_ldap.templates import DnTemplate, FilterTemplate, TemplateError, escaped
from invoke_host.api import fold_login

#: Bytes, not text, in Active Directory.
_GUID = "objectguid"
#: What the host keeps of an id.
_LONGEST_ID = 255


class Ambiguous(Exception):
    """Several entries match one name; nobody can tell who is meant."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person's entry, and the id in it."""

    entry: Entry
    subject: str


class People:
    """The searches for people, with the options' filters."""

    def __init__(self, options: LdapOptions) -> None:
        self._options = options
        self.base = options.user_base or options.base
        self._filter = FilterTemplate.of(options.user_filter, ("login",))
        self.attributes = tuple(
            dict.fromkeys(
                (
                    options.id_attribute,
                    options.login_attribute,
                    options.email_attribute,
                    options.name_attribute,
                    *self._filter.login_attributes,
                    *STATE_ATTRIBUTES,
                    *(("memberOf",) if options.groups == "member_of" else ()),
                )
            )
        )

    def by_login(self, connection: DirectoryConnection, login: str) -> Person | None:
        """The one person of that name; None if there is none.

        Servers find more than was typed (full-width letters, a long s, blanks around), and each way to write a name
        would have tries of its own before the host slows them down. So the name must be in the entry as it was typed,
        but for case.

        Raises Ambiguous, DirectoryError.
        """
        found = connection.search(self.base, self.filter_for(login), self.attributes, most=2)
        if len(found) > 1:
            raise Ambiguous
        if not found or fold_login(login) not in self._names(found[0], self._filter.login_attributes):
            return None
        return self._person(connection, found[0])

    def filter_for(self, login: str) -> str:
        """The filter by which a person of that name is searched for."""
        return self._filter.fill({"login": login})

    @property
    def anybody(self) -> str:
        """The filter that all people match who can log in: with any name, and an id."""
        return f"(&{self._filter.text.format(login='*')}({self._options.id_attribute}=*))"

    def behind(self, connection: DirectoryConnection, template: DnTemplate, login: str) -> Person | None:
        """The person who binds by that template; the name must be in the entry as it was typed, as in `by_login`.

        Raises Ambiguous, DirectoryError.
        """
        if template.login_attribute is None:
            return self.by_login(connection, login)
        dn = template.fill(login)
        attributes = tuple(dict.fromkeys((*self.attributes, template.login_attribute)))
        found = connection.search(dn, "(objectClass=*)", attributes, scope="base")
        if len(found) != 1:
            raise DirectoryError(
                f"{dn!r} can bind, but that entry can't be read: give people the right to read their own entry, "
                "or set a service_dn that may",
                "search",
                connection.server.uri,
            )
        known = fold_login(login) in self._names(found[0], (template.login_attribute,))
        return self._person(connection, found[0]) if known else None

    def by_subject(self, connection: DirectoryConnection, subject: str) -> Person | None:
        """The person of that id, wherever they are now. Raises Ambiguous, DirectoryError."""
        name = self._options.id_attribute
        try:
            value = str(escape_bytes(uuid.UUID(subject).bytes_le)) if name.lower() == _GUID else escaped(subject)
        except (ValueError, TemplateError):
            return None
        found = connection.search(self.base, f"({name}={value})", self.attributes, most=2)
        if len(found) > 1:
            raise Ambiguous
        return self._person(connection, found[0]) if found else None

    def allowed(self, connection: DirectoryConnection, person: Person) -> bool:
        """Whether the entry matches `account_filter`."""
        wanted = self._options.account_filter
        return wanted is None or len(connection.search(person.entry.dn, wanted, (), scope="base")) == 1

    def _names(self, entry: Entry, attributes: Iterable[str]) -> set[str]:
        return {fold_login(value.decode("utf-8", "replace")) for name in attributes for value in entry.all(name)}

    def _person(self, connection: DirectoryConnection, entry: Entry) -> Person:
        values = entry.all(self._options.id_attribute)
        subject = self._subject(values[0]) if len(values) == 1 else None
        if subject is None:
            what = "a value that is no id" if len(values) == 1 else f"{len(values)} values"
            raise DirectoryError(
                f"{entry.dn!r} has {what} in {self._options.id_attribute}, want one: set id_attribute to "
                "an attribute that every person has once and that never changes, and let the service account read it",
                "search",
                connection.server.uri,
            )
        return Person(entry, subject)

    def _subject(self, value: bytes) -> str | None:
        """The id as text that can be searched for again; None if that is impossible."""
        if self._options.id_attribute.lower() == _GUID:
            return str(uuid.UUID(bytes_le=value)) if len(value) == 16 else None
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            return None
        return text if 0 < len(text) <= _LONGEST_ID and text.isprintable() and text == text.strip() else None
