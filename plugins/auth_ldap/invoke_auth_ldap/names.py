"""Distinguished names compared by what they mean: servers escape and capitalise them differently (RFC 4514).

ldap3's parser refuses names that servers give (an equals sign in a value, numbers as types), and a group that can't be
read is a group that is not denied.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_PART = re.compile(
    r"""
    \s* ([A-Za-z][A-Za-z0-9-]* | (?:OID\.)?[0-9]+(?:\.[0-9]+)*) \s* = \s*
    (?: "((?:[^"\\\0] | \\.)+)" \s* | ((?:[^"\\\0,;+] | \\.)+) )
    ([,;+] | \Z)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ESCAPED = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)
_BER = re.compile(r"#(?:[0-9A-Fa-f]{2})+")
_SPACES = re.compile(r"\s+")
#: Types with several names (RFC 4519): servers and people use what they like.
_SAME_TYPE = {
    **dict.fromkeys(("commonname", "2.5.4.3"), "cn"),
    **dict.fromkeys(("organizationalunitname", "2.5.4.11"), "ou"),
    **dict.fromkeys(("organizationname", "2.5.4.10"), "o"),
    **dict.fromkeys(("domaincomponent", "0.9.2342.19200300.100.1.25"), "dc"),
    **dict.fromkeys(("userid", "0.9.2342.19200300.100.1.1"), "uid"),
    **dict.fromkeys(("countryname", "2.5.4.6"), "c"),
    **dict.fromkeys(("localityname", "2.5.4.7"), "l"),
    **dict.fromkeys(("stateorprovincename", "2.5.4.8"), "st"),
}
#: What RFC 4514 wants escaped somewhere in a value; here always, so that there is one way to write each name.
_SPECIAL = re.compile(r'([\\,+"<>;=#])')


class Part(NamedTuple):
    """`cn=painters` of a DN: type and value as they are written, and whether `+` and another one follow."""

    kind: str
    value: str
    goes_on: bool


def parts_of(dn: str) -> list[Part]:
    """The parts of a DN. Raises ValueError."""
    found: list[Part] = []
    at, more = 0, True
    while more:
        part = _PART.match(dn, at)
        if part is None:
            raise ValueError(f"{dn[:120]!r} is no DN" if dn.strip() else "an empty DN names nobody")
        kind, quoted, plain, separator = part.groups()
        found.append(Part(kind, quoted or plain, separator == "+"))
        at, more = part.end(), bool(separator)
    return found


def normal_dn(dn: str) -> str:
    """One text for all ways to write a DN: types and values case-folded, blanks at most single, escapes all alike.

    Raises:
        ValueError: this is no DN.
    """
    rdns: list[list[str]] = [[]]
    for kind, value, goes_on in parts_of(dn):
        kind = kind.casefold().removeprefix("oid.")
        rdns[-1].append(f"{_SAME_TYPE.get(kind, kind)}={_value(value)}")
        if not goes_on:
            rdns.append([])
    return ",".join("+".join(sorted(rdn)) for rdn in rdns if rdn)


def _value(text: str) -> str:
    if _BER.fullmatch(text.strip()):  # the bytes of a value, not text
        return text.strip().casefold()
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", _unescaped(text)).casefold())
    return _SPECIAL.sub(r"\\\1", _SPACES.sub(" ", plain.strip()))


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        if found[1]:
            return bytes.fromhex(found[1].replace("\\", "")).decode("utf-8", "replace")
        return found[2]

    return _ESCAPED.sub(plain, text)
