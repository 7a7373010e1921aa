"""What the HTTP side needs to know about the host's configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from invoke_host.web.addresses import TrustedProxies


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Facts about this host, fixed at start.

    `single_user`: no login, every request is the local administrator. There, and with `check_host` (a proxy's header
    says who calls), the Host header is checked: nothing else keeps out a page whose name was pointed at this host.
    `public_url` is where users reach the host behind a proxy (`https://host.example`).
    `trusted_proxies`: addresses and networks of the proxies whose word about clients is believed.
    """

    single_user: bool = True
    check_host: bool = False
    bind_host: str = "127.0.0.1"
    public_url: str | None = None
    version: str = "0"
    trusted_proxies: tuple[str, ...] = ()
    #: `trusted_proxies`, ready to be asked.
    proxies: TrustedProxies = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "proxies", TrustedProxies(self.trusted_proxies))

    @property
    def public_origin(self) -> str | None:
        """Scheme, host and port of `public_url` as a browser sends them in Origin, or None."""
        if not self.public_url:
            return None
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}".lower()

    @property
    def public_host(self) -> str | None:
        """Host name of `public_url`, without the port, or None."""
        return urlsplit(self.public_url).hostname if self.public_url else None
