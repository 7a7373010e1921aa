"""A company with a directory, and hosts whose users log in with it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoke_host.testing.client import Answer
from tests.slapd import BASE, READER_DN, READER_PASSWORD, Slapd

from .accounts import AUTH, PASSWORD, Bearer, Browser, Person, in_the_database, log_in, logged, set_up
from .client import Client
from .process import HostProcess, until

#: The passwords in the directory are of no use to the host's own provider and the other way round.
WORD = "Heron-55-lintel"

GROUPS = f"ou=groups,{BASE}"


def options(uri: str, **more: Any) -> str:
    """The table `[plugins.ldap]`."""
    values: dict[str, Any] = {
        "preset": "openldap",
        "servers": [uri],
        "tls": "plain",
        "allow_plaintext": True,
        "base": BASE,
        "service_dn": READER_DN,
        "service_password": READER_PASSWORD,
        "connect_timeout_s": 2,
        "read_timeout_s": 2,
        "login_timeout_s": 4,
        "cooldown_s": 0,
        "account_filter": "(!(title=gone))",
        **more,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items() if not isinstance(value, dict)]
    tables = [
        f"\n[plugins.ldap.{name}]\n"
        + "".join(f"{json.dumps(key)} = {json.dumps(text)}\n" for key, text in table.items())
        for name, table in values.items()
        if isinstance(table, dict)
    ]
    return "\n[plugins.ldap]\n" + "\n".join([*lines, *tables]) + "\n"


def configuration(uri: str, *providers: str, auth: str = "", **more: Any) -> str:
    """`invoke-host.toml` of a host that re-checks once a minute; a round is every four seconds."""
    return (
        f"[auth]\nproviders = {json.dumps(providers or ('ldap',))}\nrecheck_minutes = 1\n{auth}\n"
        f"[plugins.local]\nbcrypt_cost = 4\n{options(uri, **more)}"
    )


@dataclass(slots=True)
class Company:
    """A host and the directory that it asks."""

    host: HostProcess
    slapd: Slapd

    @property
    def url(self) -> str:
        return self.host.client.url

    def try_login(self, name: str, password: str = WORD) -> Answer:
        """What a login answers."""
        return Asker(self.url).post(f"{AUTH}/login", {"email": name, "password": password})

    def log_in(self, name: str, password: str = WORD) -> Person:
        """A login that must work."""
        answer = self.try_login(name, password)
        assert answer.status == 200, answer.text
        found = answer.json()
        return Person(found["user"]["email"], found["user"]["user_id"], Bearer(self.url, found["token"]), password)

    def browser(self, name: str) -> Browser:
        """A session that is kept in cookies only."""
        browser = Browser(self.url)
        log_in(self.url, name, WORD, by=browser)
        return browser

    def me(self, person: Person) -> dict[str, Any]:
        """Who they are now."""
        answer = person.client.get(f"{AUTH}/me")
        assert answer.status == 200, answer.text
        return answer.json()

    def is_in(self, person: Person) -> bool:
        """Whether their session is good."""
        return person.client.get(f"{AUTH}/me").status == 200

    def groups(self, person: Person) -> set[str]:
        """The names of their groups here."""
        return {group["name"] for group in person.client.get("/api/v1/groups/mine").json()}

    def time_goes_by(self, *, minutes: int = 1) -> None:
        """As if nobody had been asked about for so long; the next round is within four seconds."""
        self.sql(f"UPDATE identities SET checked_at = strftime('%Y-%m-%d %H:%M:%f', checked_at, '-{minutes} minutes')")

    def rechecked(self, *persons: Person) -> None:
        """Wait until these have been asked about again."""
        before = {person.id: self._checked_at(person) for person in persons}
        self.time_goes_by()
        for person in persons:
            until("the directory is asked again", lambda one=person: self._checked_at(one) > before[one.id])

    def health(self) -> str:
        """What /readyz says about the directory."""
        checks = {check["name"]: check for check in self.host.client.get("/readyz").json()["checks"]}
        return checks["auth:ldap"]["status"]

    def audit(self, action: str) -> list[dict[str, Any]]:
        """Details of rows of the audit log, oldest first."""
        rows = self.sql("SELECT details FROM audit_log WHERE action = ? ORDER BY id", action)
        return [json.loads(row[0]) for row in rows]

    def sql(self, statement: str, *values: object) -> list[tuple]:
        """One statement by another process."""
        return in_the_database(self.host, statement, *values)

    def local_admin(self) -> Person:
        """The break-glass administrator, made with the setup code."""
        assert logged(self.host, "setup_required")
        return set_up(self.host, "root@local.example")

    def _checked_at(self, person: Person) -> str:
        return self.sql("SELECT max(checked_at) FROM identities WHERE user_id = ? AND provider = 'ldap'", person.id)[0][
            0
        ]


class Asker(Client):
    """A client to whom 503 is an answer."""

    def request(self, method: str, path: str, json: Any = None, **more: Any) -> Answer:
        import orjson

        body = None if json is None else orjson.dumps(json)
        headers = {**self.headers, "Content-Type": "application/json"}
        return self.exchange(method, path, body, headers)


@contextmanager
def running_slapd() -> Iterator[Slapd]:
    """Ann paints, Bob edits, Eve administrates; everybody is in `staff`."""
    folder = Path(tempfile.mkdtemp(prefix="slapd-"))  # short: slapd's paths
    server = Slapd(folder / "slapd").start()
    try:
        people = {uid: server.person(uid, WORD) for uid in ("ann", "bob", "eve")}
        server.group("staff", *people.values())
        server.group("painters", people["ann"])
        server.group("editors", people["bob"])
        server.group("admins", people["eve"])
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def dn(uid: str) -> str:
    return f"uid={uid},ou=people,{BASE}"


#: What groups of the directory mean here.
MAPPED: dict[str, Any] = {
    "required_groups": [f"cn=staff,{GROUPS}"],
    "admin_groups": [f"cn=admins,{GROUPS}"],
    "group_map": {f"cn=painters,{GROUPS}": "Painters", f"cn=editors,{GROUPS}": "Editors"},
}

__all__ = ["AUTH", "BASE", "GROUPS", "MAPPED", "PASSWORD", "WORD", "Company", "configuration", "dn", "running_slapd"]
