"""`make run`: its exit status is the host's, and a host that ends badly is told."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import run
from scripts.host_process import RunningHost, free_port, stop

#: Stands for a host that has started: says so, and ends with a chosen status when it is asked to stop, or by itself.
PROCESS = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline() if sys.argv[2] == "by itself" else signal.pause()
sys.exit(int(sys.argv[1]))
"""

Invoke = Callable[..., int]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Invoke:
    """Runs `make run` over a host process that ends with that status; the picture and the model are not needed here."""

    def main(status: int, *arguments: str, how: str = "when asked") -> int:
        @contextlib.contextmanager
        def running_host(root: Path, **_: Any) -> Iterator[RunningHost]:
            command = [sys.executable, "-c", PROCESS, str(status), how]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdout.readline()
                if how == "by itself":
                    process.stdin.close()
                try:
                    yield RunningHost("http://127.0.0.1:1", root, process, 0.0)
                finally:
                    stop(process)

        monkeypatch.setattr(run, "running_host", running_host)
        monkeypatch.setattr(run, "_first_picture", lambda *_: None)
        monkeypatch.setattr(run, "ask", lambda _: {"items": ["a picture"]})
        monkeypatch.setattr(sys, "argv", ["run", "--root", str(tmp_path), "--port", str(free_port()), *arguments])
        monkeypatch.setattr(run.signal, "signal", lambda *_: None)  # pytest keeps its own handlers
        return run.main()

    return main


def test_once_answers_0_for_a_host_that_ends_well(invoke: Invoke) -> None:
    assert invoke(0, "--once") == 0


def test_once_fails_when_the_host_ends_badly_after_its_picture(
    invoke: Invoke, capfd: pytest.CaptureFixture[str]
) -> None:
    assert invoke(3, "--once") == 1
    assert "make run: the host ended with exit status 3" in capfd.readouterr().err


@pytest.mark.parametrize(("status", "answer"), [(0, 0), (3, 1)])
def test_serving_ends_as_the_host_ends(invoke: Invoke, status: int, answer: int) -> None:
    assert invoke(status, how="by itself") == answer
