"""Hosts that many people use: started with a login, set up with the code from the log, asked by different people."""

from __future__ import annotations

import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from invoke_host.testing.client import Answer

from .client import Client
from .process import NO_DEVICES, HostProcess, environment, start, until

AUTH = "/api/v1/auth"

#: Passwords are hashed as quickly as bcrypt allows, or the tests would wait for nothing else.
LOCAL = '[auth]\nproviders = ["local"]\n\n[plugins.local]\nbcrypt_cost = 4\n'

#: Good by the host's own rules; what one knows of a password here is that it is the user's.
PASSWORD = "correct horse battery staple 42"


def configure(root: Path, *, login: bool = True, more: str = "") -> None:
    """Write the configuration of a host with or without login."""
    root.mkdir(mode=0o700, exist_ok=True)
    (root / "invoke-host.toml").write_text((LOCAL if login else "") + more)


def logged(host: HostProcess, event: str) -> list[dict[str, Any]]:
    """The lines of its log with that event, once it has told all that it tells at its start."""
    until("the host tells how it has started", lambda: '"event":"host_started"' in host.log)
    host.client.get("/healthz")  # answered after the lines that belong to the start
    lines = (orjson.loads(line) for line in host.log.splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == event]


def setup_code(host: HostProcess) -> str:
    """The one-time code, from the log as the operator reads it."""
    return logged(host, "setup_required")[0]["setup_code"]


class Bearer(Client):
    """A client with a token in the header."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, {"Authorization": f"Bearer {token}"})
        self.token = token


class Browser(Client):
    """A client that keeps cookies and sends them back, as a browser does on the host's own pages."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(url, headers)
        self.cookies: dict[str, str] = {}

    def request(self, method: str, path: str, json: Any = None, **options: Any) -> Answer:
        """As `Client.request`, with cookies."""
        headers = dict(options.pop("headers", {}))
        if self.cookies:
            headers.setdefault("Cookie", self._cookie_header())
        answer = super().request(method, path, json, headers=headers, **options)
        self.keep(answer)
        return answer

    def with_cookies(self) -> Client:
        """A plain client with the cookies of this moment, as somebody would use it who has copied them."""
        return Client(self.url, {"Cookie": self._cookie_header()})

    def _cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def keep(self, answer: Answer) -> None:
        """Take over what the answer says about cookies."""
        for line in cookies_of(answer):
            name, _, value = line.partition(";")[0].partition("=")
            if value.strip('"') and "max-age=0" not in line.lower():
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)


@dataclass(slots=True)
class Person:
    """An account, and a client that speaks for it with a session as Bearer."""

    email: str
    id: str
    client: Bearer
    password: str = PASSWORD

    def again(self, *, remember: bool = False) -> Person:
        """The same account in another session."""
        return log_in(self.client.url, self.email, self.password, remember=remember)

    def browser(self) -> Browser:
        """The same account in another session, kept in cookies only."""
        browser = Browser(self.client.url)
        log_in(self.client.url, self.email, self.password, by=browser)
        return browser


def cookies_of(answer: Answer) -> list[str]:
    """Its Set-Cookie lines."""
    return list(getattr(answer.headers, "cookies", []))


def log_in(
    url: str, email: str, password: str = PASSWORD, *, remember: bool = False, by: Client | None = None
) -> Person:
    """A new session; `by` says which client asks for it, if it keeps cookies."""
    body = {"email": email, "password": password, "remember_me": remember}
    answer = (by or Client(url)).post(f"{AUTH}/login", body)
    assert answer.status == 200, answer.text
    found = answer.json()
    return Person(email, found["user"]["user_id"], Bearer(url, found["token"]), password)


def set_up(host: HostProcess, email: str = "root@example.org") -> Person:
    """The first administrator."""
    body = {"email": email, "display_name": "Root", "password": PASSWORD, "setup_code": setup_code(host)}
    answer = host.client.post(f"{AUTH}/setup", body)
    assert answer.status == 200, answer.text
    return log_in(host.client.url, email)


def add(admin: Person, name: str = "", *, is_admin: bool = False) -> Person:
    """A new account, logged in."""
    email = f"{name or 'user'}-{secrets.token_hex(4)}@example.org"
    body = {"email": email, "display_name": name.title() or None, "password": PASSWORD, "is_admin": is_admin}
    answer = admin.client.post(f"{AUTH}/users", body)
    assert answer.status == 201, answer.text
    return log_in(admin.client.url, email)


def api_token(person: Person, *scopes: str) -> Bearer:
    """A client with a new API token of that person."""
    answer = person.client.post(f"{AUTH}/tokens", {"name": "test", "scopes": list(scopes)})
    assert answer.status == 201, answer.text
    return Bearer(person.client.url, answer.json()["token"])


def by_command(host: HostProcess, *words: str, typed: str = "") -> None:
    """`invoke-host users ...` on the host's folder, in a process of its own."""
    subprocess.run(
        [sys.executable, "-m", "invoke_host", "--root", str(host.root), "users", *words],
        env=environment(host.extra),
        input=typed,
        text=True,
        check=True,
        capture_output=True,
        timeout=60,
    )


def in_the_database(host: HostProcess, statement: str, *values: object) -> list[tuple]:
    """Run one statement as another process does that knows nothing of the host."""
    with closing(sqlite3.connect(host.root / "invoke-host.db", timeout=10)) as connection, connection:
        return connection.execute(statement, values).fetchall()


@dataclass(slots=True)
class Team:
    """A host with its first administrator."""

    host: HostProcess
    admin: Person

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.host.client.url

    def anybody(self) -> Client:
        """Somebody without credential."""
        return Client(self.url)


def start_team(root: Path, extra: Mapping[str, str] | None = None) -> Team:
    """A host with login and its first administrator; without devices unless `extra` is given."""
    configure(root)
    host = start(root, NO_DEVICES if extra is None else extra)
    return Team(host, set_up(host))
