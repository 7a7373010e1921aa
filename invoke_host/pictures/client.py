"""Decoding for the rest of the host: one picture at a time, in a process that may die of it."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from structlog.typing import FilteringBoundLogger

from invoke_host.api import FieldProblem, InvalidInput, ServiceUnavailable, UnsupportedMedia
from invoke_host.pictures.process import DecoderGoneError, DecoderProcess, DecoderSettings
from invoke_host.pictures.result import read_result
from invoke_host.pictures.turns import Turns
from invoke_host.pictures.values import Decoded, DecodeJob

#: A process can be killed for no fault of the picture (the system was out of memory); then once more with a fresh one.
_TRIES = 2


class PictureDecoder:
    """Pictures from outside, made harmless. The process is started at first use and ends after some idle minutes."""

    def __init__(self, log: FilteringBoundLogger, settings: DecoderSettings | None = None) -> None:
        self.settings = settings or DecoderSettings()
        self._log = log
        self._turns = Turns(most_waiting=self.settings.most_waiting, most_of_one=self.settings.most_of_one)
        self._process: DecoderProcess | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """Process id while one runs."""
        return None if self._process is None else self._process.pid

    async def close(self) -> None:
        """End the process; a picture that is being decoded is given up."""
        self._stay()
        await self._end()
        await asyncio.gather(*self._ending)

    async def decode(
        self,
        source: Path,
        target_dir: Path,
        *,
        owner: str,
        max_pixels: int | None = None,
        thumbnail_px: int = 256,
        resize: tuple[int, int] | None = None,
        crop_visible: bool = False,
        keep_texts: bool = True,
        texts: Mapping[str, str] | None = None,
        field: str = "file",
    ) -> Decoded:
        """Decode a PNG, JPEG or WebP file, told by its content, and write it anew into `target_dir`.

        The picture is turned as its EXIF says, its first frame, in sRGB, RGB or RGBA with 8 bits. Of what the file says
        beside its pixels, nothing is left but the reference's three texts (`keep_texts`); `texts` replace those.
        `crop_visible` cuts the transparent border off before `resize` (width, height) is applied. Those who wait are
        served in turn by `owner` (a user's id); `field` is the place that problems are told for.

        Raises:
            UnsupportedMedia: it is none of the three.
            InvalidInput: damaged, too large (looked at before decoding), or too costly to decode.
            TooManyRequests, ServiceUnavailable: too many are waiting; or the decoder can't be started.
            OSError: there is no room for the files.
        """
        job = DecodeJob(
            source=os.fspath(source),
            target_dir=os.fspath(target_dir),
            max_pixels=min(max_pixels or self.settings.max_pixels, self.settings.max_pixels),
            thumbnail_px=thumbnail_px,
            resize=resize,
            crop_visible=crop_visible,
            keep_texts=keep_texts,
            texts=texts or {},
        )
        async with self._turns.turn(owner):
            self._stay()
            try:
                answer = await self._ask(job, field)
            finally:
                self._leave_later()
        _raise_refusal(answer, field)
        return await asyncio.to_thread(read_result, target_dir)

    async def _ask(self, job: DecodeJob, field: str) -> Mapping[str, Any]:
        for tries_left in reversed(range(_TRIES)):
            process = await self._running()
            try:
                return await process.ask(job, self.settings.timeout_s)
            except TimeoutError:
                await self._end()
                self._log.warning("decoder.stuck", after_s=self.settings.timeout_s)
                raise _too_costly(field) from None
            except DecoderGoneError as error:
                await self._end()
                self._log.warning("decoder.gone", reason=str(error), tries_left=tries_left)
                if error.cpu:
                    raise _too_costly(field) from None
            except asyncio.CancelledError:
                self._give_up(process)
                raise
        text = "the picture can't be decoded: the process that decodes it ended, twice"
        raise InvalidInput([FieldProblem(("body", field), text, "picture_too_costly")])

    async def _running(self) -> DecoderProcess:
        if self._process is not None and not self._process.alive:
            await self._end()
        if self._process is None:
            try:
                self._process = await DecoderProcess.start(self.settings, self._log)
            except OSError as error:
                self._log.error("decoder.not_started", error=str(error))
                raise ServiceUnavailable("pictures can't be decoded now: the decoder can't be started") from error
            self._log.info("decoder.started", decoder_pid=self._process.pid)
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await process.end()

    def _give_up(self, process: DecoderProcess) -> None:
        """End a process whose answer nobody waits for any more, without waiting for its end."""
        self._process = None
        task = asyncio.create_task(process.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _leave_later(self) -> None:
        def leave() -> None:
            if self._process is not None:
                self._give_up(self._process)

        self._stay()
        self._idle = asyncio.get_running_loop().call_later(self.settings.idle_s, leave)

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None


def _too_costly(field: str) -> InvalidInput:
    return InvalidInput([FieldProblem(("body", field), "the picture takes too long to decode", "picture_too_costly")])


def _raise_refusal(answer: Mapping[str, Any], field: str) -> None:
    reason, message = answer.get("refused"), str(answer.get("message", ""))
    if reason is None:
        return
    if reason == "unsupported":
        raise UnsupportedMedia(message)
    if reason == "no_room":
        raise OSError(errno.ENOSPC, message)
    raise InvalidInput([FieldProblem(("body", field), message, f"picture_{reason}")])
