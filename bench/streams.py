"""200 people with an open event stream each, while 50 pictures a second are asked for: how long everybody else's
requests take, against the same requests to the same host with the same streams at rest. Afterwards what each client
heard is compared with the outbox: nothing lost, nothing twice, nothing that is another's, all in order.

The clients are one process, the visitors whose requests are measured three others; on a machine of two cores they share
those with the host. Pictures come from `bench.sketcher`, for it is the host that is measured and not a model.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, insert

from bench import sketcher
from bench.accounts import configure
from bench.login import _at, _spread
from bench.measure import ROOT, cpu_s, median, report
from bench.pulse import Beats, pulse
from invoke_host import ids
from invoke_host.identity.tables import users
from invoke_host.identity.tokens import store as tokens
from scripts.host_process import RunningHost, running_host

PEOPLE = 200
ASKED_PER_S = 50.0
ROUNDS = 3
REST_S = 6.0
RUSH_S = 15.0
DRAIN_S = 60.0
PER_S = 15
ROUTES = ("/api/v1/images/?limit=10", "/api/v1/queue/default/status?", "/api/v1/auth/me?")
BAR_P99_MS = 50
NOW = "2026-11-23 06:00:00.000"

#: The same durability as hosts have, and no other work.
CONFIGURATION = """
[plugins]
load = ["model_emoji", "sketcher"]

[generation]
executor = "sketcher"
"""


def main() -> dict[str, Any]:
    """Make the people, then rest, rush and comparison; prints the line."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root, site = Path(folder, "root"), Path(folder, "site")
        configure(root, CONFIGURATION)
        sketcher.install(site)
        environment = {"PYTHONPATH": str(site)}
        output = stack.enter_context(Path(folder, "log").open("wb"))
        with running_host(root, output=output, environment=environment):
            pass  # makes the database
        people = _add_people(root / "invoke-host.db")
        host = stack.enter_context(running_host(root, output=output, environment=environment))
        visitor = people["admin"][0]
        others = {user: token for user, (token, _) in people.items() if user != "admin"}
        with _clients(host, {**others, "admin": people["admin"][1]}, list(others.values())) as clients:
            first = _last_event(root)
            rounds = [_round(host, visitor, clients, root) for _ in range(ROUNDS)]
            time.sleep(1.0)
            clients.tell("end")
            heard = clients.result()
        sent = _outbox(root, first)
        finished = _finished(root)
    wrong = _compare(heard["heard"], sent, first)
    events = sum(len(each["ids"]) for each in heard["heard"])
    passing = sum(sum(each["kinds"].values()) for each in heard["heard"]) - events
    rest, rush = [each.rest for each in rounds], [each.rush for each in rounds]
    return report(
        "streams",
        {
            "p99_ms_of_other_requests": (median([_at(beats, 0.99) for beats in rush]), "<=", BAR_P99_MS),
            "events_lost": (float(wrong["lost"]), "<=", 0),
            "events_twice_or_out_of_order": (float(wrong["disorder"]), "<=", 0),
            "events_misdelivered": (float(wrong["misdelivered"]), "<=", 0),
        },
        ms_of_other_requests=_spread(rush),
        ms_at_rest=_spread(rest),
        p99_ms_each_round=[_at(beats, 0.99) for beats in rush],
        ms_of_asking={"p50": heard["p50_ms"], "p99": heard["p99_ms"]},
        asked=heard["asked"],
        finished=finished,
        drained_s=median([each.drained_s for each in rounds]),
        host_cpu_share=median([each.cpu_s / RUSH_S for each in rounds]),
        events={"kept": len(sent), "delivered": events, "passing_delivered": passing},
        previews=sum(each["pictures"] for each in heard["heard"]),
        streams=PEOPLE,
        asked_per_s=ASKED_PER_S,
        rounds=ROUNDS,
    )


@dataclass(frozen=True, slots=True)
class _Round:
    """Requests at rest and while pictures are asked for, the host's CPU meanwhile, and how long it was behind."""

    rest: Beats
    rush: Beats
    cpu_s: float
    drained_s: float


def _round(host: RunningHost, token: str, clients: _Clients, root: Path) -> _Round:
    rest, _ = _measured(host, token, REST_S)
    clients.tell("ask")
    rush, used = _measured(host, token, RUSH_S)
    clients.tell("stop")
    clients.expect("asked")
    return _Round(rest, rush, used, _drained(root))


