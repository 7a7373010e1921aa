"""Which server is asked next: in the operator's order, those that failed lately last."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server of the configuration."""

    uri: str
    host: str
    port: int


def address_of(uri: str) -> ServerAddress:
    """The address in a URI that the options have checked."""
    parts = urlsplit(uri)
    return ServerAddress(uri, parts.hostname or "", parts.port or (636 if parts.scheme == "ldaps" else 389))


class Servers:
    """The servers, and which of them failed when. Safe on several threads."""

    def __init__(self, uris: Sequence[str], cooldown_s: float, now: Callable[[], float] = monotonic) -> None:
        self._all = [address_of(uri) for uri in uris]
        self._cooldown_s = cooldown_s
        self._now = now
        self._failed_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def in_order(self) -> list[ServerAddress]:
        """All of them: those in use first, then those that cool down, the one that failed first before the others.

        A server that cools down is still tried when nothing else is left: an outage of all must end when one is back.
        """
        with self._lock:
            cooling = {uri: at for uri, at in self._failed_at.items() if self._now() - at < self._cooldown_s}
        return sorted(self._all, key=lambda each: cooling.get(each.uri, float("-inf")))

    def failed(self, server: ServerAddress) -> None:
        """It could not be reached, or went away."""
        with self._lock:
            self._failed_at[server.uri] = self._now()

    def worked(self, server: ServerAddress) -> None:
        """It answered."""
        with self._lock:
            self._failed_at.pop(server.uri, None)
