"""Password hashes as text: how they are made and checked, and when one is out of date.

A hash reads `hmac-sha384+bcrypt:$2b$12$...`. bcrypt itself takes 72 bytes and ends at NUL, so it is given 64 letters
made of the whole password: base64(HMAC-SHA-384(key, NFC(password))). The key is no secret; it keeps the digests apart
from those of other systems, whose leaked SHA-384 hashes could else be tried here without knowing the passwords.

Bare `$2b$...` hashes come from systems that gave bcrypt the first 72 bytes (InvokeAI). They are checked by that rule
and are out of date. `make` and `matches` take a good part of a second of one core: see pool.py.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from base64 import b64encode
from dataclasses import dataclass

import bcrypt

#: What stands before the bcrypt text of hashes made here.
SCHEME = "hmac-sha384+bcrypt:"

#: bcrypt's own lower limit; for tests.
LOWEST_COST = 4
#: Two to three seconds. Hashes of a higher cost are not checked at all: one login could take a thread for hours.
HIGHEST_COST = 15

_KEY = b"invoke-host-auth-local password 1"
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_BCRYPT_BYTES = 72


@dataclass(frozen=True, slots=True)
class StoredHash:
    """`bcrypt` is the text that bcrypt reads; `prehashed` is False for hashes of other systems."""

    bcrypt: bytes
    cost: int
    prehashed: bool


def parse(text: str) -> StoredHash | None:
    """The parts of a hash; None if it is none that can be checked here."""
    found = _BCRYPT.fullmatch(text.removeprefix(SCHEME))
    if found is None or not LOWEST_COST <= int(found[1]) <= HIGHEST_COST:
        return None
    return StoredHash(found[0].encode("ascii"), int(found[1]), text.startswith(SCHEME))


def outdated(text: str, cost: int) -> bool:
    """Would a hash made now look different in more than its salt?"""
    known = parse(text)
    return known is None or not known.prehashed or known.cost != cost


def make(password: str, cost: int) -> str:
    """A new hash. The password is valid Unicode (`policy.flaw` says so)."""
    return SCHEME + bcrypt.hashpw(_prehashed(password), bcrypt.gensalt(cost)).decode("ascii")


def matches(password: str, stored: str | None, cost: int) -> bool:
    """Is it the password of that hash (None: there is none)? Always the work of `cost`, whatever the hash is.

    A hash of a lower cost c is topped up with 2^c + 2^(c+1) + ... + 2^(cost-1) rounds, so that the sum is 2^cost. Only
    a hash of a higher cost takes longer: to hide that, every login of an unknown name would have to cost as much.
    """
    known = None if stored is None else parse(stored)
    if known is None:
        bcrypt.checkpw(_prehashed(password), _nobodys(cost))
        return False
    secret = _prehashed(password) if known.prehashed else _cut(password)
    good = bcrypt.checkpw(secret, known.bcrypt)
    for lower in range(known.cost, cost):
        bcrypt.checkpw(secret, _nobodys(lower))
    return good


def _prehashed(password: str) -> bytes:
    text = unicodedata.normalize("NFC", password).encode("utf-8")
    return b64encode(hmac.digest(_KEY, text, "sha384"))


def _cut(password: str) -> bytes:
    # InvokeAI leaves out a character that the limit would cut in half.
    return password.encode("utf-8")[:_BCRYPT_BYTES].decode("utf-8", "ignore").encode("utf-8")


def _nobodys(cost: int) -> bytes:
    """A hash that is there for the time it takes; nothing is known that matches it."""
    return b"$2b$%02d$" % cost + b"." * 53