def _measured(host: RunningHost, token: str, seconds: float) -> tuple[Beats, float]:
    """Requests to all routes for so long: their times, and the host's CPU seconds meanwhile."""
    server = psutil.Process(host.process.pid)
    with ExitStack() as stack:
        beats = [stack.enter_context(pulse(f"{host.url}{route}", token, per_s=PER_S)) for route in ROUTES]
        time.sleep(1.0)  # the processes and their connections come up
        began, before = time.monotonic(), cpu_s(server)
        time.sleep(seconds)
        ended, used = time.monotonic(), cpu_s(server) - before
    return [beat for each in beats for beat in each if began <= beat[0] < ended], used


def _add_people(database: Path) -> dict[str, tuple[str, str]]:
    """199 users and an administrator, with two API tokens each."""
    engine = create_engine(f"sqlite:///{database}")
    made: dict[str, tuple[str, str]] = {}
    with engine.begin() as conn:
        for number in range(PEOPLE):
            user_id = f"user-{number}" if number else "admin"
            row = {"id": user_id, "email": f"{user_id}@example.org", "created_at": NOW, "updated_at": NOW}
            conn.execute(insert(users).values(**row, is_admin=number == 0))
            scopes = frozenset({"read", "generate"} if number else {"read", "generate", "admin"})
            texts = (tokens.PREFIX + ids.new_token(), tokens.PREFIX + ids.new_token())
            for text in texts:
                tokens.create(conn, user_id, text, name="bench", scopes=scopes, expires_at=None, now=NOW)
            made[user_id] = texts
    engine.dispose()
    return made


class _Clients:
    """The process with the streams."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout

    def tell(self, line: str) -> None:
        """Go on to what is next."""
        self._in.write(line + "\n")
        self._in.flush()

    def expect(self, word: str) -> None:
        """Wait until it says so."""
        if (line := self._out.readline().strip()) != word:
            raise RuntimeError(f"the clients said {line!r} instead of {word!r}")

    def result(self) -> dict[str, Any]:
        """What it prints at its end."""
        found: dict[str, Any] = json.loads(self._out.readline())
        return found


@contextmanager
def _clients(host: RunningHost, listeners: dict[str, str], askers: list[str]) -> Iterator[_Clients]:
    command = [sys.executable, "-m", "bench.stream_clients", host.url, str(ASKED_PER_S)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        clients = _Clients(process)
        clients.tell(json.dumps({"listeners": list(listeners.items()), "askers": askers}))
        clients.expect("ready")
        yield clients
    finally:
        process.kill()
        process.wait()


def _rows(root: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(root / "invoke-host.db", timeout=10)) as database:
        return database.execute(statement, values).fetchall()


def _last_event(root: Path) -> int:
    return int(_rows(root, "SELECT coalesce(max(id), 0) FROM outbox")[0][0])


def _outbox(root: Path, after: int) -> list[tuple[int, str | None]]:
    """Ids and audiences."""
    return _rows(root, "SELECT id, audience FROM outbox WHERE id > ? ORDER BY id", after)


def _finished(root: Path) -> int:
    return int(_rows(root, "SELECT count(*) FROM queue_items WHERE status = 'completed'")[0][0])


def _drained(root: Path) -> float:
    """Seconds until everything that was asked for is made."""
    began = time.monotonic()
    while time.monotonic() - began < DRAIN_S:
        if not _rows(root, "SELECT 1 FROM queue_items WHERE status IN ('pending', 'in_progress') LIMIT 1"):
            return time.monotonic() - began
        time.sleep(0.2)
    raise TimeoutError(f"the queue was not empty after {DRAIN_S:g} s")


def _compare(heard: list[dict[str, Any]], sent: list[tuple[int, str | None]], first: int) -> dict[str, int]:
    wrong = {"lost": 0, "disorder": 0, "misdelivered": 0}
    for each in heard:
        user = each["user_id"]
        expected = [number for number, audience in sent if audience in (None, user) or user == "admin"]
        got = [number for number in each["ids"] if number > first]
        wrong["lost"] += len(set(expected) - set(got))
        wrong["disorder"] += len(got) - len(set(got)) + (got != sorted(got))
        wrong["misdelivered"] += len(set(got) - set(expected)) + len(each["strangers"]) + each["ended"]
        wrong["lost"] += each["kinds"].get("resync", 0)
    return wrong


if __name__ == "__main__":
    main()
