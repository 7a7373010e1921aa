"""No name and no password leaves this machine before TLS is up and the server is who it should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme
from slapd import READER_DN, READER_PASSWORD, Slapd
from wire import START_TLS_OK, START_TLS_REFUSED, Wire, listener, says, tapped

from conftest import Certificates, login, protected
from invoke_host.api import Authenticated, Unavailable

PASSWORD = "Wren-41-saffron"

#: What must never be seen in clear text. LDAP sends both as they are.
SECRET = (PASSWORD.encode(), READER_PASSWORD.encode(), READER_DN.encode(), b"alice")


def nothing_secret(wire: Wire) -> None:
    assert wire.connections, "nobody called, so nothing is proven"
    for word in SECRET:
        assert word not in wire.sent, f"{word!r} was sent in clear text"


async def test_a_login_over_starttls_shows_nothing_on_the_wire(
    tls_slapd: Slapd, certificates: Certificates, open_provider: Any
) -> None:
    async with tapped(tls_slapd.port) as wire:
        provider = await open_provider(protected(tls_slapd, certificates, servers=[f"ldap://localhost:{wire.port}"]))
        assert isinstance(await login(provider, "alice", PASSWORD), Authenticated)
    nothing_secret(wire)


async def test_a_login_over_ldaps_shows_nothing_on_the_wire(
    tls_slapd: Slapd, certificates: Certificates, open_provider: Any
) -> None:
    async with tapped(tls_slapd.tls_port) as wire:
        provider = await open_provider(protected(tls_slapd, certificates, servers=[f"ldaps://localhost:{wire.port}"]))
        assert isinstance(await login(provider, "alice", PASSWORD), Authenticated)
    nothing_secret(wire)


async def test_the_tap_sees_what_is_sent_in_clear_text(
    tls_slapd: Slapd, certificates: Certificates, open_provider: Any
) -> None:
    async with tapped(tls_slapd.port) as wire:
        options = protected(
            tls_slapd, certificates, servers=[f"ldap://localhost:{wire.port}"], tls="plain", allow_plaintext=True
        )
        assert isinstance(await login(await open_provider(options), "alice", PASSWORD), Authenticated)
    for word in SECRET:
        assert word in wire.sent


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([START_TLS_REFUSED], id="StartTLS is refused"),
        pytest.param([START_TLS_OK, b"no TLS at all"], id="no TLS follows"),
        pytest.param([START_TLS_OK + START_TLS_OK, START_TLS_OK], id="LDAP goes on after the yes"),
        pytest.param([b""], id="nothing is answered"),
        pytest.param([b"HTTP/1.1 400 Bad Request\r\n\r\n"], id="it is no directory"),
        pytest.param([bytes.fromhex("3084ffffffff")], id="an endless answer begins"),
        pytest.param([bytes.fromhex("300c02010161070a010004000400")], id="a bind is answered that nobody asked for"),
    ],
)
async def test_whatever_stands_in_for_the_server_gets_nothing_secret(
    tls_slapd: Slapd, certificates: Certificates, open_provider: Any, answers: list[bytes]
) -> None:
    wire = Wire()
    async with listener(says(wire, *answers), wire):
        options = protected(
            tls_slapd,
            certificates,
            servers=[f"ldap://localhost:{wire.port}"],
            connect_timeout_s=0.5,
            read_timeout_s=1,
            login_timeout_s=1.5,
        )
        assert isinstance(await login(await open_provider(options), "alice", PASSWORD), Unavailable)
    nothing_secret(wire)


class TestWrongCertificates:
    async def refused(self, server: Slapd, certificates: Certificates, open_provider: Any, scheme: str) -> None:
        port = server.port if scheme == "ldap" else server.tls_port
        async with tapped(port) as wire:
            options = protected(server, certificates, servers=[f"{scheme}://localhost:{wire.port}"], cooldown_s=0)
            provider = await open_provider(options)
            assert isinstance(await login(provider, "alice", PASSWORD), Unavailable)
            believed = options.model_copy(update={"verify": False, "ca_file": None})
            assert isinstance(await login(await open_provider(believed), "alice", PASSWORD), Authenticated)
        nothing_secret(wire)

    @pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
    @pytest.mark.parametrize("wrong", ["another host", "another authority"])
    async def test_a_certificate_that_proves_nothing_is_refused(
        self,
        tmp_path: Path,
        certificates: Certificates,
        open_provider: Any,
        scheme: str,
        wrong: str,
    ) -> None:
        if wrong == "another host":
            pair = certificates.server(tmp_path / "other", "elsewhere.example.org")
        else:
            pair = certificates.server(tmp_path / "other", "localhost", authority=trustme.CA())
        server = Slapd(tmp_path / "slapd", tls=pair).start()
        try:
            server.person("alice", PASSWORD)
            await self.refused(server, certificates, open_provider, scheme)
        finally:
            server.stop()


async def test_a_name_that_the_certificate_does_not_have_is_refused_even_if_the_address_is_right(
    tls_slapd: Slapd, certificates: Certificates, open_provider: Any
) -> None:
    options = protected(tls_slapd, certificates, servers=[f"ldap://127.0.0.2:{tls_slapd.port}"])
    assert isinstance(await login(await open_provider(options), "alice", PASSWORD), Unavailable)
