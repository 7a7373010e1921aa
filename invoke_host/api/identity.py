"""Who is calling: what an authentication plugin returns and what the rest of the host sees.

A provider turns a request or a name and password into one immutable outcome. The host, not the provider, does length
limits, blank-password refusal, throttling, sessions and auditing. `(provider, subject)` is the identity's key.
"""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NewType

from invoke_host.api.accounts import PasswordAccounts
from invoke_host.api.secrets import Secret

UserId = NewType("UserId", str)

#: The internal user that owns what is made in single-user mode.
SYSTEM_USER_ID = UserId("system")


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of one request, read afresh from the database for it; the anonymous caller is a value too.

    `groups` holds ids of groups. `token_scopes` is what an API token is good for, None for callers without one;
    `is_admin` is already False where a token lacks the scope `admin`.

    `is_suspended`: the account is deactivated. No request has such a caller; what works for a user without them may.

    `facts` is what access policies looked up about the caller for this request, by policy name; two actors are equal
    without regard to it.
    """

    id: UserId | None
    kind: Literal["anonymous", "user", "system"]
    display_name: str = ""
    is_admin: bool = False
    is_suspended: bool = False
    groups: frozenset[str] = frozenset()
    provider: str = ""
    session_id: str | None = None
    token_id: str | None = None
    token_scopes: frozenset[str] | None = None
    facts: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: MappingProxyType({}), compare=False, repr=False
    )

    @property
    def is_anonymous(self) -> bool:
        """True when nobody is logged in."""
        return self.id is None


ANONYMOUS = Actor(id=None, kind="anonymous")


def fold_login(name: str) -> str:
    """A login name or e-mail address as it is compared and stored: no outer blanks, Unicode NFC, case-folded.

    Whoever types `Bob@Example.COM` and `bob@example.com` is the same person.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip()).casefold())


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider knows about somebody. `admin=None` means that the provider has no opinion.

    `groups` are groups as the provider names them. `host_groups` are the names of groups of this host that the provider
    puts them in; it takes them out of all others that it put them in before. None: it has no opinion about that.
    """

    provider: str
    subject: str
    login: str = ""
    display_name: str = ""
    email: str | None = None
    groups: frozenset[str] = frozenset()
    admin: bool | None = None
    host_groups: frozenset[str] | None = None
    claims: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The credential is good."""

    identity: Identity


@dataclass(frozen=True, slots=True)
class Rejected:
    """The credential is this provider's and bad; the chain stops."""

    code: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The provider can't answer now; `[auth] on_unavailable` decides what follows."""

    code: str
    retry_after_s: float | None = None


AuthOutcome = Authenticated | Rejected | Unavailable


@dataclass(frozen=True, slots=True)
class RequestView:
    """The read-only part of an HTTP request that a provider may look at. Header names are lower-case.

    A header that is sent several times is one value with `, ` between (RFC 9110, section 5.3). Refuse such a value
    where only one makes sense: one may come from a trusted proxy and the other from the caller.

    `peer` is who holds the connection, which may be a proxy; `client` is the address behind it, told by a proxy of
    `[server] trusted_proxies`, else the same as `peer`. `secure`: the client speaks TLS.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    peer: str | None
    secure: bool
    client: str | None = None


@dataclass(frozen=True, slots=True)
class LoginContext:
    """Circumstances of a password login: the client's address, and the time left for all providers together."""

    peer: str | None
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What one stage of `AuthProvider.diagnose` found; never a secret. `ok` None: nothing to judge, only to know."""

    stage: str
    ok: bool | None
    text: str


class AuthProvider(ABC):
    """One way to establish who is calling. Keeps no per-user state; its methods are called concurrently."""

    name: ClassVar[str]

    @property
    def accounts(self) -> PasswordAccounts | None:
        """How this host makes accounts and sets passwords here; None where they are kept elsewhere (a directory)."""
        return None

    async def open(self) -> None:  # noqa: B027 - optional: most providers have nothing to open
        """Called once before the first request; may do I/O."""

    async def close(self) -> None:  # noqa: B027 - optional, as open
        """Called once after the last request; must be harmless when called twice."""

    def check_bind(self, host: str) -> str | None:
        """Why this provider refuses to serve on that address, or None. Called before the host listens."""
        return None

    async def from_request(self, request: RequestView) -> AuthOutcome | None:
        """Judge a credential that is on the request itself; None = not mine, ask the next provider."""
        return None

    async def from_password(self, name: str, password: Secret, context: LoginContext) -> AuthOutcome | None:
        """Judge a name and password; None = I do not know this name."""
        return None

    async def diagnose(self, name: str | None, password: Secret | None) -> Sequence[Finding]:
        """Walk through everything that a login takes, and say what each stage found, up to the first that fails.

        With a name, that person's login as far as it goes without a password, or with it. For operators, who may see
        what a login never tells.
        """
        return ()

    @abstractmethod
    async def refresh(self, identity: Identity) -> AuthOutcome:
        """Is this identity still good? Rejected ends its sessions, Unavailable keeps them until the grace limit."""
