"""One worker process seen from the host: start it, speak frames with it, notice that it is gone or stuck, end it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from invoke_host.generation.protocol import HEADER, Configure, Frame, ProtocolError, decode, encode, payload_length

_END_S = 5.0  # for a worker whose socket is closed
_LINE_CHARS = 2000


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Limits of worker processes; times in seconds. `threads` 0 = all cores but one, at least one."""

    threads: int = 0
    max_loaded_models: int = 2
    prompt_cache_bytes: int = 64 * 1024 * 1024
    heartbeat_s: float = 2.0
    heartbeat_timeout_s: float = 60.0
    step_timeout_s: float = 900.0
    start_timeout_s: float = 300.0
    restart_first_s: float = 0.2
    restart_most_s: float = 30.0
    environment: Mapping[str, str] = field(default_factory=dict)

    def thread_count(self) -> int:
        """Threads for one worker's arithmetic."""
        return self.threads or max(1, usable_cores() - 1)


def usable_cores() -> int:
    """Cores that this process may run on (containers often allow fewer than the machine has)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_environment(settings: WorkerSettings) -> dict[str, str]:
    """The host's environment without its own settings, which may hold secrets, and never online."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("INVOKE_HOST_")}
    if failpoint := os.environ.get("INVOKE_HOST_FAILPOINT"):
        own["INVOKE_HOST_FAILPOINT"] = failpoint
    threads = str(settings.thread_count())
    return own | {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "DIFFUSERS_VERBOSITY": "error",
        "PYTHONUNBUFFERED": "1",
        **settings.environment,
    }


class WorkerProcess:
    """A running worker. Made by `start`; after `end` or the first ProtocolError/EOF it is of no more use."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        log: FilteringBoundLogger,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._log = log
        self._output = asyncio.create_task(self._forward_output())

    @classmethod
    async def start(cls, device: str, settings: WorkerSettings, log: FilteringBoundLogger) -> WorkerProcess:
        """Start a worker and configure it for a device (`auto` = it chooses). It answers Ready or Refused later.

        Raises:
            OSError: the process can't be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            command = (
                sys.executable,
                "-P",
                "-m",
                "invoke_host.generation.worker",
                str(theirs.fileno()),
                str(os.getpid()),
            )
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=(theirs.fileno(),),
                    env=worker_environment(settings),
                )
            except BaseException:
                ours.close()
                raise
        reader, writer = await asyncio.open_unix_connection(sock=ours)  # EOF ends the worker if this is interrupted
        worker = cls(process, reader, writer, log.bind(worker_pid=process.pid))
        worker.send(
            Configure(
                device=device,
                threads=settings.thread_count(),
                max_loaded_models=settings.max_loaded_models,
                prompt_cache_bytes=settings.prompt_cache_bytes,
                heartbeat_s=settings.heartbeat_s,
            )
        )
        return worker

    @property
    def pid(self) -> int:
        """Process id, for the operator."""
        return self._process.pid

    def send(self, frame: Frame) -> None:
        """Put a frame on its way; a worker that is gone is noticed by `receive`."""
        if not self._writer.is_closing():
            self._writer.write(encode(frame))

    async def receive(self, timeout_s: float) -> Frame | None:
        """The next frame, or None when the worker is gone.

        Raises:
            TimeoutError: nothing came within `timeout_s`, not even a heartbeat.
            ProtocolError: what came is no frame.
        """
        try:
            async with asyncio.timeout(timeout_s):
                header = await self._reader.readexactly(HEADER.size)
                return decode(header, await self._reader.readexactly(payload_length(header)))
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise ProtocolError(f"the worker ended in the middle of a frame ({len(error.partial)} bytes)") from None
            return None
        except ConnectionError:
            return None

    def kill(self) -> None:
        """End it now; harmless when it is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> str:
        """Close the socket, a healthy worker's sign to go; kill it if it stays. Returns how it ended."""
        self._writer.close()
        try:
            async with asyncio.timeout(_END_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        self._output.cancel()
        with suppress(asyncio.CancelledError):
            await self._output
        return _how_it_ended(self._process.returncode or 0)

    async def _forward_output(self) -> None:
        """What the worker prints goes to the host's log, line by line."""
        stream, rest = self._process.stdout, b""
        while stream is not None and (chunk := await stream.read(8192)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in [*lines, rest] if len(rest) > _LINE_CHARS else lines:
                if text := line.decode(errors="replace").rstrip()[:_LINE_CHARS]:
                    self._log.info("worker.output", line=text)
            rest = b"" if len(rest) > _LINE_CHARS else rest


def _how_it_ended(returncode: int) -> str:
    if returncode == -signal.SIGKILL:
        return "it was killed (SIGKILL; the system does that when memory runs out)"
    if returncode < 0:
        return f"it was ended by {signal.Signals(-returncode).name}"
    return f"it ended with exit code {returncode}"
