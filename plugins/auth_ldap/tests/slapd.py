"""A real OpenLDAP server for tests: unprivileged, on loopback, in a folder of its own, ready in about a second."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ldap3

BASE = "dc=example,dc=org"
ROOT_DN = f"cn=admin,{BASE}"
ROOT_PASSWORD = "root-Heron-88"
READER_DN = f"cn=reader,ou=services,{BASE}"
READER_PASSWORD = "Reader-Kestrel-31"

_SCHEMAS = Path("/etc/ldap/schema")
_MODULES = Path("/usr/lib/ldap")

_RIGHTS = f"""access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{READER_DN}" read by self read by * none"""


def program() -> str:
    """The path of slapd. Fails the test with the line that installs it."""
    found = shutil.which("slapd") or "/usr/sbin/slapd"
    if not Path(found).exists():
        raise AssertionError("slapd is not here. On Debian: apt-get install --no-install-recommends slapd")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Slapd:
    """One server. `config` is added to its database's part of slapd.conf, `schema` to the definitions before it, and
    `rights` is who may read what; with `tls` (certificate, key) it speaks StartTLS and LDAPS."""

    root: Path
    config: str = ""
    schema: str = ""
    rights: str = _RIGHTS
    log_level: str = "stats"
    tls: tuple[Path, Path] | None = None
    port: int = 0
    tls_port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def uri(self) -> str:
        return f"ldap://localhost:{self.port}"

    @property
    def ldaps_uri(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    @property
    def log(self) -> str:
        return (self.root / "slapd.log").read_text(errors="replace")

    def start(self) -> Slapd:
        """Make folder and configuration if need be; returns when it answers."""
        first = not (self.root / "slapd.conf").exists()
        if first:
            (self.root / "data").mkdir(parents=True)
            self.port, self.tls_port = free_port(), free_port()
            (self.root / "slapd.conf").write_text(self._configuration())
        uris = f"ldap://127.0.0.1:{self.port}/ ldap://[::1]:{self.port}/"
        if self.tls:
            uris += f" ldaps://127.0.0.1:{self.tls_port}/"
        with (self.root / "slapd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program(), "-f", str(self.root / "slapd.conf"), "-h", uris, "-d", self.log_level],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        self._wait()
        if first:
            self._fill()
        return self

    def stop(self) -> None:
        """End it; harmless when repeated."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """It takes connections (the kernel does) and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def admin(self) -> ldap3.Connection:
        """A connection that may change everything."""
        server = ldap3.Server("127.0.0.1", port=self.port, get_info=ldap3.NONE)
        return ldap3.Connection(
            server, ROOT_DN, ROOT_PASSWORD, auto_bind=True, check_names=False, raise_exceptions=True
        )

    def add(self, dn: str, classes: list[str], **values: Any) -> None:
        with self.admin() as connection:
            connection.add(dn, classes, values)

    def person(self, uid: str, password: str, **values: Any) -> str:
        """Add a person; their DN."""
        dn = f"uid={uid},ou=people,{BASE}"
        given = {"cn": uid.title(), "sn": uid.title(), "mail": f"{uid}@example.org", **values}
        self.add(dn, ["inetOrgPerson"], userPassword=password, **given)
        return dn

    def group(self, name: str, *members: str) -> str:
        """Add a group; its DN."""
        dn = f"cn={name},ou=groups,{BASE}"
        self.add(dn, ["groupOfNames"], member=list(members) or [ROOT_DN])
        return dn

    def change(self, dn: str, **values: list[str]) -> None:
        with self.admin() as connection:
            connection.modify(dn, {name: [(ldap3.MODIFY_REPLACE, new)] for name, new in values.items()})

    def delete(self, dn: str) -> None:
        with self.admin() as connection:
            connection.delete(dn)

    def _wait(self) -> None:
        assert self._process is not None
        for _ in range(1000):
            if self._process.poll() is not None:
                raise AssertionError(f"slapd ended:\n{self.log[-3000:]}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.01)  # it has no other way to say that it listens
        raise AssertionError(f"slapd did not start:\n{self.log[-3000:]}")

    def _configuration(self) -> str:
        schemas = "".join(f"include {_SCHEMAS}/{name}.schema\n" for name in ("core", "cosine", "nis", "inetorgperson"))
        tls = ""
        if self.tls:
            tls = f"TLSCertificateFile {self.tls[0]}\nTLSCertificateKeyFile {self.tls[1]}\nTLSVerifyClient never\n"
        return f"""{schemas}{self.schema}
pidfile {self.root}/slapd.pid
modulepath {_MODULES}
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload ppolicy
{tls}sizelimit unlimited
database mdb
suffix "{BASE}"
rootdn "{ROOT_DN}"
rootpw {ROOT_PASSWORD}
directory {self.root}/data
dbnosync
index objectClass,uid,member,entryUUID eq
{self.rights}
overlay memberof
overlay refint
refint_attributes member memberOf
{self.config}
"""

    def _fill(self) -> None:
        self.add(BASE, ["dcObject", "organization"], dc="example", o="Example")
        for unit in ("people", "groups", "services"):
            self.add(f"ou={unit},{BASE}", ["organizationalUnit"], ou=unit)
        self.add(READER_DN, ["organizationalRole", "simpleSecurityObject"], userPassword=READER_PASSWORD)
