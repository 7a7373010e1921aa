"""Logs: one line per message, no secret in any of them, libraries included."""

from __future__ import annotations

import errno
import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from invoke_host.api import Secret
from invoke_host.ops.logging import setup_logging


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level = before
    structlog.reset_defaults()


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_where_nobody_looks_a_log_line_is_one_json_object(out: io.StringIO) -> None:
    setup_logging(stream=out).info("item_started", item=3)
    (line,) = lines(out)
    assert list(line) == ["timestamp", "level", "event", "item"]
    assert (line["level"], line["event"], line["item"]) == ("info", "item_started", 3)
    assert line["timestamp"].endswith("Z")


def test_on_a_terminal_a_log_line_is_text() -> None:
    terminal = Terminal()
    setup_logging(stream=terminal).info("item_started", item=3)
    assert "item_started" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


def test_the_format_can_be_chosen_against_the_terminal(out: io.StringIO) -> None:
    terminal = Terminal()
    setup_logging(format="json", stream=terminal).info("x")
    setup_logging(format="console", stream=out).info("x")
    assert json.loads(terminal.getvalue())["event"] == "x"
    assert not out.getvalue().startswith("{")


def test_messages_below_the_level_are_not_written(out: io.StringIO) -> None:
    log = setup_logging("warning", stream=out)
    log.info("no")
    logging.getLogger("library").info("no")
    log.warning("yes")
    assert [line["event"] for line in lines(out)] == ["yes"]


SECRETS: dict[str, dict[str, Any]] = {
    "by key": {"password": "hunter2"},
    "by part of a key": {"bind_password": "hunter2", "api_key": "hunter2", "lease_token": "hunter2"},
    "by header": {"headers": {"Authorization": "Bearer hunter2", "Cookie": "hunter2", "Set-Cookie": "hunter2"}},
    "by type": {"value": Secret("hunter2"), "other": SecretStr("hunter2")},
    "deep inside": {"a": [{"b": ({"secret": "hunter2"},)}]},
    "in a URL": {"database": "postgresql://host:hunter2@db/host"},
    "in a credential": {"why": "refused 'Bearer hunter2hunter2'"},
    "too deep to look": {"a": {"b": {"c": {"d": {"e": {"f": {"g": "hunter2"}}}}}}},
}


@pytest.mark.parametrize("fields", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("style", ["json", "console"])
def test_no_secret_is_written(out: io.StringIO, fields: dict[str, Any], style: Any) -> None:
    setup_logging(format=style, stream=out).info("message", **fields)
    assert "hunter2" not in out.getvalue()
    assert "message" in out.getvalue()


@pytest.mark.parametrize("style", ["json", "console"])
def test_no_secret_of_a_library_or_an_error_is_written(out: io.StringIO, style: Any) -> None:
    log = setup_logging(format=style, stream=out)
    logging.getLogger("library").warning("connecting to %s", "postgresql://host:hunter2@db")
    try:
        raise ConnectionError("can't reach postgresql://host:hunter2@db")
    except ConnectionError:
        log.exception("failed")
        logging.getLogger("library").exception("failed")
    assert "hunter2" not in out.getvalue()
    assert out.getvalue().count("ConnectionError: can't reach") == 2


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize(
    "evil", ["a\n2026-01-01 [info] forged", "a\r\nforged", "a\u2028forged", "a\x85forged", "\x1b[2Jforged"]
)
def test_no_value_can_forge_a_line_or_drive_a_terminal(out: io.StringIO, evil: str, style: Any) -> None:
    setup_logging(format=style, stream=out).info(evil, prompt=evil, nested={evil: [evil]})
    assert len(out.getvalue().splitlines()) == 1
    assert "\x1b" not in out.getvalue()


def test_lines_of_a_foreign_error_message_can_not_pass_for_log_lines(out: io.StringIO) -> None:
    log = setup_logging(format="console", stream=out)
    try:
        raise ValueError("bad\n2026-01-01 [info] forged \x1b[2J")
    except ValueError:
        log.exception("failed")
    forged = [line for line in out.getvalue().splitlines() if "forged" in line]
    assert forged
    assert all(line.startswith("    ") and "\x1b" not in line for line in forged)


def test_very_long_values_are_cut(out: io.StringIO) -> None:
    setup_logging(stream=out).info("x", prompt="y" * 100_000)
    assert len(out.getvalue()) < 6000


def test_what_json_does_not_know_is_written_as_text(out: io.StringIO) -> None:
    setup_logging(stream=out).info("x", error=OSError("disk"), kind={1, 2}, key={3: object})
    assert lines(out)[0]["error"] == "disk"


def test_warnings_and_other_structlog_loggers_go_the_same_way(out: io.StringIO) -> None:
    setup_logging(stream=out)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", UserWarning, stacklevel=1)
    structlog.get_logger().info("from a plugin", password="hunter2")
    first, second = lines(out)
    assert (first["logger"], second["event"], second["password"]) == ("py.warnings", "from a plugin", "**********")


def test_bound_values_are_masked_too(out: io.StringIO) -> None:
    setup_logging(stream=out).bind(plugin="ldap", token="hunter2").info("x")
    assert (lines(out)[0]["plugin"], lines(out)[0]["token"]) == ("ldap", "**********")


def test_setting_up_again_replaces_what_was_before(out: io.StringIO) -> None:
    setup_logging(stream=io.StringIO())
    setup_logging(stream=out)
    logging.getLogger("library").warning("once")
    assert len(lines(out)) == 1


class Full(io.StringIO):
    """A stream on a disk that is full for a while."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_log_that_can_not_be_written_is_no_error_and_says_so_afterwards() -> None:
    out = Full()
    log = setup_logging(stream=out)
    log.info("lost")
    logging.getLogger("library").warning("lost too")
    out.full = False
    log.info("back")
    first, second = lines(out)
    assert (first["event"], first["writes"], second["event"]) == ("the log was refused", 2, "back")
