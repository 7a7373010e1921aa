"""`invoke-host queue retry`, `delete`, `prune`, `clear`, `pause` and `resume` against a host over HTTP."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from .conftest import Run
from .standin import StandInHost, item
from .terminal import Terminal


def test_retry_tells_the_new_ids_and_what_was_passed_over(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1, status="failed"), 2: item(2, status="completed")}
    assert run("queue", "retry", 1, 2, 1).out == "enqueued 1 item again\nitem 1 is now 1001\nitem 2 was passed over\n"
    assert announced.requests == [("PUT", "/retry_items_by_id", [1, 2])]
    assert json.loads(run("queue", "retry", 1, "--json").out) == [{"item_id": 1, "new_item_id": 1001}]


def test_retry_of_what_failed_takes_your_own_a_thousand_at_a_time(run: Run, announced: StandInHost) -> None:
    announced.items = {number: item(number, status="failed") for number in range(1, 1502)}
    announced.items[7]["user_id"] = "redacted"
    announced.items[8]["batch_id"] = "b-2"
    assert run("queue", "retry", "--failed").out == "enqueued 1,500 items again\n"
    sent = [body for _, path, body in announced.requests if path == "/retry_items_by_id"]
    assert [len(each) for each in sent] == [1000, 500]
    assert 7 not in sent[0]
    assert run("queue", "retry", "--failed", "--batch", "b-2").out == "enqueued 1 item again\n"


def test_retry_of_nothing_asks_for_nothing(run: Run, announced: StandInHost) -> None:
    assert run("queue", "retry", "--failed").out == "enqueued 0 items again\n"
    assert all(path != "/retry_items_by_id" for _, path, _ in announced.requests)


@pytest.mark.parametrize("words", [(), (1, "--failed"), (1, "--batch", "b")])
def test_retry_wants_exactly_one_way_to_say_what(run: Run, announced: StandInHost, words: tuple[object, ...]) -> None:
    assert run("queue", "retry", *words).code == 2
    assert announced.requests == []


def test_delete_removes_items_what_waits_or_a_destination(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1), 2: item(2)}
    assert run("queue", "delete", 1, 2).out == "removed 2 items\n"
    assert run("queue", "delete", "--waiting").out == "removed 3 items\n"
    assert json.loads(run("queue", "delete", "--destination", "my place", "--json").out) == {"deleted": 3}
    assert [(method, path) for method, path, _ in announced.requests] == [
        ("DELETE", "/i/1"),
        ("DELETE", "/i/2"),
        ("PUT", "/delete_all_except_current"),
        ("DELETE", "/d/my place"),
    ]


@pytest.mark.parametrize("words", [(), (1, "--waiting"), ("--waiting", "--destination", "d")])
def test_delete_wants_exactly_one_way_to_say_what(run: Run, announced: StandInHost, words: tuple[object, ...]) -> None:
    assert run("queue", "delete", *words).code == 2
    assert announced.requests == []


def test_prune_removes_what_is_finished(run: Run, announced: StandInHost) -> None:
    assert run("queue", "prune").out == "removed 3 items\n"
    assert run("queue", "prune", "--mine").code == 0
    assert announced.requests == [("PUT", "/prune", None), ("PUT", "/prune?mine=true", None)]


def test_clear_is_not_done_by_accident(run: Run, announced: StandInHost) -> None:
    result = run("queue", "clear")
    assert (result.code, "missing --force" in result.err, announced.requests) == (1, True, [])
    assert run("queue", "clear", "--force").out == "removed 3 items\n"


@pytest.mark.parametrize(("answer", "code"), [("", 130), ("y", 0)])
def test_clear_asks_at_a_terminal(root: Path, announced: StandInHost, answer: str, code: int) -> None:
    command = [sys.executable, "-m", "invoke_host", "queue", "clear", "--queue", "default"]
    with Terminal(command, root=root) as terminal:
        terminal.answer("Remove all that runs, waits or is finished in queue default? [y/N]", answer)
        assert terminal.end() == code
    assert [path for _, path, _ in announced.requests] == ["/clear"] * (code == 0)


def test_pause_and_resume_are_of_the_queue_or_of_what_is_yours(run: Run, announced: StandInHost) -> None:
    assert run("queue", "pause").out == "paused queue default\n"
    assert run("queue", "resume").out == "resumed queue default\n"
    assert run("queue", "pause", "--mine").out == "paused your items\n"
    assert json.loads(run("queue", "resume", "--mine", "--json").out) == {"user_paused": False}
    assert [path for _, path, _ in announced.requests] == [
        "/processor/pause",
        "/processor/resume",
        "/own/pause",
        "/own/resume",
    ]


@pytest.mark.parametrize("queue_id", ["nightly", "a/b", "a b?c#d", "..%2f"])
def test_the_queue_that_is_named_is_the_one_that_is_asked(run: Run, announced: StandInHost, queue_id: str) -> None:
    result = run("queue", "prune", "--queue", queue_id)
    assert (result.code, result.err) == (3, "error: Not Found\n")  # the stand-in has one queue
    assert announced.requests == []
