"""Names and passwords that attackers, copy and paste, and other scripts than Latin bring."""

from __future__ import annotations

import random
from collections.abc import Iterator

from slapd import BASE

_LOOK_ALIKE = str.maketrans(
    {"a": "\u0430", "e": "\u0435", "o": "\u043e", "i": "\u0456", "c": "\u0441", "b": "\U0001d5bb", "s": "\u017f"}
)
_INVISIBLE = (
    "\u200b",
    "\u200c",
    "\u200d",
    "\u202e",
    "\u200f",
    "\u2066",
    "\u00ad",
    "\ufeff",
    "\u2060",
    "\u034f",
    "\u180e",
)
_BLANK = (" ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2028", "\x0b", "\x85")
_CONTROL = ("\0", "\x01", "\x07", "\x1b[2J", "\x7f", "\x00\x00")
_FILTER = (
    "*",
    ")(uid=*",
    "*)(|(uid=*",
    ")(&)",
    "))(|(cn=*",
    "\\2a",
    "\\00",
    "\\28",
    "(&(uid=*))",
    ")(!(uid=x",
    "~=",
    ">=",
    ":=",
)
_DN = (
    ",ou=people",
    ",ou=services",
    f",{BASE}",
    "+cn=admin",
    "\\,",
    "\\2C",
    "#0403",
    '"',
    ";",
    "<",
    ">",
    "\\",
    "=",
    "uid=",
    "\\20",
    "\\",
)
_CODE = (
    "%00",
    "%s%n",
    "{0}",
    "{login}",
    "{{",
    "${jndi:ldap://x}",
    "' OR '1'='1",
    "'; --",
    "$(id)",
    "../",
    "<b>",
    "\ud800",
)
PARTS = (*_INVISIBLE, *_BLANK, *_CONTROL, *_FILTER, *_DN, *_CODE, "é", "e\u0301", "ß", "ﬀ", "🦊", "\U0010ffff")


def tries(people: dict[str, str], count: int, seed: int) -> Iterator[tuple[str, str]]:
    """That many names and passwords, none of which is a right one."""
    chance = random.Random(seed)
    made = 0
    while made < count:
        name = _mutant(chance, chance.choice(list(people)))
        right = people.get(name.strip().casefold())
        password = chance.choice(
            (
                chance.choice(list(people.values())),
                _mutant(chance, chance.choice(list(people.values()))),
                "".join(chance.choices(PARTS, k=chance.randint(0, 4))),
                name,
            )
        )
        if right is not None and chance.random() < 0.8:
            password = _mutant(chance, right)
        if password != right:
            made += 1
            yield name, password


def _mutant(chance: random.Random, text: str) -> str:
    kind = chance.randrange(10)
    at = chance.randint(0, len(text))
    part = "".join(chance.choices(PARTS, k=chance.choice((1, 1, 1, 2, 3))))
    if kind == 0:
        return text
    if kind == 1:
        return text.translate(_LOOK_ALIKE)
    if kind == 2:
        return "".join(
            chr(ord(each) + 0xFEE0) if "!" <= each <= "~" and chance.random() < 0.5 else each for each in text
        )
    if kind == 3:
        return text[:at]
    if kind == 4:
        return part
    if kind == 5:
        return part + text
    if kind == 6:
        return text + part
    if kind == 7:
        return text.swapcase()
    if kind == 8:
        return text * chance.choice((2, 300))
    return text[:at] + part + text[at:]
