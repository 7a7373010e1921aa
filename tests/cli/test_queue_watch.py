"""`invoke-host queue watch`: pictures as they come, over cut connections, until everything is finished."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoke_host.cli import following, watching
from invoke_host.cli.following import Batch
from invoke_host.cli.progress import doing
from invoke_host.clock import SystemClock

from .conftest import Run
from .standin import CUT, StandInHost, done, item


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams are asked for again at once; questions without a stream hardly ever come."""
    monkeypatch.setattr(following, "_AGAIN_S", 0.01)
    monkeypatch.setattr(following, "ASK_EVERY_S", 30)


def finishing(host: StandInHost, item_id: int, **outcome: Any) -> Callable[[], None]:
    """The host finishes an item and tells nobody."""
    return lambda: host.items[item_id].update(outcome or done(item_id))


def told(item_id: int, event_id: int, **outcome: Any) -> tuple[str, Any, int]:
    """The event of it."""
    return "queue_item_status_changed", {"item_id": item_id} | (outcome or done(item_id)), event_id


def test_with_nothing_of_yours_it_ends_at_once(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1, user_id="redacted"), 2: item(2, status="completed")}
    result = run("queue", "watch")
    assert (result.code, result.out, result.err) == (0, "", "nothing of yours runs or waits\n")


def test_it_prints_names_of_pictures_as_they_come_and_ends_with_the_last(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1), 2: item(2, status="in_progress"), 3: item(3, user_id="redacted")}
    announced.scripts = [[told(2, 5), told(3, 6), told(1, 7)]]
    result = run("queue", "watch")
    assert (result.code, result.out, result.err) == (0, "image-2.png\nimage-1.png\n", "")


def test_what_fails_is_told_and_the_code_says_so(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1), 2: item(2)}
    announced.scripts = [[told(1, 1, status="failed", error_message="no memory"), told(2, 2)]]
    result = run("queue", "watch")
    assert (result.code, result.out, result.err) == (1, "image-2.png\n", "item 1 failed: no memory\n")


def test_as_json_it_prints_an_object_per_line(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1), 2: item(2)}
    announced.scripts = [[told(1, 1), told(2, 2, status="canceled")]]
    assert [json.loads(line) for line in run("queue", "watch", "--json").out.splitlines()] == [
        {"item_id": 1, "status": "completed", "image_names": ["image-1.png"], "error": ""},
        {"item_id": 2, "status": "canceled", "image_names": [], "error": ""},
    ]


def test_what_is_enqueued_meanwhile_is_watched_too(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1)}
    enqueued = ("batch_enqueued", {"user_id": "me", "item_ids": [2]}, 1)
    others = ("batch_enqueued", {"user_id": "bob", "item_ids": [3]}, 2)
    announced.scripts = [[enqueued, others, told(1, 3), told(2, 4)]]
    assert run("queue", "watch").out == "image-1.png\nimage-2.png\n"


def test_after_a_cut_it_resumes_where_it_was_and_prints_nothing_twice(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1), 2: item(2), 3: item(3)}
    announced.scripts = [
        [finishing(announced, 1), told(1, 11), finishing(announced, 2), CUT],
        [told(1, 11), told(2, 12), told(3, 13)],
    ]
    result = run("queue", "watch")
    assert (result.code, sorted(result.out.split())) == (0, ["image-1.png", "image-2.png", "image-3.png"])
    assert announced.after == [None, "11"]


def test_what_finished_while_nobody_listened_is_asked_for(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1), 2: item(2)}
    gone: Callable[[], None] = lambda: announced.items.__delitem__(2)  # noqa: E731
    announced.scripts = [[finishing(announced, 1), gone, CUT], []]
    result = run("queue", "watch")
    assert (result.code, result.out, result.err) == (1, "image-1.png\n", "item 2 canceled: was deleted\n")


def test_resync_and_bulk_changes_of_yours_make_it_ask(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1), 2: item(2)}
    announced.scripts = [
        [
            finishing(announced, 1),
            ("resync", {}, 1),
            ("queue_items_changed", {"user_id": "bob", "item_ids": [9]}, 2),
            finishing(announced, 2, status="canceled"),
            ("queue_items_changed", {"user_id": "me", "item_ids": [2]}, 3),
        ]
    ]
    assert run("queue", "watch").out == "image-1.png\n"


def test_without_a_stream_it_asks(run: Run, announced: StandInHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "ASK_EVERY_S", 0.02)
    announced.items = {1: item(1), 2: item(2)}
    announced.stream = "refused"
    announced.finish_at = "asked"
    assert run("queue", "watch").out == "image-1.png\nimage-2.png\n"


def test_of_a_batch_it_prints_finished_pictures_too_and_nothing_else(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1, **done(1)), 2: item(2), 3: item(3, batch_id="b-2")}
    announced.scripts = [[("batch_enqueued", {"user_id": "me", "item_ids": [4]}, 1), told(3, 2), told(2, 3)]]
    assert run("queue", "watch", "--batch", "b-1").out == "image-1.png\nimage-2.png\n"


def test_an_unknown_batch_is_told(run: Run, announced: StandInHost) -> None:
    result = run("queue", "watch", "--batch", "b-9")
    assert (result.code, result.err) == (3, "error: there is no batch b-9 of yours in this queue\n")


def test_a_host_that_stays_away_is_told_in_the_end(
    run: Run, announced: StandInHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "ASK_EVERY_S", 0.02)
    monkeypatch.setattr(watching, "_PATIENCE_S", 10)
    announced.items = {1: item(1)}

    def away() -> None:
        announced.refusal = (503, {"detail": "shutting down"})

    announced.scripts = [[away]]
    result = run("queue", "watch")
    assert (result.code, result.err) == (5, "error: shutting down\n")


def test_ctrl_c_ends_it_with_one_word(root: Path, announced: StandInHost) -> None:
    announced.items = {1: item(1)}
    announced.scripts = [[]]
    command = [sys.executable, "-m", "invoke_host", "--root", str(root), "queue", "watch", "--follow"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not any("status=in_progress" in path for _, path, _ in announced.requests) and process.poll() is None:
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "\ninterrupted\n")


def test_the_bar_says_what_is_done_and_otherwise_when_the_first_starts() -> None:
    batch, now = Batch([1, 2]), SystemClock().now()
    assert doing(batch, now) == "waiting"
    batch.note(batch.items[1], {"status": "pending", "position": 12, "estimated_start_at": "2000-01-01 00:00:00.000"})
    batch.note(batch.items[2], {"status": "pending", "position": 14})
    assert doing(batch, now) == "waiting, position 12, starts now"
    batch.note(batch.items[2], {"status": "in_progress"})
    assert doing(batch, now) == "generating"
