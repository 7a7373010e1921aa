"""Fifty people log in at once, then a thousand guesses come in: how long everybody else's requests take meanwhile,
against the same host at rest.

Passwords are hashed at the default cost. The visitor whose requests are measured is a process of its own, the fifty
another; on a machine of two cores they share those with the host, whose hashing takes all that is left of one.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from bench.accounts import PASSWORD, call, configure, first_admin, login
from bench.measure import median, report
from bench.pulse import Beats, pulse
from scripts.host_process import running_host

PEOPLE = 50
PER_S = 100
REST_S = 8.0
ROUNDS = 3
ROUTE = "/api/v1/images/?limit=10"
BAR_P99_MS = 20
GUESSES = 1000
BAR_ATTACK = 2


def main() -> dict[str, Any]:
    """Make the accounts, then rounds of rest and rush; prints the line."""
    rest: list[Beats] = []
    rush: list[Beats] = []
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("wb") as output:
        root = Path(folder, "root")
        configure(root)
        with running_host(root, output=output) as host:
            admin = first_admin(host, Path(folder, "log"))
            people = [f"user{number}@example.org" for number in range(PEOPLE)]
            for email in people:
                call(f"{host.url}/api/v1/auth/users", {"email": email, "password": PASSWORD}, admin)
            for _ in range(ROUNDS):
                with pulse(f"{host.url}{ROUTE}", admin, per_s=PER_S) as beats:
                    time.sleep(1.0)  # the process and its connection come up
                    rest_from = time.monotonic()
                    time.sleep(REST_S)
                    began = time.monotonic()
                    with ThreadPoolExecutor(PEOPLE) as crowd:
                        tokens = list(crowd.map(lambda email: login(host.url, email), people))
                    ended = time.monotonic()
                rest.append([beat for beat in beats if rest_from <= beat[0] < began])
                rush.append([beat for beat in beats if began <= beat[0] < ended])
                took.append(ended - began)
                if len(set(tokens)) != PEOPLE:
                    raise RuntimeError("two logins made one session")
            attack, before = _attack(host.url, admin)
    return report(
        "login",
        {
            "p99_ms_while_50_log_in": (median([_at(beats, 0.99) for beats in rush]), "<=", BAR_P99_MS),
            "p99_ratio_under_attack": (_at(attack, 0.99) / _at(before, 0.99), "<=", BAR_ATTACK),
        },
        ms_while_50_log_in=_spread(rush),
        ms_at_rest=_spread(rest),
        ms_under_attack=_spread([attack]),
        ms_before_the_attack=_spread([before]),
        p99_ms_each_round=[_at(beats, 0.99) for beats in rush],
        logins_per_s=PEOPLE / median(took),
        requests={"while_50_log_in": sum(map(len, rush)), "at_rest": sum(map(len, rest))},
        people=PEOPLE,
        bcrypt_cost=12,
        rounds=ROUNDS,
    )


def _attack(url: str, token: str) -> tuple[Beats, Beats]:
    """A thousand wrong passwords, from one address for many accounts and from 200 addresses for one; before, rest."""

    def guess(number: int) -> None:
        many = number % 2
        address = f"192.0.2.{number % 200}" if many else "198.51.100.1"
        name = "user0@example.org" if many else f"user{number}@example.org"
        body = {"email": name, "password": "not the password"}
        with suppress(HTTPError):
            call(f"{url}/api/v1/auth/login", body, headers={"X-Forwarded-For": address})
            raise RuntimeError("a guess was right")
        time.sleep(0.1)

    with pulse(f"{url}{ROUTE}", token, per_s=PER_S) as beats:
        time.sleep(1.0)
        rest_from = time.monotonic()
        time.sleep(REST_S)
        began = time.monotonic()
        with ThreadPoolExecutor(8) as guessers:
            list(guessers.map(guess, range(GUESSES)))
        ended = time.monotonic()
    attack = [beat for beat in beats if began <= beat[0] < ended]
    return attack, [beat for beat in beats if rest_from <= beat[0] < began]


def _spread(rounds: list[Beats]) -> dict[str, float]:
    every = [beat for beats in rounds for beat in beats]
    return {"p50": _at(every, 0.5), "p99": _at(every, 0.99), "max": _at(every, 1.0)}


def _at(beats: Beats, share: float) -> float:
    """The time that this share of the requests stayed within."""
    ordered = sorted(took for _, took in beats)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


if __name__ == "__main__":
    main()
