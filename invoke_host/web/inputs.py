"""Reads and validates what a request carries: query parameters and JSON body, all problems at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, get_origin

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from invoke_host.api import BadRequest, FieldProblem, InvalidInput, PayloadTooLarge, UnsupportedMedia
from invoke_host.api.web import Review
from invoke_host.jsonsize import MAX_VALUES, too_many_values

#: How long a JSON body may take to arrive.
BODY_TIMEOUT_S = 30.0

#: Problems in one answer; who sends a thousand wrong values is told of the first.
MOST_PROBLEMS = 1000

#: As much of a client's own words as a path to a problem repeats.
_LONGEST_NAME = 100

#: Longer bodies are read on a thread.
_SMALL_BYTES = 32 * 1024

_LISTS = (list, tuple, set, frozenset)


@dataclass(frozen=True, slots=True)
class _Refused:
    """What is wrong with a body, and what it holds; `values` None = it is no JSON."""

    problems: list[FieldProblem]
    values: Any


class QueryReader:
    """Validates the query string against a model; repeated names fill list fields, unknown names are ignored."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model
        self._names = {field.alias or name: _is_list(field.annotation) for name, field in model.model_fields.items()}

    def read(self, request: web.Request) -> BaseModel:
        """The validated query. Raises InvalidInput with all problems, each at `("query", name)`."""
        values: dict[str, Any] = {}
        if request.query_string:
            query = request.query
            for name, many in self._names.items():
                if name in query:
                    values[name] = query.getall(name) if many else query[name]
        try:
            model = self._model.model_validate(values)
        except ValidationError as error:
            raise InvalidInput(list(problems_of(error, "query"))) from None
        if "\0" in request.query_string:
            _refuse_nul(values, "query")
        return model


class BodyReader:
    """Reads a JSON body within its limit and validates it against a model or any other type pydantic knows.

    `review` (see `Route`) may add to what the model finds wrong.
    """

    def __init__(self, model: Any, limit_bytes: int, review: Review | None = None) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(model)
        self._limit_bytes = limit_bytes
        self._review = review
        self._fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}

    async def read(self, request: web.Request) -> Any:
        """The validated body.

        Raises:
            UnsupportedMedia: not `application/json`, or compressed.
            PayloadTooLarge: over the limit, whether announced or chunked.
            BadRequest: damaged on the way, or not here in time.
            InvalidInput: no JSON (with the position), or wrong fields (all of them).
        """
        check_encoding(request)
        raw = await read_limited(request, self._limit_bytes)
        if not raw:
            return self._without_body()
        check_type(request, "application/json")
        if len(raw) <= _SMALL_BYTES:
            read = self._judge(raw)
        else:
            if await asyncio.to_thread(too_many_values, raw):
                raise PayloadTooLarge(f"the body has more than {MAX_VALUES} values; send it in parts")
            read = await asyncio.to_thread(self._judge, raw)
        if isinstance(read, _Refused):
            raise InvalidInput([*read.problems, *await self._reviewed(request, read)])
        return read

    def _judge(self, raw: bytes) -> Any:
        """The validated body, or what is wrong with it."""
        try:
            value = self._adapter.validate_json(raw)
        except ValidationError as error:
            if error.error_count() > MOST_PROBLEMS:  # telling a hundred thousand takes seconds
                text = (
                    f"there are {error.error_count()} things wrong with this body; send one that is made for this route"
                )
                return _Refused([FieldProblem(("body",), text, "too_many_problems")], None)
            return self._refused(raw, list(problems_of(error, "body")))
        if b"\\u0000" in raw:
            _refuse_nul(from_json(raw), "body")
        return value

    def _refused(self, raw: bytes, problems: list[FieldProblem]) -> _Refused:
        try:
            values = from_json(raw)
        except ValueError:
            return _Refused(problems, None)  # no JSON: there are no values
        told = {problem.loc for problem in problems}
        problems += (problem for problem in _nul_problems(values, "body") if problem.loc not in told)
        return _Refused(problems, values)

    async def _reviewed(self, request: web.Request, refused: _Refused) -> Sequence[FieldProblem]:
        if self._review is None or not isinstance(refused.values, dict):
            return ()
        wrong = {problem.loc[1] for problem in refused.problems if len(problem.loc) > 1}
        values = {**self._defaults(), **refused.values}
        return await self._review(request, {name: value for name, value in values.items() if name not in wrong})

    def _defaults(self) -> dict[str, Any]:
        return {
            field.alias or name: field.get_default(call_default_factory=True, validated_data={})
            for name, field in self._fields.items()
            if not field.is_required()
        }

    def _without_body(self) -> Any:
        try:
            return self._adapter.validate_python(None)
        except ValidationError:
            problem = FieldProblem(("body",), "a JSON body is required", "missing")
            raise InvalidInput([problem]) from None


