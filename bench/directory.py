"""A hundred people log in at once with a directory that takes two seconds to answer: how long everybody else's requests
take meanwhile, against the same host at rest.

The directory is a real slapd behind a pipe that delays each connection by a second; a login takes two. Visitor, crowd,
pipe and directory are processes of their own or threads of this one, and share the machine's cores with the host.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import HTTPError

from bench.measure import ROOT, median, report
from bench.pulse import Beats, pulse
from bench.slow_pipe import slow_pipe
from scripts.host_process import running_host

PEOPLE = 100
DELAY_S = 1.0
PER_S = 100
REST_S = 8.0
ROUNDS = 3
ROUTE = "/api/v1/images/?limit=10"
BAR_P99_MS = 20
BAR_ANSWERED_S = 12  # ten for the login, and what the rush itself takes
WORD = "Heron-55-lintel"

#: By default four talk to the directory at a time, and a login may take ten seconds: a fifth gets in, others are told
#: 503 when their time is over.
CONFIGURATION = """\
[auth]
providers = ["ldap"]

[plugins.ldap]
preset = "openldap"
tls = "plain"
allow_plaintext = true
"""


def main() -> dict[str, Any]:
    """Make the people, then rounds of rest and rush; prints the line."""
    slapd = _slapd_of_the_tests()
    rest: list[Beats] = []
    rush: list[Beats] = []
    took: list[float] = []
    answers: Counter[int] = Counter()
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("wb") as output:
        server = slapd.Slapd(Path(folder, "slapd")).start()
        root = Path(folder, "root")
        root.mkdir(mode=0o700)
        try:
            for number in range(PEOPLE):
                server.person(f"user{number}", WORD)
            with slow_pipe(server.port, DELAY_S) as port:
                options = {
                    "servers": [f"ldap://localhost:{port}"],
                    "base": slapd.BASE,
                    "service_dn": slapd.READER_DN,
                    "service_password": slapd.READER_PASSWORD,
                }
                lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items())
                (root / "invoke-host.toml").write_text(CONFIGURATION + lines)
                (root / "invoke-host.toml").chmod(0o600)
                with running_host(root, output=output) as host:
                    _, visitor = _login(host.url, 0)
                    for _ in range(ROUNDS):
                        with pulse(f"{host.url}{ROUTE}", visitor, per_s=PER_S) as beats:
                            time.sleep(1.0)  # the process and its connection come up
                            rest_from = time.monotonic()
                            time.sleep(REST_S)
                            began = time.monotonic()
                            with ThreadPoolExecutor(PEOPLE) as crowd:
                                came = crowd.map(lambda number: _login(host.url, number), range(PEOPLE))
                                answers.update(status for status, _ in came)
                            ended = time.monotonic()
                        rest.append([beat for beat in beats if rest_from <= beat[0] < began])
                        rush.append([beat for beat in beats if began <= beat[0] < ended])
                        took.append(ended - began)
                        if strange := answers.keys() - {200, 503}:
                            raise RuntimeError(f"a login was answered with {strange}")
        finally:
            server.stop()
    return report(
        "directory",
        {
            "p99_ms_while_100_log_in": (median([_at(beats, 0.99) for beats in rush]), "<=", BAR_P99_MS),
            "seconds_until_all_are_answered": (max(took), "<=", BAR_ANSWERED_S),
        },
        ms_while_100_log_in=_spread(rush),
        ms_at_rest=_spread(rest),
        p99_ms_each_round=[_at(beats, 0.99) for beats in rush],
        p99_ms_at_rest_each_round=[_at(beats, 0.99) for beats in rest],
        seconds_for_all=median(took),
        requests={"while_100_log_in": sum(map(len, rush)), "at_rest": sum(map(len, rest))},
        answers={str(code): count for code, count in answers.items()},
        directory_answers_after_s=2 * DELAY_S,
        rounds=ROUNDS,
    )


def _login(url: str, number: int) -> tuple[int, str]:
    """The answer's status, and the token of a login that worked."""
    body = json.dumps({"email": f"user{number}", "password": WORD}).encode()
    request = urllib.request.Request(f"{url}/api/v1/auth/login", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, str(json.load(answer)["token"])
    except HTTPError as error:
        return error.code, ""


def _slapd_of_the_tests() -> ModuleType:
    path = ROOT / "plugins" / "auth_ldap" / "tests" / "slapd.py"
    spec = importlib.util.spec_from_file_location("bench_slapd", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} can't be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _spread(rounds: list[Beats]) -> dict[str, float]:
    every = [beat for beats in rounds for beat in beats]
    return {"p50": _at(every, 0.5), "p99": _at(every, 0.99), "max": _at(every, 1.0)}


def _at(beats: Beats, share: float) -> float:
    """The time that this share of the requests stayed within."""
    ordered = sorted(took for _, took in beats)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


if __name__ == "__main__":
    main()
