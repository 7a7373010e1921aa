"""Plugins that are really installed, in a folder of the test, and a log that the test can read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture
from structlog.typing import FilteringBoundLogger

from invoke_host.config.loader import load as load_config
from invoke_host.plugins import HostServices, Makers, PluginRegistry, load
from invoke_host.testing.distributions import Distributions


@pytest.fixture
def distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = Distributions(tmp_path / "site", monkeypatch)
    yield made
    made.remove()


def never(host: object):
    raise AssertionError("not wanted in this test")


MAKERS = Makers(executor=never, blob_store=never)


@dataclass
class Log:
    """A structlog logger and what was written with it."""

    logger: FilteringBoundLogger
    entries: list[dict[str, object]]

    def events(self, name: str) -> list[dict[str, object]]:
        return [entry for entry in self.entries if entry["event"] == name]


@pytest.fixture
def log() -> Log:
    capture = LogCapture()
    logger = structlog.wrap_logger(
        None,
        processors=[capture],
        wrapper_class=structlog.make_filtering_bound_logger(10),
        cache_logger_on_first_use=False,
    )
    return Log(logger, capture.entries)


@pytest.fixture
def load_plugins(tmp_path: Path, log: Log, distributions: Distributions) -> Callable[..., PluginRegistry]:
    """Load `[plugins] load = names`, the rest of the file as given; a plugin `teststore` stands in for the database."""
    distributions.add("teststore")

    def load_them(*names: str, toml: str = "") -> PluginRegistry:
        """`names` go into `[plugins] load` unless the TOML text has that table."""
        if "[plugins]" not in toml:
            toml += f"\n[plugins]\nload = {list(names)}\n"
        if "[storage]" not in toml:
            toml += "\n[storage]\nbackend = 'teststore'\n"
        (tmp_path / "invoke-host.toml").write_text(toml)
        return load(load_config(tmp_path, env={}), log=log.logger, makers=MAKERS)

    return load_them


@pytest.fixture
def host(tmp_path: Path, log: Log) -> HostServices:
    return HostServices(tmp_path, log.logger)
