"""One connection to one server: opened once, protected before anything secret is sent, never reopened, never referred.

ldap3 is used with little trust: a Connection of its reopens a closed socket in `bind` (in clear text, after StartTLS),
follows referrals with the same password, asks for the schema before StartTLS, changes passwords (SASLprep), and waits
for each address of a name as long as for one, all by default.
"""

from __future__ import annotations

import math
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

import ldap3
from ldap3.core.exceptions import LDAPException

from invoke_auth_ldap.errors import DirectoryError, Unreachable, printable
from invoke_auth_ldap.restrained import AddressesInTime, Once
from invoke_auth_ldap.servers import ServerAddress
from invoke_auth_ldap.tls import VerifiedTls

SUCCESS: Final = 0
SIZE_LIMIT: Final = 4
REFERRAL: Final = 10
NO_SUCH_OBJECT: Final = 32

#: busy, unavailable: what a server says that is overloaded or going down.
_GOING_AWAY: Final = frozenset({51, 52})

#: What a search may bring at most; more groups than that has nobody.
MOST_ENTRIES: Final = 5000
#: Entries asked for at once (RFC 2696); Active Directory gives no more than 1000.
_PAGE: Final = 500
_PAGES: Final = "1.2.840.113556.1.4.319"

Security = Literal["starttls", "ldaps", "plain"]
Scope = Literal["base", "subtree"]
_SCOPES: Mapping[Scope, str] = {"base": ldap3.BASE, "subtree": ldap3.SUBTREE}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as the server sent it: its DN, and values by attribute name in lower case."""

    dn: str
    values: Mapping[str, Sequence[bytes]]

    def all(self, attribute: str) -> list[bytes]:
        """The values of an attribute, none if it is not there."""
        return list(self.values.get(attribute.lower(), ()))

    def text(self, attribute: str) -> str | None:
        """The only value as text; None if there is none, several, or what is no text."""
        values = self.all(attribute)
        if len(values) != 1:
            return None
        try:
            return values[0].decode("utf-8")
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True, slots=True)
class BindResult:
    """LDAP result code and the server's text, which Active Directory puts its reasons in."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Channel:
    """How connections are made. `time_left` says how many seconds the whole visit still has, 0 or less: it is over."""

    security: Security
    context: ssl.SSLContext
    connect_timeout_s: float
    read_timeout_s: float
    time_left: Callable[[], float]

    def timeout(self, longest_s: float) -> float:
        """The next wait. Raises Unreachable when the visit's time is over."""
        left = self.time_left()
        if left <= 0:
            raise Unreachable("the time for this login is over", "connect")
        return min(longest_s, left)


