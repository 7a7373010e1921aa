"""Signed tokens: JWT (RFC 7519) by the rules of RFC 8725, one algorithm, every claim required and of its own type.

A token names a session and says nothing else: role, e-mail and groups are read from the database. `typ` keeps the two
kinds apart, sessions and devices (a browser that has logged in before, which the login throttle knows by it).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import jwt

from invoke_host import ids
from invoke_host.identity.sessions.keys import Key, KeyRing

ISSUER: Final = "invoke-host"
AUDIENCE: Final = "invoke-host"
ALGORITHM: Final = "HS256"

#: Longer ones are refused unread; ours have some 400 characters.
LONGEST_TOKEN = 4096

#: How much later than our clock a token may have been made.
LEEWAY_S = 30

#: How long a browser that has logged in once is known.
DEVICE_LIFETIME_S = 180 * 86_400

_SESSION: Final = "session"
_DEVICE: Final = "device"
_HEADER = frozenset({"alg", "typ", "kid"})
_LONGEST_ID = 64
#: PyJWT must not judge times: it has a clock of its own.
_OPTIONS: Final[Any] = {"require": ["iss", "aud", "sub", "jti", "iat", "exp"], "verify_exp": False, "verify_iat": False}


@dataclass(frozen=True, slots=True)
class SessionClaims:
    """What a session's token says. Times are whole seconds since the epoch."""

    user_id: str
    session_id: str
    token_id: str
    issued_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class DeviceClaims:
    """What a device's token says: this user has logged in with it."""

    user_id: str
    token_id: str
    issued_at: int
    expires_at: int


def sign(ring: KeyRing, claims: SessionClaims) -> str:
    """The token, signed with the current key."""
    return _sign(ring, _SESSION, claims, {"sid": claims.session_id})


def read_session(ring: KeyRing, token: str, now: datetime) -> SessionClaims | None:
    """What the token says, or None if it is not a good one now. The session's row has the last word."""
    found = _verify(ring, token, _SESSION)
    claims = None if found is None else _session_claims(found[1])
    return claims if claims is not None and _is_time(claims, now) else None


def new_device(user_id: str, now: datetime) -> DeviceClaims:
    """Claims for a browser from which that user has just logged in."""
    seconds = int(now.timestamp())
    return DeviceClaims(user_id, ids.new_id(), seconds, seconds + DEVICE_LIFETIME_S)


def sign_device(ring: KeyRing, claims: DeviceClaims) -> str:
    """The token of a device, which opens nothing."""
    return _sign(ring, _DEVICE, claims, {})


def read_device(ring: KeyRing, token: str, now: datetime) -> DeviceClaims | None:
    """What the token says, or None if it is not a good one now."""
    found = _verify(ring, token, _DEVICE)
    if found is None:
        return None
    payload = found[1]
    if not _are_ids(payload, "sub", "jti"):
        return None
    claims = DeviceClaims(payload["sub"], payload["jti"], payload["iat"], payload["exp"])
    return claims if _is_time(claims, now) else None


class Verifier:
    """`read_session` with a memory: what a signature covers never changes, so each token is verified once.

    Bounded; holds good tokens only. Times and the key's presence are checked at every look.
    """

    def __init__(self, ring: KeyRing, *, size: int = 4096) -> None:
        self._ring = ring
        self._size = size
        self._known: OrderedDict[str, tuple[Key, SessionClaims]] = OrderedDict()

    def session(self, token: str, now: datetime) -> SessionClaims | None:
        """As `read_session`, with a look at the key file now and then."""
        self._ring.refresh()
        known = self._known.get(token)
        if known is None:
            return self._read(token, now)
        key, claims = known
        found = self._ring.find(key.kid)
        if found is None or found.secret != key.secret or not _is_time(claims, now):
            del self._known[token]
            return None
        self._known.move_to_end(token)
        return claims

    def _read(self, token: str, now: datetime) -> SessionClaims | None:
        found = _verify(self._ring, token, _SESSION)
        claims = None if found is None else _session_claims(found[1])
        if found is None or claims is None or not _is_time(claims, now):
            return None
        self._known[token] = (found[0], claims)
        if len(self._known) > self._size:
            self._known.popitem(last=False)
        return claims


def _sign(
    ring: KeyRing, kind: Literal["session", "device"], claims: SessionClaims | DeviceClaims, more: Mapping[str, str]
) -> str:
    key = ring.current
    payload = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": claims.user_id,
        "jti": claims.token_id,
        "iat": claims.issued_at,
        "exp": claims.expires_at,
        "typ": kind,
        **more,
    }
    return jwt.encode(payload, key.secret, algorithm=ALGORITHM, headers={"kid": key.kid})


def _verify(ring: KeyRing, token: str, kind: str) -> tuple[Key, Mapping[str, Any]] | None:
    """Key and claims of a token that we signed, of this kind; ids and times are not looked at."""
    if len(token) > LONGEST_TOKEN or not token.isascii():
        return None
    try:
        header = jwt.get_unverified_header(token)
        # Exactly what we write: `jku`, `jwk`, `crit` and other spellings of the algorithm have no business here.
        if header.keys() != _HEADER or header["alg"] != ALGORITHM or header["typ"] != "JWT":
            return None
        key = _key(ring, header["kid"])
        if key is None:
            return None
        payload = jwt.decode(
            token, key.secret, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=_OPTIONS
        )
    except (jwt.PyJWTError, ValueError, TypeError):  # JSON of any kind may stand in it
        return None
    if payload.get("typ") != kind or payload["iss"] != ISSUER or payload["aud"] != AUDIENCE:
        return None
    if type(payload["iat"]) is not int or type(payload["exp"]) is not int:
        return None
    return key, payload


def _key(ring: KeyRing, kid: object) -> Key | None:
    if not isinstance(kid, str):
        return None
    found = ring.find(kid)
    if found is None:
        ring.refresh()  # another process may just have made it
        found = ring.find(kid)
    return found


def _session_claims(payload: Mapping[str, Any]) -> SessionClaims | None:
    if not _are_ids(payload, "sub", "sid", "jti"):
        return None
    return SessionClaims(payload["sub"], payload["sid"], payload["jti"], payload["iat"], payload["exp"])


def _are_ids(payload: Mapping[str, Any], *names: str) -> bool:
    values = [payload.get(name) for name in names]
    return all(isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and "\0" not in value for value in values)


def _is_time(claims: SessionClaims | DeviceClaims, now: datetime) -> bool:
    seconds = now.timestamp()
    return claims.issued_at <= seconds + LEEWAY_S and seconds < claims.expires_at
