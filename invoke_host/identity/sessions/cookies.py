"""The browser's session cookie: scripts can't read it, and forms of foreign pages are sent without it.

One name per way of reaching the host: under TLS the prefix `__Host-` makes browsers refuse such a cookie from any other
host and from plain HTTP (RFC 6265bis), so that nobody can plant theirs. Only the name of the way in use is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke_host.identity.sessions.service import IssuedToken

if TYPE_CHECKING:
    from aiohttp import web

_NAME = "invoke_session"
_SECURE_NAME = "__Host-invoke_session"


def cookie_name(*, secure: bool) -> str:
    """The cookie's name. `secure`: browsers reach this host by TLS."""
    return _SECURE_NAME if secure else _NAME


def set_session(response: web.StreamResponse, issued: IssuedToken, secure: bool) -> None:
    """Let the browser keep the token: for its life when the session is remembered, else until the browser closes."""
    response.set_cookie(
        cookie_name(secure=secure),
        issued.token,
        max_age=issued.expires_in_s if issued.session.remember else None,
        path="/",
        secure=secure,
        httponly=True,
        samesite="Lax",
    )


def clear_session(response: web.StreamResponse, secure: bool) -> None:
    """Let the browser forget the token, and what it keeps of pictures and answers."""
    response.del_cookie(cookie_name(secure=secure), path="/", secure=secure, httponly=True, samesite="Lax")
    response.headers["Clear-Site-Data"] = '"cache"'


def says_something(response: web.StreamResponse, secure: bool) -> bool:
    """Whether the answer sets or clears the cookie already."""
    return cookie_name(secure=secure) in response.cookies


def read(header: str | None, secure: bool) -> str | None:
    """The token in a Cookie header, or None. Of two of the name none is known to be ours, which gives `""`."""
    if header is None or _NAME not in header:
        return None
    name = cookie_name(secure=secure)
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    values = [value for key, _, value in pairs if key == name]
    if not values:
        return None
    return values[0] if len(values) == 1 else ""
