"""Structured logs on standard error: text for people on a terminal, one JSON object per line elsewhere.

Everything goes through one chain, messages of libraries that use the standard `logging` included, so that no secret and
no forged line gets out by a side door.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO, cast

import orjson
import structlog
from structlog.typing import FilteringBoundLogger, Processor

from invoke_host.masking import mask_text, masked, one_line
from invoke_host.ops.log_stream import UnfailingStream

#: Libraries whose chatter is of no use to an operator below this level.
_QUIET = {"asyncio": logging.WARNING, "aiohttp.access": logging.WARNING, "alembic": logging.WARNING}


def setup_logging(
    level: Literal["debug", "info", "warning", "error"] = "info",
    format: Literal["auto", "json", "console"] = "auto",  # noqa: A002 - the word of the configuration
    *,
    stream: TextIO | None = None,
) -> FilteringBoundLogger:
    """Send all logging of this process to `stream` (standard error) and return the host's logger.

    Calling it again replaces what was set up before.
    """
    out = cast("TextIO", UnfailingStream(sys.stderr if stream is None else stream))
    console = format == "console" or (format == "auto" and out.isatty())
    number = getattr(logging, level.upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]
    renderer: Processor = _console(out) if console else structlog.processors.JSONRenderer(serializer=_to_json)
    _route_standard_logging(number, shared, renderer, out)
    wrapper = structlog.make_filtering_bound_logger(number)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=wrapper,
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    return cast(
        "FilteringBoundLogger",
        structlog.wrap_logger(structlog.WriteLogger(out), processors=[*shared, renderer], wrapper_class=wrapper),
    )


def mask_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that masks secrets and control characters in every value of a log line."""
    clean = {key: event.pop(key) for key in ("timestamp", "level") if key in event}
    if "event" in event:
        clean["event"] = masked(event.pop("event"))
    exception = event.pop("exception", None)
    clean.update(masked(event))
    if isinstance(exception, str):
        # indented, so that no line of a foreign error message can pass for a log line
        clean["exception"] = "\n".join("    " + one_line(line) for line in mask_text(exception).split("\n"))
    return clean


def _console(out: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )


def _to_json(event: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _route_standard_logging(level: int, shared: list[Processor], renderer: Processor, out: TextIO) -> None:
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, level))
    logging.captureWarnings(True)
