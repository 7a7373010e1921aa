"""Runs a host in this process until a signal ends it: SIGTERM and Ctrl-C drain, a second one stops at once."""

from __future__ import annotations

import asyncio
import gc
import os
import signal

from structlog.typing import FilteringBoundLogger

from invoke_host.compose import running
from invoke_host.config import LoadedConfig
from invoke_host.ops.banner import show_banner
from invoke_host.ops.logging import setup_logging

#: Exit code after a second signal: work was given up, not drained.
EXIT_INTERRUPTED = 130


def serve(loaded: LoadedConfig) -> int:
    """Serve until a signal; returns the exit code. Raises StartupError if the host can't start."""
    # Pictures and the database are the users': others on this machine come in through the host or not at all.
    os.umask(0o077)
    log = setup_logging(loaded.config.logging.level, loaded.config.logging.format)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(loaded, log))


async def _serve(loaded: LoadedConfig, log: FilteringBoundLogger) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, stop, log)
    async with running(loaded, log) as host:
        show_banner(host.facts, log)
        # What was made until now lives as long as the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        await stop.wait()
        log.info("stopping", detail="finishing what runs; send the signal again to stop at once")
    log.info("stopped")
    return 0


def _on_signal(stop: asyncio.Event, log: FilteringBoundLogger) -> None:
    if stop.is_set():
        log.warning("stopped_at_once")
        os._exit(EXIT_INTERRUPTED)  # workers end with this process; the queue is recovered at the next start
    stop.set()


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not made for this platform; asyncio's own loop serves
        return None
    loop: type[asyncio.AbstractEventLoop] = uvloop.Loop
    return loop
