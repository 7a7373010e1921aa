"""`make test`: every check, each of them run even where an earlier one failed, with a summary at the end.

`--fast` leaves pytest out. A server or browser that a test needs and that is not installed stops the run at once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.servers import MissingServerError, ensure_servers

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
#: More pytest processes than this make timing-sensitive tests wait for each other.
MOST_TEST_PROCESSES = 4
#: Where temporary files lie if there is room for them: in memory, where thousands of databases and their `fsync`s cost
#: next to nothing. TMPDIR names another place.
MEMORY = Path("/dev/shm")  # noqa: S108 - `tempfile` makes what is put there
MEMORY_BYTES = 2 * 1024**3

FAST: tuple[tuple[str, Sequence[str]], ...] = (
    ("ruff check", ("ruff", "check", ".")),
    ("ruff format", ("ruff", "format", "--check", ".")),
    ("mypy --strict", ("mypy",)),
    ("import-linter", ("lint-imports", "--no-logo")),
)


def main() -> int:
    """0 when every check passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="without pytest")
    fast = parser.parse_args().fast
    checks = list(FAST)
    if not fast:
        try:
            ensure_servers()
        except MissingServerError as error:
            print(error, file=sys.stderr)
            return 1
        processes = max(1, min(MOST_TEST_PROCESSES, os.cpu_count() or 1))
        # a file's tests stay in one process: session fixtures (a PostgreSQL, a running host) start once, not in each
        # files begin in the order of conftest.py, and not those with one long test last
        order = ("--dist", "loadfile", "--no-loadscope-reorder")
        checks.append(("pytest", ("pytest", "-n", str(processes), *order)))
    results = [(name, *_run(command)) for name, command in checks]
    print()
    for name, status, seconds in results:
        print(f"  {'ok    ' if status == 0 else 'FAILED'}  {name:<14} {seconds:6.1f} s")
    return max(abs(status) for _, status, _ in results)


def _run(command: Sequence[str]) -> tuple[int, float]:
    print(f"\n$ {' '.join(command)}", flush=True)
    started = time.monotonic()
    # the tools of this environment first, also for tests that call `invoke-host` by its name
    environment = {**_temporary(), **os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, env=environment, check=False)
    return done.returncode, time.monotonic() - started


def _temporary() -> dict[str, str]:
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return {}
    roomy = found.f_bavail * found.f_frsize >= MEMORY_BYTES
    return {"TMPDIR": str(MEMORY)} if roomy and not found.f_flag & os.ST_NOEXEC and os.access(MEMORY, os.W_OK) else {}


if __name__ == "__main__":
    sys.exit(main())
