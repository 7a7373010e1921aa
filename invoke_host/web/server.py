"""Listens for HTTP and stops gently."""

from __future__ import annotations

import errno
import logging
import socket
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from invoke_host.api import StartupError

#: After an answer to a request whose body was not read, how long the rest of it is taken in before the connection ends.
LINGER_S = 2.0

#: How long a connection may be idle, and how long the head of its first request may take; bounds clients that dribble.
#: Longer than proxies keep theirs (nginx 60 s), so that it is the proxy that ends them; aiohttp's default is an hour.
IDLE_S = 75.0

_aiohttp_log = logging.getLogger("aiohttp.server")


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A listening server. `url` is where to reach it, with the real port where port 0 was asked for."""

    url: str
    host: str
    port: int
    _runner: web.AppRunner

    async def stop(self) -> None:
        """Stop listening, end event streams, let running requests finish up to the time limit, then cut them off.

        Harmless when called twice.
        """
        await self._runner.cleanup()


async def start(
    app: web.Application, host: str, port: int, *, finish_s: float = 10.0, idle_s: float = IDLE_S
) -> RunningServer:
    """Listen on `host` and `port` (0 = any free one); returns when connections are accepted.

    `finish_s` is how long `stop` waits for running requests, and once more for those it then cuts off.

    Raises:
        StartupError: the address can't be used; the text names it, the cause and the remedy.
    """
    _aiohttp_log.addFilter(_is_ours)  # added once, however often it is called
    runner = web.AppRunner(
        app,
        keepalive_timeout=idle_s,
        handle_signals=False,
        access_log=None,
        shutdown_timeout=finish_s,
        lingering_time=LINGER_S,
        # Compressed bodies are refused; without this, aiohttp would unpack them while throwing them away.
        auto_decompress=False,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise StartupError(_why(error, host, port)) from error
    address = runner.addresses[0]
    bound = int(address[1])
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - replaced, not bound
    return RunningServer(f"http://{f'[{shown}]' if ':' in shown else shown}:{bound}", host, bound, runner)


def _is_ours(record: logging.LogRecord) -> bool:
    """False for requests that are no HTTP: aiohttp logs each as an error of the server, with a traceback."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError) or _aiohttp_log.isEnabledFor(logging.DEBUG)


def _why(error: OSError, host: str, port: int) -> str:
    place = f"{host} port {port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"can't listen on {place}: another program uses it already. Stop that program, or choose another port "
            "with --port or [server] port."
        )
    if error.errno == errno.EACCES:
        return f"can't listen on {place}: not permitted. Ports below 1024 belong to the system; choose a higher one."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"can't listen on {place}: this machine has no such address. Set [server] host to one of its own."
    if isinstance(error, socket.gaierror):
        return f"can't listen on {place}: the name is unknown. Set [server] host to an address of this machine."
    return f"can't listen on {place}: {error.strerror or error}"
