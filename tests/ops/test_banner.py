"""The start banner, on a terminal and in logs."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from structlog import get_logger
from structlog.testing import capture_logs

from invoke_host.masking import masked
from invoke_host.ops.banner import BannerFacts, human_size, show_banner

FACTS = BannerFacts(
    url="http://127.0.0.1:9090",
    mode="single user, no login",
    version="0.1.0",
    database="SQLite /srv/host/invoke-host.db",
    schema_revision="0001",
    blobs="/srv/host/blobs",
    free_bytes=3 * 1024**3,
    devices=["cuda:0", "cpu"],
    recovered_items=2,
    warnings=["the disk is nearly full", "[bold]not markup[/bold] \x1b[2J"],
    root=Path("/srv/host"),
    plugins=["sqlite", "model_emoji"],
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_banner_tells_everything() -> None:
    terminal = Terminal()
    show_banner(FACTS, get_logger(), stream=terminal)
    text = terminal.getvalue()
    for part in (
        "0.1.0",
        FACTS.url,
        FACTS.mode,
        "0001",
        "3.0 GiB free",
        "cuda:0, cpu",
        "2 interrupted items",
        "sqlite",
    ):
        assert part in text
    assert "warning: the disk is nearly full" in text
    assert "[bold]not markup[/bold] \\x1b[2J" in text


def test_elsewhere_the_banner_is_one_log_line_and_one_for_each_warning() -> None:
    with capture_logs() as logs:
        show_banner(FACTS, get_logger(), stream=io.StringIO())
    assert [line["event"] for line in logs] == ["host_started", "startup_warning", "startup_warning"]
    assert (logs[0]["url"], logs[0]["root"], logs[0]["recovered_items"]) == (FACTS.url, "/srv/host", 2)
    assert logs[1]["detail"] == "the disk is nearly full"


def test_what_there_is_nothing_to_say_about_is_left_out() -> None:
    terminal = Terminal()
    show_banner(replace(FACTS, recovered_items=0, free_bytes=None, warnings=[]), get_logger(), stream=terminal)
    assert "recovered" not in terminal.getvalue()
    assert "free" not in terminal.getvalue()
    assert "warning" not in terminal.getvalue()


def test_the_setup_code_is_told_with_what_to_do_while_there_is_no_administrator() -> None:
    waiting = replace(FACTS, setup_code="aaaa-bbbb-cccc-dddd")
    terminal = Terminal()
    show_banner(waiting, get_logger(), stream=terminal)
    lines = [re.sub("\x1b[^m]*m", "", line).strip(" │") for line in terminal.getvalue().splitlines()]
    assert "There is no administrator yet: open the URL and enter the setup code." in lines
    assert "aaaa-bbbb-cccc-dddd" in lines  # alone on its line
    with capture_logs() as logs:
        show_banner(waiting, get_logger(), stream=io.StringIO())
    [line] = [line for line in logs if line["event"] == "setup_required"]
    assert (line["log_level"], line["setup_code"], line["url"]) == ("warning", "aaaa-bbbb-cccc-dddd", FACTS.url)
    assert "setup_code" not in logs[0]


def test_masking_leaves_the_setup_code_readable() -> None:
    assert masked({"setup_code": "aaaa-bbbb-cccc-dddd"}) == {"setup_code": "aaaa-bbbb-cccc-dddd"}


def test_a_host_with_an_administrator_tells_no_code() -> None:
    terminal = Terminal()
    show_banner(FACTS, get_logger(), stream=terminal)
    assert "setup code" not in terminal.getvalue()
    with capture_logs() as logs:
        show_banner(FACTS, get_logger(), stream=io.StringIO())
    assert "setup_required" not in {line["event"] for line in logs}


def test_a_single_item_is_not_plural() -> None:
    terminal = Terminal()
    show_banner(replace(FACTS, recovered_items=1), get_logger(), stream=terminal)
    assert "1 interrupted item was put back" in terminal.getvalue()


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (2048, "2 KiB"), (5 * 1024**2, "5 MiB"), (1536 * 1024**2, "1.5 GiB"), (3 * 1024**4, "3.0 TiB")],
)
def test_sizes_are_told_as_people_say_them(size: int, text: str) -> None:
    assert human_size(size) == text
