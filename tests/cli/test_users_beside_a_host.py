"""The commands about users while a host runs on the same folder: it sees each change at the next request."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import LOCAL, PASSWORD, Result, Run
from .test_real_host import command, first_line_with

NEW_PASSWORD = "Walrus-Cathedral-77"


@dataclass(frozen=True)
class Answer:
    """Status and JSON body."""

    status: int
    body: Any


@dataclass(frozen=True)
class Served:
    """A host that runs, over HTTP."""

    root: Path
    url: str

    def ask(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Answer:
        """One request with `curl`, which is no part of what is tested here."""
        words = ["curl", "-s", "-X", method, f"{self.url}/api/v1{path}", "-w", "\n%{http_code}"]
        words += ["-H", f"Authorization: Bearer {token}"] if token else []
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body is not None else []
        text, _, status = subprocess.run(words, capture_output=True, text=True, check=True).stdout.rpartition("\n")
        return Answer(int(status), json.loads(text) if text else None)

    def log_in(self, email: str, password: str = PASSWORD) -> Answer:
        """Log in; the body has `token`."""
        return self.ask("POST", "/auth/login", {"email": email, "password": password})

    def status_for(self, token: str) -> int:
        """What a request with that token is answered."""
        return self.ask("GET", "/auth/me", token=token).status


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A host with local accounts, and with an administrator since before its first start."""
    root = tmp_path_factory.mktemp("served")
    (root / "invoke-host.toml").write_text(LOCAL + "[auth.throttle]\nfree_failures = 1000\n")
    subprocess.run(command(root, "users", "add", "-e", "ann@example.com", "-p", PASSWORD, "--admin"), check=True)
    process = subprocess.Popen(command(root, "serve", "--port", "0"), stderr=subprocess.PIPE, text=True)
    try:
        yield Served(root, str(first_line_with(process, "host_started")["url"]))
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture
def cli(run: Run, served: Served) -> Run:
    """Run `invoke-host --root <that of the host> …`."""

    def run_words(*words: object) -> Result:
        return run("--root", served.root, *words)

    return run_words


@pytest.fixture
def bob(cli: Run, served: Served) -> Iterator[str]:
    """The token of a session of Bob's, who was added while the host ran."""
    assert cli("users", "add", "-e", "bob@example.com", "-p", PASSWORD).code == 0
    answer = served.log_in("bob@example.com")
    assert answer.status == 200
    yield answer.body["token"]
    assert cli("users", "del", "-e", "bob@example.com", "--force").code in (0, 3)


def test_who_is_added_can_log_in_at_once(served: Served, bob: str) -> None:
    assert served.status_for(bob) == 200


def test_a_new_password_ends_sessions_and_is_the_one_that_counts(cli: Run, served: Served, bob: str) -> None:
    assert cli("users", "mod", "-e", "bob@example.com", "-p", NEW_PASSWORD).code == 0
    assert served.status_for(bob) == 401
    assert served.log_in("bob@example.com").status == 401
    assert served.log_in("bob@example.com", NEW_PASSWORD).status == 200


def test_who_is_deactivated_is_out_and_activation_brings_no_session_back(cli: Run, served: Served, bob: str) -> None:
    assert cli("users", "deactivate", "bob@example.com").code == 0
    assert served.status_for(bob) == 401
    assert served.log_in("bob@example.com").status == 401
    assert cli("users", "activate", "bob@example.com").code == 0
    assert served.status_for(bob) == 401
    assert served.log_in("bob@example.com").status == 200


def test_who_is_promoted_is_administrator_at_the_next_request(cli: Run, served: Served, bob: str) -> None:
    assert served.ask("GET", "/auth/users", token=bob).status == 403
    assert cli("users", "mod", "-e", "bob@example.com", "--admin").code == 0
    assert served.ask("GET", "/auth/users", token=bob).status == 200


def test_who_is_deleted_is_out(cli: Run, served: Served, bob: str) -> None:
    assert cli("users", "del", "-e", "bob@example.com", "--force", "--purge").code == 0
    assert served.status_for(bob) == 401


def test_sessions_are_listed_and_ended(cli: Run, served: Served, bob: str) -> None:
    other = served.log_in("bob@example.com").body["token"]
    found = json.loads(cli("users", "sessions", "bob@example.com", "--json").out)
    assert len(found) == 2
    newest = found[0]["id"]
    assert cli("users", "sessions", "bob@example.com", "--end", newest).code == 0
    assert sorted([served.status_for(bob), served.status_for(other)]) == [200, 401]
    assert cli("users", "sessions", "bob@example.com", "--end-all").code == 0
    assert (served.status_for(bob), served.status_for(other)) == (401, 401)


def test_a_login_is_in_the_audit_log_beside_what_the_commands_did(cli: Run, served: Served, bob: str) -> None:
    rows = [json.loads(line) for line in cli("audit", "tail", "-n", 2, "--json").out.splitlines()]
    assert [(row["action"], row["via"]) for row in rows] == [("user.create", "cli"), ("login", "api")]


def test_many_commands_at_once_all_succeed(cli: Run, served: Served, bob: str) -> None:
    add = "import sys; from invoke_host.cli.user_commands import useradd; sys.exit(useradd())"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", add, "-r", served.root, "-e", f"many{number}@example.com", "-p", PASSWORD],
            stdout=subprocess.DEVNULL,
        )
        for number in range(6)
    ]
    while any(process.poll() is None for process in processes):
        assert served.status_for(bob) == 200
    assert [process.returncode for process in processes] == [0] * 6
    found = json.loads(cli("users", "list", "--search", "many", "--json").out)
    assert len(found) == 6


def test_the_queue_commands_log_in_with_an_api_token(
    cli: Run, served: Served, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = served.ask("POST", "/auth/tokens", {"name": "cli", "scopes": ["read"]}, token=bob)
    assert made.status == 201
    token = made.body["token"]
    refused = cli("queue", "list")
    assert (refused.code, refused.out) == (4, "")
    assert f"log in at {served.url} in a browser, make an API token there" in refused.err
    monkeypatch.setenv("INVOKE_HOST_TOKEN", token)
    assert cli("queue", "list").out == "nothing runs or waits\n"
    assert "lacks the scope" in cli("queue", "cancel", "--all").err
    wrong = cli("queue", "list", "--token", token[:-1] + ("x" if token[-1] != "x" else "y"))
    assert wrong.code == 4
    assert token[4:-1] not in wrong.err
