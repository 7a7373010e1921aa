"""Where a request comes from when reverse proxies stand between: their headers are believed, nobody else's.

Counted from the right: each proxy adds the address it was called from at the end, and what stands to the left of the
first address that is no proxy of ours was written by the client.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web
from multidict import istr

_FORWARDED_FOR = istr("X-Forwarded-For")
_FORWARDED_PROTO = istr("X-Forwarded-Proto")

#: More entries than any chain of proxies has; the rest is not looked at.
_MOST_HOPS = 32


class TrustedProxies:
    """The configured addresses and networks (`[server] trusted_proxies`)."""

    def __init__(self, networks: tuple[str, ...] = ()) -> None:
        self._networks = tuple(ip_network(each) for each in networks)
        # Bounded, because clients choose what stands in their headers.
        self._knows = lru_cache(maxsize=1024)(self._judge)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        return bool(self._networks) and self._knows(address)

    def _judge(self, address: str) -> bool:
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self._networks)


#: For hosts without a proxy in front.
NO_PROXIES = TrustedProxies()


def client_address(request: web.Request, trusted: TrustedProxies) -> str | None:
    """The address of the client as far as it can be known, None if the connection has none (a Unix socket)."""
    peer = request.remote
    if not peer:
        return None
    return _hops(request, trusted, peer)[-1] if trusted else _plain(peer)


def is_secure(request: web.Request, trusted: TrustedProxies, public_url: str | None) -> bool:
    """Whether the client speaks TLS: where users are told to use `https:`, by a proxy's word, or on this connection."""
    if public_url is not None and public_url.lower().startswith("https:"):
        return True
    peer = request.remote
    if trusted and peer and peer in trusted:
        told = _values(request, _FORWARDED_PROTO)
        if told:
            # One value is passed on by the proxies behind; where each adds its own, they stand like the addresses.
            hops = len(_hops(request, trusted, peer)) - 1
            return told[-min(max(hops, 1), len(told))].lower() == "https"
    return request.secure


def _hops(request: web.Request, trusted: TrustedProxies, peer: str) -> list[str]:
    """From the peer towards the client: trusted proxies, then the first address that is none."""
    hops = [_plain(peer)]
    for entry in reversed(_values(request, _FORWARDED_FOR)):
        if hops[-1] not in trusted:
            break
        address = _address(entry)
        if address is None:
            break  # not an address: what a proxy of ours was told is unknown, it itself is the last that is sure
        hops.append(address)
    return hops


def _values(request: web.Request, name: istr) -> list[str]:
    lines = request.headers.getall(name, ())
    if not lines:
        return []
    return [each.strip() for each in ",".join(lines).rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]]


def _address(entry: str) -> str | None:
    """An entry of X-Forwarded-For as plain text of an address; some proxies add the port."""
    host = entry
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    parsed = _parse(host)
    return None if parsed is None else str(parsed)


@lru_cache(maxsize=1024)
def _plain(address: str) -> str:
    """One way of writing each address: without zone, and IPv4 as such where it comes through an IPv6 socket."""
    parsed = _parse(address)
    return address if parsed is None else str(parsed)


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed
