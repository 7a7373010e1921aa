"""Reads `multipart/form-data`: declared fields only, within limits, files straight to the disk, all problems at once.

aiohttp's MultipartReader takes the body apart. What it leaves open is closed here: it reads any number of parts, any
amount of text before the first one, forms within forms, and unpacks what a part says is compressed. The names that
clients give their files are not even looked at.
"""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, BodyPartReader, MultipartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict
from pydantic import TypeAdapter, ValidationError

from invoke_host.api import BadRequest, FieldProblem, InvalidInput, PayloadTooLarge
from invoke_host.web._disposition import field_name
from invoke_host.web._multipart_stream import MAX_HEADER_BYTES, MAX_HEADERS, LimitedStream
from invoke_host.web.form import FileField, Form, FormFile, TextField
from invoke_host.web.inputs import check_announced_size, check_encoding, check_type, problems_of

__all__ = ["MULTIPART", "SMALL_FORM_TIMEOUT_S", "FileField", "Form", "FormFile", "TextField", "read_form"]

#: How long a form may take to arrive, and one of a few megabytes. One that stops arriving is given up sooner
#: (`STALL_TIMEOUT_S`).
FORM_TIMEOUT_S = 600.0
SMALL_FORM_TIMEOUT_S = 180.0
STALL_TIMEOUT_S = 30.0

MULTIPART = "multipart/form-data"

#: Parts beyond the declared ones that are still told; a form with more is not read on.
_MOST_STRANGE_PARTS = 8
_PIECE_BYTES = 512 * 1024

_PLAIN = frozenset({"", "7bit", "8bit", "binary"})

# They would print what a client wrote into its headers. Such parts have no name here, and are told as that.
warnings.filterwarnings("ignore", category=BadContentDispositionHeader)
warnings.filterwarnings("ignore", category=BadContentDispositionParam)


async def read_form(
    request: web.Request,
    *,
    folder: Path,
    limit_bytes: int,
    fields: Sequence[TextField] = (),
    files: Sequence[FileField] = (),
    timeout_s: float = FORM_TIMEOUT_S,
) -> Form:
    """The form in the body of `request`, at most `limit_bytes` in all.

    Files are written into `folder`, under names of the host's own. The folder and what is in it stay the caller's: to
    be used up or removed, also when this raises. The route declares `consumes="multipart/form-data"`.

    Raises:
        UnsupportedMedia: not `multipart/form-data`, or compressed.
        PayloadTooLarge: the body or a file is over its limit, whether announced or not.
        BadRequest: damaged on the way, or not here in time.
        InvalidInput: unknown, repeated, missing, too long or wrong fields, all of them at `("body", name)`.
        OSError: the disk refuses a file.
    """
    check_type(request, MULTIPART)
    check_encoding(request)
    check_announced_size(request, limit_bytes)
    reading = _Reading(folder, limit_bytes, [*fields, *files])
    try:
        async with asyncio.timeout(timeout_s):
            return await reading.read(request)
    except TimeoutError:
        raise BadRequest("the form did not arrive in time") from None
    except web.RequestPayloadError:
        raise BadRequest("the body is damaged: it does not follow its own Content-Length or chunks") from None


