"""The decoder seen from the host: start it, give it a job, notice that it is gone or stuck, end it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from structlog.typing import FilteringBoundLogger

from invoke_host.pictures.values import DecodeJob

_END_S = 2.0
_LINE_BYTES = 64 * 1024

#: All that the decoder gets of the host's environment: how to find Python and its libraries. No secrets, no proxies.
_KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """Limits of the decoder process. No picture of more than `max_pixels` is decoded, whatever a caller allows.

    `timeout_s` and `cpu_s` are for one picture; `idle_s` after the last one the process is ended.
    """

    max_pixels: int = 64_000_000
    timeout_s: float = 60.0
    cpu_s: float = 45.0
    idle_s: float = 300.0
    most_waiting: int = 64
    most_of_one: int = 16
    environment: Mapping[str, str] = field(default_factory=dict)


class DecoderGoneError(Exception):
    """The process ended with a job in it. `cpu`: because it used up the processor time of one picture."""

    def __init__(self, how: str, *, cpu: bool = False) -> None:
        self.cpu = cpu
        super().__init__(how)


class DecoderProcess:
    """A running decoder. After the first error it is of no more use and to be ended."""

    def __init__(self, process: asyncio.subprocess.Process, log: FilteringBoundLogger) -> None:
        self._process = process
        self._log = log.bind(decoder_pid=process.pid)
        self._output = asyncio.create_task(self._forward_output())

    @classmethod
    async def start(cls, settings: DecoderSettings, log: FilteringBoundLogger) -> DecoderProcess:
        """Start one. Raises OSError."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "invoke_host.pictures.decoder",
            str(os.getpid()),
            str(settings.max_pixels),
            str(settings.cpu_s),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
            env=_environment(settings),
        )
        return cls(process, log)

    @property
    def pid(self) -> int:
        """Process id, for the operator."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """False when it is known to have ended."""
        return self._process.returncode is None

    async def ask(self, job: DecodeJob, timeout_s: float) -> Mapping[str, Any]:
        """The answer to a job. Raises DecoderGoneError, TimeoutError."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the decoder has no pipes")
        try:
            async with asyncio.timeout(timeout_s):
                stdin.write(job.to_line())
                await stdin.drain()
                line = await stdout.readline()
        except (ConnectionError, ValueError) as error:
            raise await self._gone() from error
        if not line.endswith(b"\n"):
            raise await self._gone()
        try:
            answer = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise DecoderGoneError("it answered nonsense") from None
        if not isinstance(answer, dict):
            raise DecoderGoneError("it answered nonsense")
        return answer

    async def end(self) -> None:
        """Kill it and wait until it is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._output.cancel()
        with suppress(asyncio.CancelledError):
            await self._output

    async def _gone(self) -> DecoderGoneError:
        try:
            async with asyncio.timeout(_END_S):
                code = await self._process.wait()
        except TimeoutError:
            return DecoderGoneError("it stopped answering")
        how = f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with exit code {code}"
        return DecoderGoneError(how, cpu=code == -signal.SIGXCPU)

    async def _forward_output(self) -> None:
        """What it prints goes to the host's log, line by line."""
        stream = self._process.stderr
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:
                continue  # a line without end; what was read of it is dropped
            if not line:
                return
            if text := line.decode(errors="replace").rstrip()[:2000]:
                self._log.info("decoder.output", line=text)


def _environment(settings: DecoderSettings) -> dict[str, str]:
    kept = {name: os.environ[name] for name in (*_KEPT, "INVOKE_HOST_FAILPOINT") if name in os.environ}
    return {**kept, **settings.environment}
