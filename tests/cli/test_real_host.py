"""The command line and a real host with a real model: from a prompt to a file."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from .conftest import Run

PNG_START = b"\x89PNG\r\n\x1a\n"


def command(root: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "invoke_host", "--root", str(root), *words]


def first_line_with(process: subprocess.Popen[str], text: str) -> dict[str, object]:
    """Read the log until a line has the text."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return dict(json.loads(line))
    raise AssertionError(f"the host ended with {process.wait()} before it wrote {text!r}")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root folder of a host that runs."""
    root = tmp_path_factory.mktemp("served")
    process = subprocess.Popen(command(root, "serve", "--port", "0"), stderr=subprocess.PIPE, text=True)
    try:
        first_line_with(process, "host_started")
        yield root
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
    assert not (root / "run" / "host.json").exists()


def test_generate_starts_a_host_where_none_runs_and_stops_it(run: Run, root: Path, tmp_path: Path) -> None:
    result = run("generate", "a red apple", "-o", tmp_path / "apple.png", "--steps", 2, "--seed", 7)
    assert (result.code, result.out, result.err) == (0, f"{tmp_path / 'apple.png'}\n", "")
    assert (tmp_path / "apple.png").read_bytes().startswith(PNG_START)
    assert not (root / "run" / "host.json").exists()
    assert run("queue", "list").code == 5


def test_generate_uses_the_host_that_runs_and_the_same_seed_gives_the_same_picture(
    run: Run, served: Path, tmp_path: Path
) -> None:
    words = ("a red apple", "--steps", 2, "--json")
    first = run("--root", served, "generate", *words, "--seed", 7, "--count", 2, "-o", tmp_path / "a.png")
    again = run("--root", served, "generate", *words, "--seed", 8, "-o", tmp_path / "b.png")
    assert (first.code, again.code) == (0, 0)
    assert [image["seed"] for image in json.loads(first.out)["images"]] == [7, 8]
    seen = json.loads(run("--root", served, "queue", "list", "--all", "--json").out)
    assert [row["status"] for row in seen] == ["completed"] * 3
    from PIL import Image

    with Image.open(tmp_path / "a-2.png") as one, Image.open(tmp_path / "b.png") as other:
        assert one.tobytes() == other.tobytes()


def test_the_host_s_own_words_reach_the_terminal(run: Run, served: Path, tmp_path: Path) -> None:
    result = run("--root", served, "generate", "x", "-o", tmp_path / "x.png", "--width", 63, "--scheduler", "eular")
    assert result.code == 2
    assert "width: " in result.err
    assert not (tmp_path / "x.png").exists()


def test_nothing_runs_or_waits_in_the_end(run: Run, served: Path) -> None:
    assert run("--root", served, "queue", "list").out == "nothing runs or waits\n"
    assert run("--root", served, "queue", "cancel", 999_999).code == 3


def test_a_second_host_in_the_same_folder_is_told_where_the_first_one_answers(run: Run, served: Path) -> None:
    result = run("--root", served, "serve", "--port", 0)
    assert result.code == 2
    assert json.loads((served / "run" / "host.json").read_text())["url"] in result.err


def test_a_host_that_can_not_start_is_explained_by_generate(run: Run, root: Path, tmp_path: Path) -> None:
    (root / "invoke-host.toml").write_text('[server]\nport = "abc"\n')
    result = run("generate", "x", "-o", tmp_path / "x.png")
    assert result.code == 2
    assert "the host did not start:\nerror: invoke-host.toml:2: server.port: expected an integer" in result.err


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_host_that_was_started_for_a_call_does_not_outlive_it(root: Path, tmp_path: Path) -> None:
    words = ("generate", "x", "-o", str(tmp_path / "x.png"), "--count", "1000")
    caller = subprocess.Popen(command(root, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    announcement = root / "run" / "host.json"
    while not announcement.exists() and caller.poll() is None:
        os.sched_yield()
    host = psutil.Process(json.loads(announcement.read_text())["pid"])
    family = [host, *host.children(recursive=True)]
    caller.kill()
    caller.wait()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert not alive


def test_on_a_terminal_there_is_a_progress_bar_on_standard_error(served: Path, tmp_path: Path) -> None:
    screen, terminal = os.openpty()
    words = ("generate", "x", "-o", str(tmp_path / "x.png"), "--steps", "20")
    process = subprocess.Popen(command(served, *words), stdout=subprocess.PIPE, stderr=terminal, text=True)
    os.close(terminal)
    shown = b""
    while select.select([screen], [], [], 60)[0]:
        try:
            shown += os.read(screen, 65536)
        except OSError:  # the other side is closed
            break
    os.close(screen)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, f"{tmp_path / 'x.png'}\n")
    assert "generating" in shown.decode()
    assert "%" in shown.decode()
