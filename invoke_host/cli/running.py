"""Finding the host that a command shall talk to, or starting one for the time of a call."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final

from invoke_host.cli.client import connect
from invoke_host.cli.errors import CliError, ExitCode

#: How long a host may take to become ready; the first start installs the database and checks the model.
START_LIMIT_S: Final = 120.0

#: Between two looks whether it is ready.
_LOOK_EVERY_S: Final = 0.05

#: Beyond the host's own drain time.
_STOP_LIMIT_S: Final = 90.0


async def find(root: Path, url: str | None) -> str | None:
    """The URL of a host that answers: the one asked for, or that of the root folder; None if none runs there.

    Raises:
        CliError: `url` was given and no host answers there.
    """
    if url is not None:
        async with connect(url) as client:
            await client.check()
            return client.url
    announced = _announced(root)
    if announced is None:
        return None
    async with connect(announced[0]) as client:
        try:
            await client.check()
        except CliError:
            return None  # left behind by a host that was killed
        return client.url


async def find_or_fail(root: Path, url: str | None) -> str:
    """Like `find`, for commands that make no sense without a running host."""
    found = await find(root, url)
    if found is None:
        raise CliError(
            f"no host runs in {root}; start it with `invoke-host --root {root} serve`, "
            "or name another one with --url or --root",
            ExitCode.UNHEALTHY,
        )
    return found


@asynccontextmanager
async def found_or_started(root: Path, url: str | None) -> AsyncIterator[str]:
    """The URL of the running host, or of one that is started now and stopped at the end."""
    found = await find(root, url)
    if found is not None:
        yield found
        return
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "invoke_host", "--root", str(root), "serve", "--port", "0"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us: we cancel first, then stop the host
            preexec_fn=ends_with_parent(),
        )
        try:
            yield await _ready_url(root, process, log)
        finally:
            await _stop(process)


def _announced(root: Path) -> tuple[str, int] | None:
    """URL and process of the host that announced itself in the root folder.

    Reads the same file as `invoke_host.root`, whose imports would triple the time of a small command.
    """
    try:
        data = json.loads((root / "run" / "host.json").read_bytes())
        return str(data["url"]), int(data["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


async def _ready_url(root: Path, process: asyncio.subprocess.Process, log: IO[bytes]) -> str:
    try:
        async with asyncio.timeout(START_LIMIT_S):
            while True:
                announced = _announced(root)
                if announced is not None and announced[1] == process.pid:
                    async with connect(announced[0]) as client:
                        if await client.is_ready():
                            return client.url
                if await _ended(process, within_s=_LOOK_EVERY_S):
                    raise CliError(f"the host did not start:\n{_tail(log)}", ExitCode.USAGE)
    except TimeoutError as error:
        message = f"the host was not ready after {START_LIMIT_S:.0f} s:\n{_tail(log)}"
        raise CliError(message, ExitCode.UNHEALTHY) from error


async def _ended(process: asyncio.subprocess.Process, *, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        return False
    return True


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        if not await _ended(process, within_s=_STOP_LIMIT_S):
            process.kill()
            await process.wait()


def ends_with_parent() -> Callable[[], object] | None:
    """What makes the child end with us, run in it before it starts: a host for one call must not outlive the call.

    Only Linux has this; elsewhere a killed command leaves the host running, and the next command finds and uses it.
    """
    if sys.platform != "linux":
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl  # looked up here: between fork and exec nothing may be imported
    pr_set_pdeathsig = 1
    return lambda: prctl(pr_set_pdeathsig, signal.SIGTERM)


def _tail(log: IO[bytes], lines: int = 20) -> str:
    log.seek(0)
    return "\n".join(log.read().decode("utf-8", "replace").strip().splitlines()[-lines:])
