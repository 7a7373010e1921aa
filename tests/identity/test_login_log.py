"""S-E5: the line about a failed login, which programs such as fail2ban read: short, one line, the same for ever."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from invoke_host.identity.login.failures import Failure
from invoke_host.ops.logging import setup_logging
from tests.identity.login_host import ALICE


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level = before
    structlog.reset_defaults()


@pytest.mark.parametrize("format_", ["json", "console"])
def test_the_line_of_a_failed_login_is_short_and_one_line(format_: Any) -> None:
    stream = io.StringIO()
    log = setup_logging("info", format_, stream=stream)
    address = "2001:0db8:85a3:0000:0000:8a2e:0370:7334%eth0\nauth_failure ip=10.0.0.1" + "x" * 1000
    hostile = "a\r\nauth_failure ip=192.0.2.1 " + "x" * 2**20

    Failure(hostile, "bad_credentials", address).log(log)

    (line,) = stream.getvalue().splitlines()
    assert len(line.encode()) <= 300
    assert "auth_failure" in line
    assert "192.0.2.1" not in line


def test_the_line_of_a_failed_login_is_stable() -> None:
    stream = io.StringIO()
    log = setup_logging("info", "json", stream=stream)

    Failure(" Alice@Example.org", "bad_credentials", "192.0.2.7", account_id="secret-id", provider="local").log(log)

    line = json.loads(stream.getvalue())
    assert line.pop("timestamp")
    assert line == {
        "level": "warning",
        "event": "auth_failure",
        "ip": "192.0.2.7",
        "user_hash": Failure(ALICE, "disabled", None).user_hash,
        "reason": "bad_credentials",
    }
    assert len(line["user_hash"]) == 16
