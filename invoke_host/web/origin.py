"""Keeps foreign web pages from acting through a visitor's browser: cross-site requests and DNS rebinding.

Browsers say where a request comes from in `Sec-Fetch-Site` (only over HTTPS and on loopback) and `Origin` (whenever the
method is unsafe or the page is foreign); both are checked where present. A request with neither is not from a browser.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from aiohttp import web

from invoke_host.api import Forbidden
from invoke_host.web.addresses import is_secure
from invoke_host.web.settings import WebSettings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_OWN_SITE = frozenset({"same-origin", "none"})
_LOCAL_NAMES = frozenset({"localhost", "ip6-localhost"})
_ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, never bound


class OriginGuard:
    """Decides from the headers of a request whether a foreign page sent it."""

    def __init__(self, settings: WebSettings) -> None:
        self._public_origin = settings.public_origin
        self._proxies = settings.proxies
        self._names = _LOCAL_NAMES | {
            name.lower() for name in (settings.public_host, settings.bind_host) if name and name not in _ANY_ADDRESS
        }
        self._check_host = settings.single_user or settings.check_host
        # One look-up instead of parsing per request; bounded, because the header is the client's to choose.
        self._is_own_host = lru_cache(maxsize=256)(self._judge_host)

    def check_host(self, request: web.Request) -> None:
        """Refuse names this host does not go by; a page of a foreign name that is pointed at us looks same-origin.

        Only where requests alone say who calls: a session's cookie is not sent along by such a page.

        Addresses pass, because no DNS answer can make a page come from one. Raises Forbidden.
        """
        if not self._check_host:
            return
        host = request.headers.get("Host")
        if host is not None and not self._is_own_host(host):
            raise Forbidden(
                f"this host does not go by the name {host[:100]!r}; open it by its address, or set [server] public_url "
                "to the URL you use"
            )

    def check_same_origin(self, request: web.Request) -> None:
        """Refuse a request that a browser sent for a page of another origin. Raises Forbidden."""
        headers = request.headers
        site = headers.get("Sec-Fetch-Site")
        if site is not None and site.lower() not in _OWN_SITE:
            raise Forbidden(f"refused: sent by a page of another site (Sec-Fetch-Site: {site[:40]})")
        origin = headers.get("Origin")
        if origin is None:
            return
        scheme = "https" if is_secure(request, self._proxies, None) else "http"
        own = f"{scheme}://{headers.get('Host', '')}".lower()
        if origin.lower() not in (own, self._public_origin):
            raise Forbidden(
                f"refused: sent by a page of {origin[:100]!r}, this host is {own!r}"
                + (
                    f" and {self._public_origin!r}"
                    if self._public_origin
                    else "; behind a proxy, set [server] public_url"
                )
            )

    def _judge_host(self, header: str) -> bool:
        name = _host_name(header)
        return name is not None and (name in self._names or _is_address(name))


def _host_name(header: str) -> str | None:
    """The name in a Host header, lower-case, without port, brackets and final dot; None if it is no such header."""
    if header.startswith("["):
        name, bracket, port = header[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return None
        port = port[1:]
    else:
        name, _, port = header.partition(":")
    if port and not port.isdigit():
        return None
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
