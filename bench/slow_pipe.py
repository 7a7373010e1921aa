"""A server that takes connections at once and passes on what is sent only after a while; in a process of its own.

`python -m bench.slow_pipe PORT DELAY_S` prints the port where it listens, and ends when its standard input closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

from bench.measure import ROOT


@contextlib.contextmanager
def slow_pipe(port: int, delay_s: float) -> Iterator[int]:
    """A pipe to `port` on loopback; the port where it listens."""
    command = [sys.executable, "-m", "bench.slow_pipe", str(port), str(delay_s)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


async def serve(to: int, delay_s: float) -> None:
    """Listen until standard input closes."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay_s)
        behind, ahead = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(_copy(reader, ahead), _copy(behind, writer))

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
