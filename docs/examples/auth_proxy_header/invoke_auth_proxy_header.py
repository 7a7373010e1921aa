"""Login by a header that a reverse proxy sets after it has checked who calls; believed from trusted peers only."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Annotated

from pydantic import AfterValidator, Field, IPvAnyNetwork, ValidationInfo, field_validator

from invoke_host.api import (
    Authenticated,
    AuthOutcome,
    AuthProvider,
    HostView,
    Identity,
    PluginConfig,
    PluginManifest,
    Rejected,
    RequestView,
    hookimpl,
)

NAME_LENGTH = 255  # what the host can keep as a subject
EMAIL_LENGTH = 320


def _not_everybody(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if network.prefixlen == 0:
        raise ValueError(f"{network} would let anybody say who they are; name the proxy's address")
    return network


def _not_taken(name: str) -> str:
    if name in ("authorization", "cookie", "host"):
        raise ValueError(f"{name} has another meaning; choose a header of its own")
    return name


Peer = Annotated[IPvAnyNetwork, AfterValidator(_not_everybody)]
Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$"), AfterValidator(str.lower), AfterValidator(_not_taken)]


class ProxyHeaderConfig(PluginConfig):
    """The table `[plugins.proxy_header]`."""

    trusted_peers: tuple[Peer, ...]
    header: Header = "x-remote-user"
    email_header: Header | None = None
    name_header: Header | None = None
    groups_header: Header | None = None
    admin_group: str | None = Field(None, min_length=1)

    @field_validator("trusted_peers")
    @classmethod
    def _somebody(cls, peers: tuple[Peer, ...]) -> tuple[Peer, ...]:
        if not peers:
            raise ValueError("name the address of the proxy")
        return peers

    @field_validator("email_header", "name_header", "groups_header")
    @classmethod
    def _means_one_thing(cls, header: str | None, info: ValidationInfo) -> str | None:
        for other, value in info.data.items():
            if header is not None and value == header:
                raise ValueError(f"{header} is the value of {other} already")
        return header

    @field_validator("admin_group")
    @classmethod
    def _is_told(cls, group: str | None, info: ValidationInfo) -> str | None:
        if group is not None and info.data.get("groups_header", "invalid") is None:
            raise ValueError("nobody tells the groups; set groups_header too")
        return group


class ProxyHeaderProvider(AuthProvider):
    """Believes what the proxy says, and nobody else. There is nothing to ask, so nothing can be unavailable."""

    name = "proxy_header"

    def __init__(self, options: ProxyHeaderConfig) -> None:
        self._options = options

    async def from_request(self, request: RequestView) -> AuthOutcome | None:
        """Whom the header names. `peer` holds the connection; `client` is only what somebody said."""
        value = request.headers.get(self._options.header)
        if not value or not self._trusts(request.peer):
            return None
        # A comma: the header was sent twice (RFC 9110, 5.3), perhaps once by the caller.
        if "," in value or len(value) > NAME_LENGTH:
            return Rejected("bad_header")
        # ASCII only: other letters that differ by case alone, `ſam` and `sam` say, may be two people at the proxy.
        subject = value.strip().lower()
        if not subject or not value.isascii() or not subject.isprintable():
            return Rejected("bad_header")
        return Authenticated(self._identity(subject, request))

    async def refresh(self, identity: Identity) -> AuthOutcome:
        """The proxy is asked with every request, so an identity of ours is good until then."""
        return Authenticated(identity) if identity.provider == self.name else Rejected("not_mine")

    def _trusts(self, peer: str | None) -> bool:
        try:
            address = ip_address(peer or "")
        except ValueError:  # a Unix socket, or nobody
            return False
        # A socket for IPv4 and IPv6 shows an IPv4 peer as ::ffff:10.0.0.5.
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._options.trusted_peers)

    def _identity(self, subject: str, request: RequestView) -> Identity:
        def told(header: str | None, length: int) -> str:
            value = request.headers.get(header, "").strip() if header else ""
            return value if value.isprintable() and len(value) <= length else ""

        options = self._options
        email = told(options.email_header, EMAIL_LENGTH)
        groups = frozenset(filter(None, map(str.strip, told(options.groups_header, 8192).split(","))))
        return Identity(
            self.name,
            subject,
            login=subject,
            display_name=told(options.name_header, NAME_LENGTH),
            email=email if email.count("@") == 1 and "," not in email else None,
            groups=groups,
            admin=None if options.admin_group is None else options.admin_group in groups,
        )


class ProxyHeaderPlugin:
    """The plugin; its name in the TOML is `proxy_header`."""

    manifest = PluginManifest(
        name="proxy_header",
        api=">=1.0,<2",
        provides=frozenset({"auth"}),
        config=ProxyHeaderConfig,
        description="Login by a header of a trusted reverse proxy",
    )

    @hookimpl
    def invoke_auth_providers(self, host: HostView) -> Iterable[AuthProvider]:
        """One provider, with the options of this host."""
        return [ProxyHeaderProvider(host.options(ProxyHeaderConfig))]
