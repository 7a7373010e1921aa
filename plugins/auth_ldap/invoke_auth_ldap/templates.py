"""Search filters and DNs with places for what a person typed. Only a template can be filled in, and it escapes.

Two escapes exist and both are needed: RFC 4515 section 3 for filters, RFC 4514 section 2.4 for DNs. Here both write
all but letters, digits and a few harmless marks as hexadecimal bytes, which every parser reads alike: ldap3's own
`escape_rdn` turns a lone blank into a backslash, and its filters lose blanks at the ends of values.

A template that could be misread is refused when it is made, at startup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

from ldap3.core.exceptions import LDAPInvalidFilterError
from ldap3.operation.search import parse_filter

from invoke_auth_ldap.names import parts_of

#: An attribute with a placeholder as its whole value: `uid` of `(uid={login})`. Options and matching rules stay out.
_WHOLE = re.compile(r"\(\s*([A-Za-z][A-Za-z0-9-]*)\s*=\s*\{login\}\s*\)")

#: All placeholders that any template may have.
_PLACES = ("login", "dn")

#: What stands for itself in filters and DNs.
_HARMLESS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._@")
#: What no login name of Active Directory has: such a name would be read as something else than a name.
_NOT_IN_NAMES = frozenset('"/\\[]:;|=,+*?<>@')


class TemplateError(ValueError):
    """The text can't be used as a template; the message says why."""


@dataclass(frozen=True, slots=True)
class FilterTemplate:
    """A search filter such as `(&(objectClass=person)(uid={login}))`. `places` are the placeholders it may have."""

    text: str

    @classmethod
    def of(cls, text: str, places: Sequence[str]) -> FilterTemplate:
        """Raises TemplateError."""
        found = _placeholders(text, places)
        if not found:
            raise TemplateError(f"the filter has no {' or '.join(f'{{{each}}}' for each in places)}")
        return cls(check_filter(text))

    def fill(self, values: Mapping[str, str]) -> str:
        """The filter with these values, escaped."""
        return self.text.format_map({name: escaped(value) for name, value in values.items()})

    def has(self, place: str) -> bool:
        """Whether the filter has that placeholder."""
        return place in _placeholders(self.text, _PLACES)

    @property
    def login_attributes(self) -> tuple[str, ...]:
        """The attributes that the filter compares with the login name, in order."""
        return tuple(dict.fromkeys(_WHOLE.findall(self.text)))


@dataclass(frozen=True, slots=True)
class DnTemplate:
    """A DN such as `uid={login},ou=people,dc=example,dc=org`."""

    text: str

    @classmethod
    def of(cls, text: str) -> DnTemplate:
        """Raises TemplateError."""
        if _placeholders(text, ("login",)) != ["login"]:
            raise TemplateError("the DN needs {login} once")
        if "=" in text:  # else a user principal name, `{login}@example.org`, which Active Directory takes
            try:
                parts_of(text.format(login="x"))
            except ValueError as error:
                raise TemplateError(str(error)) from error
        elif "@" not in text and "\\" not in text:
            raise TemplateError("this is neither a DN nor a name such as {login}@example.org")
        return cls(text)

    @property
    def is_dn(self) -> bool:
        """False for the names that Active Directory takes in place of a DN."""
        return "=" in self.text

    @property
    def login_attribute(self) -> str | None:
        """The attribute whose value begins the DN: `uid` of `uid={login},...`."""
        return parts_of(self.text.format(login="x"))[0].kind if self.is_dn else None

    def fits(self, login: str) -> bool:
        """Whether the result means that name and nothing else. In a DN everything is escaped; other names can't be."""
        return self.is_dn or not _NOT_IN_NAMES & set(login)

    def fill(self, login: str) -> str:
        """The DN of that login name, escaped. Raises TemplateError for what does not fit."""
        if not self.fits(login):
            raise TemplateError("there is something in that name that no name has")
        return self.text.format(login=escaped(login) if self.is_dn else login)


def escaped(value: str) -> str:
    """The value as it may stand in a filter and in a DN, where both have backslash and two digits for a byte.

    Raises TemplateError for NUL, which servers take for an end.
    """
    if "\0" in value:
        raise TemplateError("NUL can't be searched for")
    return "".join(chr(byte) if byte in _HARMLESS else f"\\{byte:02x}" for byte in value.encode())


def check_filter(text: str) -> str:
    """The filter, if its parentheses are balanced and it is one filter. Raises TemplateError."""
    depth = 0
    for at, letter in enumerate(text):
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        if depth < 0 or (depth == 0 and at < len(text) - 1):
            raise TemplateError("the filter's parentheses don't match, or there is something behind its end")
    if depth or not text.startswith("("):
        raise TemplateError("the filter must stand in parentheses, and they must match")
    try:
        parse_filter(text, None, False, False, None, False)
    except (LDAPInvalidFilterError, IndexError, AttributeError) as error:  # ldap3 trips over `()`
        raise TemplateError(f"this is no filter: {error}") from error
    return text


def _placeholders(text: str, allowed: Sequence[str]) -> list[str]:
    if any(ord(letter) < 32 for letter in text):
        raise TemplateError("control characters have no place here")
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise TemplateError(f"a brace stands alone: {error}") from error
    names = [(name, spec, conversion) for _, name, spec, conversion in parts if name is not None]
    for name, spec, conversion in names:
        if name not in allowed or spec or conversion:
            known = ", ".join(f"{{{each}}}" for each in allowed)
            raise TemplateError(f"{{{name}}} is no placeholder; there are {known}")
    return [name for name, _, _ in names]
