"""The programs that tests start and that pip can't install: found, installed from Debian packages, or named clearly."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class MissingServerError(Exception):
    """A needed program is not here and may not be installed; the message has the line that installs it."""


@dataclass(frozen=True, slots=True)
class Server:
    """A program, where it may lie (`*` in a path is a glob), and the Debian package that brings it."""

    package: str
    purpose: str
    places: tuple[str, ...]

    def is_here(self) -> bool:
        """True when one of its places exists or, for a plain name, is on the path."""
        return any(any(Path("/").glob(at[1:])) if at.startswith("/") else shutil.which(at) for at in self.places)


SERVERS = (
    Server("postgresql", "the second database of the storage tests", ("initdb", "/usr/lib/postgresql/*/bin/initdb")),
    Server(
        "chromium", "the tests of the pages that the host serves", ("chromium", "chromium-browser", "google-chrome")
    ),
    Server("slapd", "the directory that logins are tested with", ("slapd", "/usr/sbin/slapd")),
    Server("curl", "the examples in README and docs", ("curl",)),
    Server("libfaketime", "clocks that jump under a running host", ("/usr/lib/*/faketime/libfaketimeMT.so.1",)),
)


def ensure_servers(servers: Sequence[Server] = SERVERS) -> None:
    """Install what is missing when this is root on Debian; raise MissingServerError otherwise."""
    missing = [server for server in servers if not server.is_here()]
    if not missing:
        return
    packages = [server.package for server in missing]
    line = f"apt-get install --no-install-recommends {' '.join(packages)}"
    reasons = "\n".join(f"  {server.package}: {server.purpose}" for server in missing)
    if not shutil.which("apt-get"):
        raise MissingServerError(f"The tests need programs that are not here:\n{reasons}\nOn Debian: {line}")
    if os.geteuid() != 0:
        raise MissingServerError(
            f"The tests need programs that are not here:\n{reasons}\nInstall them with: sudo {line}"
        )
    print(f"Installing {', '.join(packages)} (Debian packages that the tests start)", flush=True)
    _apt("update", line=line)
    _apt("install", "--yes", "--no-install-recommends", *packages, line=line)
    if still := [server.package for server in missing if not server.is_here()]:
        raise MissingServerError(
            f"apt-get installed {', '.join(still)}, but the programs are in none of the known places"
        )


def _apt(*arguments: str, line: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", "--quiet", "--quiet", *arguments], env=environment, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode != 0:
        raise MissingServerError(f"apt-get {arguments[0]} failed (its message is above). Install by hand: {line}")
