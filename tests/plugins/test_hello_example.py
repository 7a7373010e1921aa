"""The plugin of the tutorial: its own tests pass with it installed, and it runs in a registry as the page says."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from invoke_host.api import Event
from invoke_host.plugins import Offers, Supervisor

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "hello_plugin"


@pytest.fixture(autouse=True)
def hello(distributions):
    distributions.add_checkout(EXAMPLE)


def test_the_examples_own_tests_pass():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", str(EXAMPLE)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=DOCS.parent,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b1[0-9] passed", done.stdout), done.stdout


async def test_it_starts_counts_and_reports_in_a_host(load_plugins, host, log):
    registry = load_plugins("hello", toml="[plugins.hello]\ngreeting = 'Moin'")
    offers = Offers(registry, host)
    assert list(offers.routes()) == ["hello"]
    await registry.startup(host)
    event = Event("images_changed", {"added": ["a.png"]}, None, datetime(2026, 1, 1, tzinfo=UTC), id=1)
    assert await registry.broadcast_event(event, host) == []

    reported = []

    async def until_reported(seconds: float) -> None:
        reported.append(seconds)
        supervisor_done.set()
        await forever.wait()

    supervisor_done, forever = asyncio.Event(), asyncio.Event()
    supervisor = Supervisor(offers.background_tasks(), log.logger, sleep=until_reported)
    supervisor.start()
    await asyncio.wait_for(supervisor_done.wait(), 5)
    await supervisor.stop()
    assert reported == [600]
    assert log.events("pictures_so_far")[0] | {"log_level": ""} == {
        "event": "pictures_so_far",
        "plugin": "hello",
        "pictures": 1,
        "log_level": "",
    }


def test_the_tutorial_shows_the_example_word_for_word():
    page = (DOCS / "tutorial" / "first-plugin.md").read_text()
    for name in ("pyproject.toml", "invoke_hello.py", "README.md", "tests/test_hello.py"):
        assert (EXAMPLE / name).read_text().strip() in page, f"docs/tutorial/first-plugin.md is out of step with {name}"
