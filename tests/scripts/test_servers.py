"""A program that tests need and that is missing is named with the line that installs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.servers import SERVERS, MissingServerError, Server, ensure_servers

NOWHERE = Server("no-such-package", "a test of this check", ("no-such-program", "/nowhere/*/no-such-program"))


def test_what_is_here_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    ensure_servers([Server("base-files", "a program that is always there", ("/bin/s[h]",))])


def test_without_the_right_to_install_the_message_has_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MissingServerError, match=r"a test of this check\n.*apt-get install .*no-such-package"):
        ensure_servers([NOWHERE])


def test_on_another_system_the_message_says_what_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingServerError, match="no-such-package: a test of this check"):
        ensure_servers([NOWHERE])


def test_each_needed_program_says_what_for() -> None:
    assert all(server.purpose and server.places for server in SERVERS)


def test_a_missing_directory_server_fails_the_tests_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (slapd,) = [server for server in SERVERS if server.package == "slapd"]
    assert slapd.is_here()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    missing = Server(slapd.package, slapd.purpose, (str(tmp_path / "slapd"),))
    with pytest.raises(MissingServerError, match=r"sudo apt-get install --no-install-recommends slapd$"):
        ensure_servers([missing])
