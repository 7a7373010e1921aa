"""Starts whole hosts on one root folder, with failpoints armed, and talks to them until they die."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
import psutil

from .painter_plugin import KILLED

HERE = Path(__file__).parent
QUEUE = "/api/v1/queue/default"

CONFIG = """
[server]
port = 0
[plugins]
load = ["model_emoji", "painter"]
[generation]
executor = "painter"
[queue]
lease_s = 5
drain_s = 10
[plugins.sqlite]
synchronous = "normal"  # a killed process loses nothing that way either; only a power cut could
busy_timeout_s = 1.0
"""

#: `[queue] lease_s` above.
LEASE_S = 5

#: What a client sees of a host that is dying. (aiohttp's timeouts are among the former too: ask for them first.)
GONE = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError)

#: A host that cut a connection must be dead after so many seconds; a death takes milliseconds.
DEATH_S = 10.0


def install_painter(site: Path) -> None:
    """Make the painter plugin a distribution in `site`, which hosts get on their PYTHONPATH."""
    info = site / "invoke_host_painter-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: invoke-host-painter\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[invoke_host.plugins]\npainter = painter_plugin\n")
    for name in ("painter_plugin.py", "painter_worker.py"):
        shutil.copy(HERE / name, site / name)


class HostRoot:
    """A root folder and the hosts that live in it, one after another."""

    def __init__(self, root: Path, site: Path) -> None:
        self.root = root
        self.site = site
        self.log = root / "host.log"
        self.host: RunningHost | None = None
        root.mkdir(parents=True)
        (root / "invoke-host.toml").write_text(CONFIG)

    async def start(
        self,
        failpoint: str = "",
        *,
        answer_s: float = 30.0,
        through: Sequence[str] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> RunningHost:
        """A host that answers; none of its answers may be had if the failpoint kills it first.

        One that takes longer than `answer_s` for an answer counts as hanging. `through` is what its command line begins
        with, `environment` what is added to its own.
        """
        (self.root / "run" / "host.json").unlink(missing_ok=True)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("INVOKE_HOST_")}
        inherited["PYTHONPATH"] = str(self.site)
        if failpoint:
            inherited["INVOKE_HOST_FAILPOINT"] = failpoint
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *through,
                sys.executable,
                "-m",
                "invoke_host",
                "--root",
                str(self.root),
                "serve",
                env={**inherited, **environment},
                cwd=self.site,  # which `-m` looks into first; a copy of the host there is the one that runs
                stdout=log,
                stderr=log,
            )
        host = self.host = RunningHost(process, self, answer_s)
        await host.wait_until_it_listens()
        return host

    async def close(self) -> None:
        """Leave no process behind, whatever the test came to."""
        if self.host is not None:
            await self.host.kill()


class RunningHost:
    """One host process and a client for it."""

    def __init__(self, process: asyncio.subprocess.Process, root: HostRoot, answer_s: float) -> None:
        self.process = process
        self.root = root
        self.url = ""
        self._log_begin = root.log.stat().st_size
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=answer_s))

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    @property
    def worker_was_killed(self) -> bool:
        """Whether one of this host's workers died of a SIGKILL that was not the host's."""
        return KILLED in self.log_text()

    async def dies(self) -> None:
        """Return when it is dead; one that only seemed to die fails the test."""
        try:
            async with asyncio.timeout(DEATH_S):
                await self.process.wait()
        except TimeoutError:
            raise AssertionError(f"the host cut a connection and lives:\n{self.root.log.read_text()[-4000:]}") from None

    async def wait_until_it_listens(self) -> None:
        """Return when it listens or is dead; a host that does neither in 30 s fails the test with its log."""
        announcement = self.root.root / "run" / "host.json"
        for _ in range(3000):
            if not self.alive:
                return
            if announcement.exists():
                self.url = json.loads(announcement.read_text())["url"]
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"the host did not start:\n{self.root.log.read_text()[-4000:]}")

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON; raises one of GONE if the host dies over it, and TimeoutError if it hangs."""
        async with self.session.request(method, self.url + path, json=body, headers=headers) as answer:
            content = await answer.read()
            try:
                return answer.status, json.loads(content) if content else None
            except ValueError:
                raise AssertionError(f"{method} {path}: {answer.status} and no JSON: {content[:500]!r}") from None

    def log_text(self) -> str:
        """What this host has written."""
        with self.root.log.open("rb") as log:
            log.seek(self._log_begin)
            return log.read().decode(errors="replace")

    def workers(self) -> list[int]:
        """Process ids of its workers, the newest last."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process.pid).children()
            return [child.pid for child in children if "painter_worker" in " ".join(child.cmdline())]
        return []

    async def fetch(self, path: str) -> tuple[int, bytes]:
        async with self.session.get(f"{self.url}/{path}") as answer:
            return answer.status, await answer.read()

    async def kill(self) -> None:
        """kill -9, and wait until the process is gone."""
        self.signal(signal.SIGKILL)
        await self.gone()

    async def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        await self.gone()
        return self.process.returncode or 0

    def signal(self, number: int) -> None:
        # Not by the process object: it would poll, and take the exit status away from asyncio (CPython 3.11).
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    async def gone(self) -> None:
        async with asyncio.timeout(30):
            await self.process.wait()
        await self.session.close()
