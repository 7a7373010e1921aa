"""Devices from which an account has logged in: a signed cookie says so, and opens nothing.

The login throttle counts the known devices of an account by themselves, all together, so that nobody can keep people
out by guessing their password, and nobody gains by collecting devices. The token names the account by the hash of its
login name, because that is all there is before somebody has been asked, and by its epoch: a new password makes all
devices strangers again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke_host.clock import Clock
from invoke_host.identity.login.throttle import name_hash
from invoke_host.identity.sessions.keys import KeyRing
from invoke_host.identity.sessions.signing import DEVICE_LIFETIME_S, new_device, read_device, sign_device

if TYPE_CHECKING:
    from aiohttp import web

#: One for all devices of an account: a lane each would let whoever collects devices guess without end.
_LANE = "known"

_NAME = "invoke_device"
_SECURE_NAME = "__Host-invoke_device"


class Devices:
    """Makes and reads the tokens, with the keys that sign sessions."""

    def __init__(self, ring: KeyRing, clock: Clock) -> None:
        self._ring = ring
        self._clock = clock

    def known(self, token: str | None, name: str, epoch: int | None) -> str | None:
        """The lane of known devices, if somebody of that login name has logged in there since the account's epoch.

        `epoch` None: no user here has that name as address.
        """
        claims = None if token is None else read_device(self._ring, token, self._clock.now())
        return None if claims is None or claims.user_id != _subject(name, epoch) else _LANE

    def issue(self, name: str, epoch: int | None) -> str:
        """A token for the device of somebody who has just logged in."""
        return sign_device(self._ring, new_device(_subject(name, epoch), self._clock.now()))


def _subject(name: str, epoch: int | None) -> str:
    return f"{name_hash(name)}.{'' if epoch is None else epoch}"


def device_cookie(request: web.Request, *, secure: bool) -> str | None:
    """The token that the browser keeps, whatever it is worth."""
    return request.cookies.get(_SECURE_NAME if secure else _NAME)


def set_device(response: web.StreamResponse, token: str, *, secure: bool) -> None:
    """Let the browser keep it for half a year; no other site's page or link sends it."""
    response.set_cookie(
        _SECURE_NAME if secure else _NAME,
        token,
        max_age=DEVICE_LIFETIME_S,
        path="/",
        secure=secure,
        httponly=True,
        samesite="Strict",
    )