class _Reading:
    """One form on its way in."""

    def __init__(self, folder: Path, limit_bytes: int, declared: Sequence[TextField | FileField]) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._declared = {each.name: each for each in declared}
        self._problems: list[FieldProblem] = []
        self._given: set[str] = set()
        self._texts: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self._files: dict[str, FormFile] = {}

    async def read(self, request: web.Request) -> Form:
        if request.can_read_body:
            await self._read_parts(request)
        for name, wanted in self._declared.items():
            here = self._files if isinstance(wanted, FileField) else self._given
            if wanted.required and name not in here:
                self._problem(name, "this field is required", "missing")
        if self._problems:
            raise InvalidInput(self._problems)
        return Form(self._texts, self._values, self._files)

    async def _read_parts(self, request: web.Request) -> None:
        stream = LimitedStream(request.content, self._limit_bytes, STALL_TIMEOUT_S)
        most = len(self._declared) + _MOST_STRANGE_PARTS
        try:
            headers = CIMultiDict({hdrs.CONTENT_TYPE: request.headers[hdrs.CONTENT_TYPE]})
            parts = MultipartReader(
                headers,
                stream,  # type: ignore[arg-type] # the methods that the reader uses
                max_field_size=MAX_HEADER_BYTES,
                max_headers=MAX_HEADERS,
            )
            while (part := await parts.next()) is not None:
                most -= 1
                if most < 0:
                    self._malformed("it has too many parts")
                if not isinstance(part, BodyPartReader):
                    self._malformed("it holds a form within the form")
                await self._part(part)
        except (HttpProcessingError, ValueError, RuntimeError, AssertionError):
            self._malformed("its parts can't be told apart: check the boundary and the lines before each part")

    async def _part(self, part: BodyPartReader) -> None:
        name = field_name(part.headers.get(hdrs.CONTENT_DISPOSITION, ""))
        wanted = self._declared.get(name or "")
        if name is None or wanted is None:
            names = ", ".join(sorted(self._declared))
            told = (name or "").encode("unicode_escape").decode()[:64]
            self._problem(told or "?", f"there is no such field; known: {names}", "extra_forbidden")
        elif name in self._given:
            self._problem(name, "given more than once", "repeated")
        elif not _is_plain(part):
            self._problem(name, "parts may not be compressed or encoded", "encoding")
        else:
            self._given.add(name)
            if isinstance(wanted, FileField):
                return await self._file(part, wanted)
            return await self._text(part, wanted)
        return await part.release()

    async def _text(self, part: BodyPartReader, wanted: TextField) -> None:
        raw = bytearray()
        while len(raw) <= wanted.limit_bytes and (chunk := await part.read_chunk(_PIECE_BYTES)):
            raw += chunk
        if len(raw) > wanted.limit_bytes:
            await part.release()
            self._problem(wanted.name, f"longer than {wanted.limit_bytes} bytes", "string_too_long")
            return
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            self._problem(wanted.name, "must be UTF-8 text", "string_unicode")
            return
        if "\0" in text:
            self._problem(wanted.name, "must not contain the NUL character", "nul")
            return
        self._texts[wanted.name] = text
        if wanted.model is not None:
            self._parse(wanted, text)

    def _parse(self, wanted: TextField, text: str) -> None:
        try:
            value = TypeAdapter(wanted.model).validate_json(text)
        except ValidationError as error:
            self._problems += problems_of(error, "body", wanted.name)
            return
        self._values[wanted.name] = value

    async def _file(self, part: BodyPartReader, wanted: FileField) -> None:
        path = self._folder / f"{wanted.name}.upload"
        size_bytes = await _store(part, path, wanted)
        if size_bytes:
            self._files[wanted.name] = FormFile(path, size_bytes, part.headers.get(hdrs.CONTENT_TYPE, "")[:100])

    def _problem(self, name: str, message: str, kind: str) -> None:
        self._problems.append(FieldProblem(("body", name), message, kind))

    def _malformed(self, why: str) -> NoReturn:
        """What was found wrong so far, and that there was no reading on."""
        raise InvalidInput(
            [*self._problems, FieldProblem(("body",), f"the form is malformed: {why}", "form_malformed")]
        )


async def _store(part: BodyPartReader, path: Path, wanted: FileField) -> int:
    """Write the part to a file; a thread hop for each half MiB. Raises PayloadTooLarge, OSError."""
    descriptor = await asyncio.to_thread(os.open, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    size_bytes, piece = 0, bytearray()
    try:
        while chunk := await part.read_chunk(_PIECE_BYTES):
            piece += chunk
            size_bytes += len(chunk)
            if size_bytes > wanted.limit_bytes:
                raise PayloadTooLarge(f"{wanted.name}: the file is larger than {wanted.limit_bytes} bytes")
            if len(piece) >= _PIECE_BYTES:
                await asyncio.to_thread(_write, descriptor, bytes(piece))
                piece.clear()
        await asyncio.to_thread(_write, descriptor, bytes(piece))
    finally:
        os.close(descriptor)
    return size_bytes


def _write(descriptor: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]


def _is_plain(part: BodyPartReader) -> bool:
    encoding = part.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "").strip().lower()
    return encoding in _PLAIN and hdrs.CONTENT_ENCODING not in part.headers
