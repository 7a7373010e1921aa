"""A log that the tests can read, and people."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import structlog
from structlog.testing import LogCapture
from structlog.typing import FilteringBoundLogger

from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from tests.identity.people import People


@dataclass
class Log:
    """A structlog logger and what was written with it."""

    logger: FilteringBoundLogger
    entries: list[dict[str, object]]


@pytest.fixture
def log() -> Log:
    capture = LogCapture()
    logger = structlog.wrap_logger(None, processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(10))
    return Log(logger, capture.entries)


@pytest.fixture
def people(each_storage: Storage, clock: FakeClock) -> People:
    """Users, on SQLite and on PostgreSQL."""
    return People(each_storage, clock)
