"""Fifty people log in at once: how long everybody else's requests take meanwhile, against the same host at rest.

Passwords are hashed at the default cost. The visitor whose requests are measured is a process of its own, the fifty
another; on a machine of two cores they share those with the host, whose hashing takes all that is left of one.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

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
    return report(
        "login",
        {"p99_ms_while_50_log_in": (median([_at(beats, 0.99) for beats in rush]), "<=", BAR_P99_MS)},
        ms_while_50_log_in=_spread(rush),
        ms_at_rest=_spread(rest),
        p99_ms_each_round=[_at(beats, 0.99) for beats in rush],
        logins_per_s=PEOPLE / median(took),
        requests={"while_50_log_in": sum(map(len, rush)), "at_rest": sum(map(len, rest))},
        people=PEOPLE,
        bcrypt_cost=12,
        rounds=ROUNDS,
    )


def _spread(rounds: list[Beats]) -> dict[str, float]:
    every = [beat for beats in rounds for beat in beats]
    return {"p50": _at(every, 0.5), "p99": _at(every, 0.99), "max": _at(every, 1.0)}


def _at(beats: Beats, share: float) -> float:
    """The time that this share of the requests stayed within."""
    ordered = sorted(took for _, took in beats)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


if __name__ == "__main__":
    main()
