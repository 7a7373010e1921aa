"""TLS as the standard library does it, in place of ldap3's: verified against the name that the operator wrote.

ldap3's own class verifies nothing by default, takes no server name for SNI, and compares names itself.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import ldap3

from invoke_auth_ldap.options import LdapOptions


class CertificateProblem(Exception):
    """A file of the configuration can't be used; the message names the option, the file and the reason."""


def context_of(options: LdapOptions, root: Path) -> ssl.SSLContext:
    """What all connections use: TLS 1.2 at least, certificate and host name checked unless `verify = false`.

    Relative paths are in the root folder. Raises CertificateProblem.
    """
    context = ssl.create_default_context() if options.ca_file is None else _trusting(_files(root, options.ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.cert_file is not None and options.key_file is not None:
        certificate = _readable("cert_file", root, options.cert_file)
        key = _readable("key_file", root, options.key_file)
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise CertificateProblem(
                f"cert_file, key_file: {certificate} and {key} are no certificate and its key: {error}"
            ) from error
    return context


class VerifiedTls(ldap3.Tls):  # type: ignore[misc]  # ldap3 has no types
    """What ldap3 calls to put TLS on a socket, for LDAPS and StartTLS alike; after a failure nothing can go on."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context
        self._proven: ssl.SSLSocket | None = None

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        """Replace the connection's socket. The handshake, and with it every check, is over when this returns."""
        sock = self._context.wrap_socket(
            connection.socket, server_hostname=connection.server.host, do_handshake_on_connect=False
        )
        connection.socket = sock  # before the handshake, so that it can be cut off
        sock.do_handshake()
        self._proven = sock

    def protects(self, sock: object) -> bool:
        """Whether that very socket went through the handshake and its checks."""
        return sock is not None and sock is self._proven


def _trusting(files: Sequence[Path]) -> ssl.SSLContext:
    """A context that trusts the authorities in these files, and not those of the machine."""
    file = files[0]
    try:
        context = ssl.create_default_context(cafile=str(file))
        for file in files[1:]:
            context.load_verify_locations(cafile=str(file))
    except ssl.SSLError as error:
        raise CertificateProblem(f"ca_file: {file} has no certificate in it: {error}") from error
    return context


def _files(root: Path, value: Path) -> Sequence[Path]:
    """The file, or all in the folder: OpenSSL wants their names to be hashes, and says nothing if they are not."""
    path = root / value.expanduser()
    if not path.is_dir():
        return [_readable("ca_file", root, value)]
    found = [_readable("ca_file", root, file) for file in sorted(path.iterdir()) if file.is_file()]
    if not found:
        raise CertificateProblem(f"ca_file: there is no file in the folder {path}")
    return found


def _readable(option: str, root: Path, value: Path) -> Path:
    path = root / value.expanduser()
    try:
        path.open("rb").close()
    except OSError as error:
        raise CertificateProblem(f"{option}: {path} can't be read: {error.strerror}") from error
    return path


def _no_password() -> NoReturn:
    # Without this OpenSSL asks on the terminal, and a host that has none waits there for ever.
    raise ValueError("the key is protected by a password; it must be one without, readable by this host alone")