def check_type(request: web.Request, wanted: str) -> None:
    """Raise UnsupportedMedia unless the body is declared as `wanted`.

    Exactly, because a browser sends `text/plain` and form types to any site without asking (aiohttp's `request.json()`
    would take them).
    """
    if request.content_type != wanted:
        given = request.headers.get("Content-Type")
        raise UnsupportedMedia(
            f"this route takes {wanted}, the request says {given[:100]!r}"
            if given
            else f"say Content-Type: {wanted} with the body"
        )


def check_encoding(request: web.Request) -> None:
    """Raise UnsupportedMedia for a compressed body: its size after unpacking can't be known."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMedia(f"compressed bodies are not accepted (Content-Encoding: {encoding[:40]})")


def check_announced_size(request: web.Request, limit_bytes: int) -> None:
    """Raise PayloadTooLarge when Content-Length is over the limit, before anything is read."""
    announced = request.content_length
    if announced is not None and announced > limit_bytes:
        raise PayloadTooLarge(f"the body has {announced} bytes, the limit of this route is {limit_bytes}")


async def read_limited(request: web.Request, limit_bytes: int) -> bytes:
    """The body, at most `limit_bytes` of it in memory. Raises PayloadTooLarge, BadRequest."""
    check_announced_size(request, limit_bytes)
    if not request.can_read_body:
        return b""
    received = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while chunk := await request.content.readany():
                received += chunk
                if len(received) > limit_bytes:
                    raise PayloadTooLarge(f"the body is longer than {limit_bytes} bytes, the limit of this route")
    except TimeoutError:
        raise BadRequest(f"the body did not arrive within {BODY_TIMEOUT_S:.0f} seconds") from None
    except (HttpProcessingError, web.RequestPayloadError):
        raise BadRequest("the body is damaged: it does not follow its own Content-Length or chunks") from None
    return bytes(received)


def path_int(request: web.Request, name: str) -> int:
    """The path parameter as a whole number. Raises InvalidInput at `("path", name)`."""
    text = request.match_info[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidInput([FieldProblem(("path", name), f"expected a whole number, got {text[:40]!r}", "int_parsing")])
    return int(text)


def problems_of(error: ValidationError, *where: str) -> Iterator[FieldProblem]:
    """What pydantic finds wrong, one problem for each place below `where`."""
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        loc = (part if isinstance(part, int) else part[:_LONGEST_NAME] for part in detail["loc"])
        yield FieldProblem((*where, *loc), _message(detail), detail["type"])


def _message(detail: ErrorDetails) -> str:
    # pydantic prefixes the text of our own validators; the type already says it.
    return detail["msg"].removeprefix("Value error, ")


def _refuse_nul(value: Any, part: str) -> None:
    """No text of ours may hold NUL: PostgreSQL can't store it, and C code ends strings at it."""
    if found := _nul_problems(value, part):
        raise InvalidInput(found)


def _nul_problems(value: Any, part: str) -> list[FieldProblem]:
    paths = islice(_nul_paths(value, (part,)), MOST_PROBLEMS)
    return [FieldProblem(path, "must not contain the NUL character", "nul") for path in paths]


def _nul_paths(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, str):
        if "\0" in value:
            yield path
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _nul_paths(each, (*path, name.replace("\0", "\ufffd")))
            if "\0" in name:
                yield (*path, name.replace("\0", "\ufffd"))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _nul_paths(each, (*path, index))


def _is_list(annotation: Any) -> bool:
    if annotation in _LISTS or get_origin(annotation) in _LISTS:
        return True
    return any(_is_list(each) for each in getattr(annotation, "__args__", ()))
