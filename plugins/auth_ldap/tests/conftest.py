"""A real slapd with people in it, with and without TLS, and providers that ask it."""

from __future__ import annotations

import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

sys.path.insert(0, str(Path(__file__).parent))

from invoke_auth_ldap import LdapOptions, LdapProvider
from slapd import BASE, READER_DN, READER_PASSWORD, Slapd

from invoke_host.api import AuthOutcome, LoginContext, Secret
from invoke_host.testing.fakes import FakeHost


@dataclass(frozen=True)
class Certificates:
    """A certificate authority, and a server certificate of it for localhost."""

    ca: Path
    pair: tuple[Path, Path]
    authority: trustme.CA

    def server(self, folder: Path, *names: str, authority: trustme.CA | None = None) -> tuple[Path, Path]:
        """Certificate and key for other names, or of another authority."""
        folder.mkdir(parents=True, exist_ok=True)
        issued = (authority or self.authority).issue_cert(*names)
        certificate, key = folder / "server.pem", folder / "server.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return certificate, key


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    made = Certificates(folder / "ca.pem", (folder, folder), authority)
    return Certificates(made.ca, made.server(folder / "server", "localhost", "127.0.0.1"), authority)


@pytest.fixture(scope="session")
def tls_slapd(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Slapd]:
    """One server for all tests of a worker that only read: alice, bob, groups in groups, TLS."""
    server = Slapd(tmp_path_factory.mktemp("slapd") / "tls", tls=certificates.pair).start()
    alice = server.person("alice", "Wren-41-saffron")
    bob = server.person("bob", "Bobolink-17")
    painters = server.group("painters", alice)
    everybody = server.group("everybody", painters, bob)
    server.group("company", everybody)
    yield server
    server.stop()


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    """A server of this test's own, without TLS."""
    server = Slapd(tmp_path / "slapd").start()
    yield server
    server.stop()


def plain(server: Slapd, **more: Any) -> LdapOptions:
    """Options for a server without TLS."""
    values = {
        "preset": "openldap",
        "servers": [server.uri],
        "tls": "plain",
        "allow_plaintext": True,
        "base": BASE,
        "service_dn": READER_DN,
        "service_password": READER_PASSWORD,
        **more,
    }
    return LdapOptions.model_validate({name: value for name, value in values.items() if value is not None})


def protected(server: Slapd, certificates: Certificates, **more: Any) -> LdapOptions:
    """Options for StartTLS with the tests' own authority."""
    return plain(server, **{"tls": None, "allow_plaintext": False, "ca_file": str(certificates.ca), **more})


async def login(provider: LdapProvider, name: str, password: str, deadline_s: float = 10.0) -> AuthOutcome | None:
    """Ask as the host does."""
    return await provider.from_password(name, Secret(password), LoginContext(None, deadline_s))


@pytest.fixture
async def open_provider(tmp_path: Path) -> AsyncIterator[Callable[[LdapOptions], Any]]:
    """`await open_provider(options)`: a provider that is open, closed after the test."""
    made: list[LdapProvider] = []

    async def make(options: LdapOptions) -> LdapProvider:
        provider = LdapProvider(FakeHost(tmp_path, {"ldap": options}), options)
        made.append(provider)
        await provider.open()
        return provider

    yield make
    for provider in made:
        await provider.close()


def no_verification() -> ssl.SSLContext:
    """A client that believes everybody, to show what the server sends."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
