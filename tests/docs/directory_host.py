"""Runs the page about OpenLDAP in front of a real one: its account is made, its configuration is the host's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import trustme
from sybil import Example

from scripts.host_process import running_host
from tests.docs.examples import TITLE, Runner
from tests.slapd import READER_DN, Slapd

#: What the page says, and what is here in its place.
SERVERS = '["ldap://ldap1.example.org", "ldap://ldap2.example.org"]'
CA = "/etc/ssl/company-ca.pem"


class DirectoryRunner(Runner):
    """A page whose first TOML is the configuration of a host in front of `slapd`."""

    def __init__(self, workspace: Path, environment: dict[str, str], slapd: Any, ca: Path, enter: Callable[..., Any]):
        super().__init__(workspace, "127.0.0.1:0", environment)
        self._slapd, self._ca, self._enter = slapd, ca, enter

    def run(self, page: Path) -> int:
        for attributes, source in re.findall(r"(?ms)^```text([^\n]*)\n(.*?)^```", page.read_text()):
            title = TITLE.search(attributes)
            if title and title[1] == "slapd.conf":
                assert source in (self._slapd.root / "slapd.conf").read_text(), "the server has other rules"
            elif title and title[1].endswith(".ldif"):
                self._add(source)
        return super().run(page)

    def toml(self, example: Example) -> str | None:
        """Checked as on any page, then the configuration of a host that is started."""
        super().toml(example)
        text = example.parsed.replace(SERVERS, f'["{self._slapd.uri}", "{self._slapd.uri}"]').replace(CA, str(self._ca))
        file = self.workspace / "var" / "invoke-host.toml"
        file.write_text(f"{text}\n[generation]\ndevices = []\n")
        file.chmod(0o600)
        host = self._enter(running_host(self.workspace / "var"))
        self.address = host.url.removeprefix("http://")
        return None

    def _shell(self, script: str, expected: str) -> str | None:
        here = expected.replace("ldap://ldap1.example.org", self._slapd.uri)
        return super()._shell(script, here.replace("ldap://ldap2.example.org", self._slapd.uri))

    def _add(self, ldif: str) -> None:
        pairs = [line.split(": ", 1) for line in ldif.splitlines() if line]
        values: dict[str, list[str]] = {}
        for name, value in pairs[1:]:
            values.setdefault(name, []).append(value)
        self._slapd.delete(READER_DN)  # the tests' own account; the page makes one of its own
        self._slapd.add(pairs[0][1], values.pop("objectClass"), **values)


@contextmanager
def directory_runner(workspace: Path, environment: dict[str, str]) -> Iterator[Runner]:
    """A slapd with TLS where Ann paints and Eve administrates, and the runner."""
    authority, ca = trustme.CA(), workspace / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    issued, pair = authority.issue_cert("localhost"), (workspace / "server.pem", workspace / "server.key")
    pair[0].write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(pair[1]))
    slapd = Slapd(workspace / "slapd", tls=pair).start()
    with ExitStack() as stack:
        stack.callback(slapd.stop)
        ann, eve = (slapd.person(uid, "Heron-55-lintel") for uid in ("ann", "eve"))
        slapd.group("staff", ann, eve)
        slapd.group("painters", ann)
        slapd.group("admins", eve)
        yield DirectoryRunner(workspace, environment, slapd, ca, stack.enter_context)
