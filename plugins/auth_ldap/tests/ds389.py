"""A real 389 Directory Server for tests: unprivileged, on loopback, in a folder of its own, without its installer."""

from __future__ import annotations

import base64
import getpass
import hashlib
import shutil
import socket
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ldap3
from slapd import BASE, READER_DN, READER_PASSWORD, free_port

_DATA = Path("/usr/share/dirsrv/data")
_ETC = Path("/etc/dirsrv")
_ROOT_DN, _ROOT_PASSWORD = "cn=Directory Manager", "root-Heron-88"


@dataclass
class DirectoryServer389:
    """One server, with a reader who may search."""

    root: Path
    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def uri(self) -> str:
        return f"ldap://localhost:{self.port}"

    def start(self) -> DirectoryServer389:
        """Returns when it answers and has its tree."""
        self.port = free_port()
        config = self.root / "config"
        for name in ("config", "lock", "tmp", "ldif", "bak", "run", "log", "db"):
            (self.root / name).mkdir(parents=True)
        shutil.copytree(_ETC / "schema", config / "schema")
        for name in ("slapd-collations.conf", "certmap.conf"):
            shutil.copy(_ETC / "config" / name, config)
        text = (_DATA / "template-dse.ldif").read_text()
        for name, value in self._places().items():
            text = text.replace(f"%{name}%", value)
        (config / "dse.ldif").write_text(text)
        with (self.root / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [shutil.which("ns-slapd") or "/usr/sbin/ns-slapd", "-D", config, "-i", self.root / "pid", "-d", "0"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait()
        self._fill()
        return self

    def stop(self) -> None:
        """End it; harmless when repeated."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def admin(self) -> ldap3.Connection:
        """A connection that may change everything."""
        server = ldap3.Server("localhost", port=self.port, get_info=ldap3.NONE)
        return ldap3.Connection(
            server, _ROOT_DN, _ROOT_PASSWORD, auto_bind=True, check_names=False, raise_exceptions=True
        )

    def add(self, dn: str, classes: list[str], **values: Any) -> None:
        with self.admin() as connection:
            connection.add(dn, classes, values)

    def change(self, dn: str, **values: list[str]) -> None:
        with self.admin() as connection:
            connection.modify(dn, {name: [(ldap3.MODIFY_REPLACE, new)] for name, new in values.items()})

    def person(self, uid: str, password: str, **values: Any) -> str:
        """Add a person; their DN."""
        dn = f"uid={uid},ou=people,{BASE}"
        given = {"cn": uid.title(), "sn": uid.title(), "mail": f"{uid}@example.org", **values}
        self.add(dn, ["inetOrgPerson"], userPassword=password, **given)
        return dn

    def group(self, name: str, *members: str) -> str:
        """Add a group; its DN."""
        dn = f"cn={name},ou=groups,{BASE}"
        self.add(dn, ["groupOfNames"], member=list(members))
        return dn

    def _places(self) -> dict[str, str]:
        at = {name: str(self.root / name) for name in ("config", "lock", "tmp", "ldif", "bak", "run", "log", "db")}
        return {
            **{f"{name}_dir": path for name, path in at.items()},
            "schema_dir": str(self.root / "config" / "schema"),
            "cert_dir": at["config"],
            "inst_dir": str(self.root),
            "db_home_dir": at["db"],
            "db_lib": "bdb",
            "fqdn": "localhost",
            "ds_port": str(self.port),
            "ds_user": getpass.getuser(),
            "rootdn": _ROOT_DN,
            "ds_passwd": _hashed(_ROOT_PASSWORD),
            "ds_suffix": BASE,
            "instance_name": "tests",
            "ldapi": str(self.root / "ldapi"),
            "ldapi_enabled": "off",
            "ldapi_autobind": "off",
        }

    def _wait(self) -> None:
        assert self._process is not None
        for _ in range(600):
            if self._process.poll() is not None:
                raise AssertionError(f"ns-slapd ended:\n{self._log()}")
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)  # it has no other way to say that it listens
        raise AssertionError(f"ns-slapd did not start:\n{self._log()}")

    def _log(self) -> str:
        files = [self.root / "server.log", self.root / "log" / "errors"]
        return "".join(file.read_text(errors="replace")[-2000:] for file in files if file.exists())

    def _fill(self) -> None:
        self.add(
            "cn=userRoot,cn=ldbm database,cn=plugins,cn=config",
            ["extensibleObject", "nsBackendInstance"],
            **{"nsslapd-suffix": BASE},
        )
        self.add(
            f'cn="{BASE}",cn=mapping tree,cn=config',
            ["extensibleObject", "nsMappingTree"],
            **{"nsslapd-state": "backend", "nsslapd-backend": "userRoot"},
        )
        rights = f'(targetattr="*")(version 3.0; acl "read"; allow (read,search,compare) userdn="ldap:///{READER_DN}";)'
        self.add(BASE, ["domain"], dc="example", aci=rights)
        for unit in ("people", "groups", "services"):
            self.add(f"ou={unit},{BASE}", ["organizationalUnit"], ou=unit)
        self.add(READER_DN, ["applicationProcess", "simpleSecurityObject"], userPassword=READER_PASSWORD)


def _hashed(password: str) -> str:
    salt = b"of-tests"
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + salt).digest() + salt).decode()
