"""Samba as a real Active Directory domain controller for tests: as root, on a loopback address of its own.

Its ports are fixed (389, 636), so each server takes another address of 127.0.0.0/8.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ldap3

AD_BASE = "DC=ad,DC=example,DC=org"
ADMIN, ADMIN_PASSWORD = "administrator@ad.example.org", "Admin-Heron-88"

_CONFIG = """[global]
netbios name = DC1
realm = AD.EXAMPLE.ORG
workgroup = EXAMPLE
server role = active directory domain controller
server services = ldap
interfaces = {address}/8
bind interfaces only = yes
private dir = {root}/private
state directory = {root}/state
cache directory = {root}/cache
lock directory = {root}/lock
pid directory = {root}
ncalrpc dir = {root}/ncalrpc
binddns dir = {root}/bind-dns
tls enabled = yes
tls certfile = {certificate}
tls keyfile = {key}
tls cafile = {ca}
[sysvol]
path = {root}/state/sysvol
[netlogon]
path = {root}/state/sysvol/ad.example.org/scripts
"""


def free_address() -> str:
    """A loopback address whose port 389 nobody has."""
    for number in range(5, 250):
        address = f"127.77.{os.getpid() % 250}.{number}"
        with closing(socket.socket()) as probe:
            if probe.connect_ex((address, 389)) != 0:
                return address
    raise AssertionError("no loopback address is free")


@dataclass
class DomainController:
    """One server. `pair` is certificate and key for its address, `ca` the authority behind them."""

    root: Path
    address: str
    pair: tuple[Path, Path]
    ca: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def uri(self) -> str:
        return f"ldap://{self.address}"

    def start(self) -> DomainController:
        """Make the domain (some seconds), and return when it answers."""
        if os.geteuid() != 0:
            raise AssertionError("samba can be a domain controller only for root")
        self.root.mkdir(parents=True)
        self.pair[1].chmod(0o600)  # else samba does not take it
        config = self.root / "smb.conf"
        config.write_text(
            _CONFIG.format(root=self.root, address=self.address, certificate=self.pair[0], key=self.pair[1], ca=self.ca)
        )
        options = ["--realm=AD.EXAMPLE.ORG", "--domain=EXAMPLE", "--server-role=dc", "--dns-backend=NONE"]
        options += ["--host-name=dc1", f"--host-ip={self.address}", f"--adminpass={ADMIN_PASSWORD}"]
        made = subprocess.run(
            ["samba-tool", "domain", "provision", "-s", config, *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr[-3000:]
        with (self.root / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [shutil.which("samba") or "/usr/sbin/samba", "-i", "-M", "single", "--no-process-group", "-s", config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait()
        return self

    def stop(self) -> None:
        """End it; harmless when repeated."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(20)

    def admin(self) -> ldap3.Connection:
        """A connection that may change everything."""
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self.ca))
        server = ldap3.Server(self.address, get_info=ldap3.NONE, tls=tls)
        return ldap3.Connection(
            server,
            ADMIN,
            ADMIN_PASSWORD,
            auto_bind=ldap3.AUTO_BIND_TLS_BEFORE_BIND,
            check_names=False,
            raise_exceptions=True,
        )

    def person(self, name: str, password: str, **values: Any) -> str:
        """Add a person; their DN."""
        dn = f"CN={name.title()},CN=Users,{AD_BASE}"
        given = {
            "sAMAccountName": name,
            "userPrincipalName": f"{name}@ad.example.org",
            "displayName": name.title(),
            "mail": f"{name}@example.org",
            "userAccountControl": "512",
            "unicodePwd": f'"{password}"'.encode("utf-16-le"),
            **values,
        }
        with self.admin() as connection:
            connection.add(dn, ["user"], given)
        return dn

    def group(self, name: str, *members: str) -> str:
        """Add a group; its DN."""
        dn = f"CN={name},CN=Users,{AD_BASE}"
        with self.admin() as connection:
            connection.add(dn, ["group"], {"sAMAccountName": name, "member": list(members)})
        return dn

    def change(self, dn: str, **values: list[Any]) -> None:
        with self.admin() as connection:
            connection.modify(dn, {name: [(ldap3.MODIFY_REPLACE, new)] for name, new in values.items()})

    def _wait(self) -> None:
        assert self._process is not None
        log = self.root / "server.log"
        for _ in range(600):
            if self._process.poll() is not None:
                raise AssertionError(f"samba ended:\n{log.read_text(errors='replace')[-3000:]}")
            with closing(socket.socket()) as probe:
                if probe.connect_ex((self.address, 389)) == 0:
                    return
            time.sleep(0.05)  # it has no other way to say that it listens
        raise AssertionError(f"samba did not start:\n{log.read_text(errors='replace')[-3000:]}")