class DirectoryConnection:
    """A connection that is open and protected when it is made. One thread uses it; `abort` may be called by others.

    Raises Unreachable from every method when the server is gone, or says what no client understands.
    """

    def __init__(self, server: ServerAddress, channel: Channel, opened: Callable[[DirectoryConnection], None]) -> None:
        """`opened` is told of this object before the first byte is sent, so that it can be aborted."""
        self.server = server
        self._channel = channel
        self._tls = VerifiedTls(channel.context)
        self._connection = Once(
            AddressesInTime(
                server.host,
                port=server.port,
                use_ssl=channel.security == "ldaps",
                tls=self._tls,
                get_info=ldap3.NONE,
                connect_timeout=channel.timeout(channel.connect_timeout_s),
                allowed_referral_hosts=[],
            ),
            # ldap3 packs whole seconds into a socket option.
            receive_timeout=math.ceil(channel.timeout(channel.read_timeout_s)),
            auto_bind=ldap3.AUTO_BIND_NONE,
            client_strategy=ldap3.SYNC,
            auto_referrals=False,
            check_names=False,
            read_only=True,
            raise_exceptions=False,
            return_empty_attributes=False,
        )
        opened(self)
        try:
            self._run("connect", lambda: self._connection.open(read_server_info=False))
            if channel.security == "starttls" and not self._run(
                "tls", lambda: self._connection.start_tls(read_server_info=False)
            ):
                raise Unreachable(f"{server.uri} did not start TLS", "tls", server.uri)
            self._check_protection()
        except BaseException:
            self.close()
            raise

    def bind(self, dn: str, password: str) -> BindResult:
        """Say who this is. A server that says yes to an empty password is never asked."""
        self._check_protection()
        if not dn or not password:
            return BindResult(49, "an empty name or password proves nothing")
        self._connection.authentication = ldap3.SIMPLE
        # As bytes it is sent as it is. As text ldap3 would change what looks alike, and refuse letters that are younger
        # than Unicode 3.2; nobody else does, so such a password would never fit.
        self._connection.user, self._connection.password = dn, password.encode()
        try:
            self._run("bind", lambda: self._connection.bind(read_server_info=False))
        finally:
            self._connection.password = self._connection.request = None
        return self._result("bind")

    def search(
        self, base: str, text: str, attributes: Sequence[str], *, scope: Scope = "subtree", most: int = MOST_ENTRIES
    ) -> list[Entry]:
        """The entries below `base` that match; more than `most` are cut off there. References elsewhere are ignored.

        Raises DirectoryError: the server refuses (no rights, no such base, a filter that it does not understand), or
        gives less than was asked for.
        """
        found: list[Entry] = []
        cookie: bytes | None = None
        while True:
            result = self._search(base, text, attributes, scope, most - len(found), cookie)
            found += self._entries()
            if result.code == NO_SUCH_OBJECT and scope == "base":
                return []
            if result.code == SIZE_LIMIT and len(found) < most:
                raise DirectoryError(
                    f"{self.server.uri} gives {len(found)} entries at most (its own size limit): {text[:200]}",
                    "search",
                    self.server.uri,
                )
            if result.code not in (SUCCESS, SIZE_LIMIT):
                raise DirectoryError(
                    f"{self.server.uri} {_refusal(result.code)} (result {result.code}): {base!r}",
                    "search",
                    self.server.uri,
                )
            cookie = self._cookie()
            if not cookie or len(found) >= most:
                return found[:most]

    def _search(
        self, base: str, text: str, attributes: Sequence[str], scope: Scope, most: int, cookie: bytes | None
    ) -> BindResult:
        self._run(
            "search",
            lambda: self._connection.search(
                base,
                text,
                search_scope=_SCOPES[scope],
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=list(attributes) or [ldap3.NO_ATTRIBUTES],
                size_limit=most,
                time_limit=math.ceil(self._channel.timeout(self._channel.read_timeout_s)),
                paged_size=_PAGE if cookie or (most > _PAGE and scope == "subtree") else None,
                paged_cookie=cookie,
            ),
        )
        return self._result("search")

    def _entries(self) -> list[Entry]:
        return [
            Entry(str(each["dn"]), {str(name).lower(): list(raw) for name, raw in each["raw_attributes"].items()})
            for each in self._connection.response or ()
            if each.get("type") == "searchResEntry"
        ]

    def _cookie(self) -> bytes | None:
        control = (self._connection.result.get("controls") or {}).get(_PAGES) or {}
        return (control.get("value") or {}).get("cookie") or None

    def features(self) -> frozenset[str]:
        """Object ids of controls, extensions, features and capabilities that the server announces (root DSE)."""
        names = ("supportedControl", "supportedExtension", "supportedFeatures", "supportedCapabilities")
        found = self.search("", "(objectClass=*)", names, scope="base")
        return frozenset(
            value.decode("ascii", "replace") for each in found for name in names for value in each.all(name)
        )

    def protection(self) -> str:
        """How the connection is protected, in words."""
        sock = self._connection.socket
        if not isinstance(sock, ssl.SSLSocket):
            return "no TLS"
        certificate = sock.getpeercert()
        if not certificate:
            return f"{sock.version()}, certificate not checked"
        names = ", ".join(str(name[1]) for name in certificate.get("subjectAltName", ()))
        return f"{sock.version()}, certificate for {names}, valid until {certificate.get('notAfter')}"

    def close(self) -> None:
        """Say good-bye; harmless when repeated."""
        sock = self._connection.socket
        with suppress(Exception):  # it may be gone already, and ldap3 says so in many ways
            self._connection.unbind()
        if sock is not None:
            with suppress(OSError):
                sock.close()

    def abort(self) -> None:
        """Cut it off: whatever waits in another thread for its answer ends with Unreachable."""
        sock = self._connection.socket
        if sock is None:
            return
        with suppress(OSError):  # not connected yet, or not any more
            # Not SSLSocket's own shutdown: that takes TLS off first, so that what another thread sends at that moment
            # would go out in clear text.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _check_protection(self) -> None:
        """No downgrade, ever: whatever ldap3 thinks, the socket itself must be TLS before anything secret is sent."""
        connection = self._connection
        if connection.closed or connection.socket is None:
            raise Unreachable(f"{self.server.uri} closed the connection", "connect", self.server.uri)
        if self._channel.security != "plain" and not self._tls.protects(connection.socket):
            raise Unreachable(f"the connection to {self.server.uri} is not protected", "tls", self.server.uri)

    def _run(self, stage: str, call: Callable[[], Any]) -> Any:
        self._channel.timeout(1)
        try:
            return call()
        except (LDAPException, OSError) as error:
            raise Unreachable(f"{self.server.uri}: {_reason(error)}", stage, self.server.uri) from error
        except Exception as error:
            # pyasn1 and ldap3 raise whatever comes to them when a server sends nonsense.
            raise Unreachable(
                f"{self.server.uri} sent something that is no LDAP ({type(error).__name__})", stage, self.server.uri
            ) from error

    def _result(self, stage: str) -> BindResult:
        result = self._connection.result or {}
        code = result.get("result")
        if not isinstance(code, int):
            raise Unreachable(f"{self.server.uri} gave no result", stage, self.server.uri)
        if code in _GOING_AWAY:
            raise Unreachable(f"{self.server.uri} says that it is busy or going down", stage, self.server.uri)
        return BindResult(code, str(result.get("message") or ""))


def _refusal(code: int) -> str:
    if code == NO_SUCH_OBJECT:
        return "has no such place"
    if code == REFERRAL:
        return "refers to another server, which is never asked"
    return "refused the search"


def _reason(error: Exception) -> str:
    return printable(str(error).strip() or type(error).__name__)[:300]
