"""`invoke-host queue list`, `show` and `status` against a host over HTTP."""

from __future__ import annotations

import json

import pytest

from invoke_host.cli import queue_status
from invoke_host.cli.queue_words import within

from .conftest import Run
from .standin import StandInHost, item

SOON = "2035-01-01 00:00:00.000"


def table(text: str) -> list[list[str]]:
    """The cells of an aligned table; no cell of it is empty or has a space in it."""
    return [line.split() for line in text.splitlines()]


def test_list_shows_yours_first_what_runs_before_what_waits_by_position(run: Run, announced: StandInHost) -> None:
    rows = [
        item(1, status="completed", image_names=["a.png"]),
        item(2, position=4),
        item(3, status="in_progress"),
        item(4, position=2),
        item(5, position=1, user_id="redacted", batch_id="redacted"),
        item(6, status="in_progress", user_id="redacted", batch_id="redacted"),
    ]
    announced.items = {row["item_id"]: row for row in rows}
    heading, *lines = run("queue", "list").out.splitlines()
    assert heading.split() == ["ITEM", "WHOSE", "STATUS", "POSITION", "BATCH", "CREATED"]
    assert [line.split()[:3] for line in lines] == [
        ["3", "mine", "in_progress"],
        ["4", "mine", "pending"],
        ["2", "mine", "pending"],
        ["6", "another's", "in_progress"],
        ["5", "another's", "pending"],
    ]
    assert "redacted" not in "".join(lines)


def test_list_names_owners_where_the_caller_may_know_them(run: Run, announced: StandInHost) -> None:
    announced.items = {
        1: item(1, user_id="b", user_display_name="Bob\x1b[31m"),
        2: item(2, user_id="c", user_email="c@x"),
    }
    assert [cells[1:3] for cells in table(run("queue", "list").out)[1:]] == [["Bob", "[31m"], ["c@x", "pending"]]


def test_list_tells_when_items_start_by_the_clock_of_the_host(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1, position=1, estimated_start_at="2000-01-01 00:00:00.000")}
    heading, cells = table(run("queue", "list").out)
    assert cells[heading.index("STARTS")] == "now"
    announced.items = {1: item(1, position=1, estimated_start_at=SOON)}
    assert "days" in run("queue", "list").out


def test_list_cuts_at_the_limit_and_says_so(run: Run, announced: StandInHost) -> None:
    announced.items = {number: item(number) for number in range(1, 6)}
    lines = run("queue", "list", "--limit", 2).out.splitlines()
    assert [lines[1].split()[0], lines[2].split()[0], lines[3]] == ["1", "2", "… and 3 more"]


def test_list_finds_what_is_next_among_thousands_that_wait(run: Run, announced: StandInHost) -> None:
    announced.items = {number: item(number, position=3000 - number) for number in range(1, 2502)}
    found = json.loads(run("queue", "list", "--json", "--limit", 1).out)
    assert [row["item_id"] for row in found] == [2501]


def test_list_goes_on_after_an_answer_with_fewer_than_it_asked_for(run: Run, announced: StandInHost) -> None:
    announced.items = {number: item(number) for number in range(1, 8)}
    announced.most_listed = 3
    assert len(json.loads(run("queue", "list", "--json").out)) == 7


def test_list_does_not_read_history(run: Run, announced: StandInHost) -> None:
    announced.items = {number: item(number, status="completed") for number in range(1, 5001)}
    assert run("queue", "list").out == "nothing runs or waits\n"
    assert [path for _, path, _ in announced.requests] == [
        "/list_all?status=pending&limit=1000",
        "/list_all?status=in_progress&limit=1000",
    ]


def test_list_can_be_narrowed(run: Run, announced: StandInHost) -> None:
    announced.items = {
        1: item(1, status="failed", error_message="no memory"),
        2: item(2),
        3: item(3, user_id="redacted"),
        4: item(4, status="failed", batch_id="b-2"),
    }

    def ids(*words: str) -> list[int]:
        return [row["item_id"] for row in json.loads(run("queue", "list", "--json", *words).out)]

    assert ids("--mine") == [2]
    assert ids("--status", "failed") == [4, 1]
    assert ids("--status", "failed", "--status", "pending", "--mine") == [2, 4, 1]
    assert ids("--status", "failed", "--batch", "b-1") == [1]
    assert "no memory" in run("queue", "list", "--status", "failed").out


def test_list_all_shows_finished_items_newest_first(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1, status="completed", image_names=["a.png"]), 2: item(2, status="failed")}
    found = json.loads(run("queue", "list", "--all", "--json").out)
    assert [(row["item_id"], row["status"]) for row in found] == [(2, "failed"), (1, "completed")]


def test_list_says_why_it_is_empty(run: Run, announced: StandInHost) -> None:
    assert run("queue", "list", "--all").out == "nothing has been enqueued yet\n"
    assert run("queue", "list", "--mine").out == "there is no such item\n"
    assert json.loads(run("queue", "list", "--json").out) == []


def test_all_and_a_status_exclude_each_other(run: Run, announced: StandInHost) -> None:
    result = run("queue", "list", "--all", "--status", "failed")
    assert (result.code, "say --all or --status, not both" in result.err) == (2, True)


def test_show_tells_what_is_known_and_leaves_out_what_is_not(run: Run, announced: StandInHost) -> None:
    wish = {"positive_prompt": "a red\napple", "negative_prompt": "", "model": "emoji", "width": 64, "height": 72}
    request = wish | {"steps": 4, "cfg_scale": 2.5, "seed": 0, "scheduler": "euler"}
    announced.items = {1: item(1, position=1, request=request), 2: item(2, user_id="redacted", batch_id="redacted")}
    lines = run("queue", "show", 1).out.splitlines()
    assert lines[:5] == [
        "item:         1",
        "whose:        mine",
        "status:       pending",
        "position:     1 (next)",
        "prompt:       a red apple",
    ]
    assert "size:         64 × 72" in lines
    assert "seed:         0" in lines
    assert not any(line.startswith(("not:", "error:", "attempt:")) for line in lines)
    assert run("queue", "show", 2).out.splitlines() == [
        "item:         2",
        "whose:        another's",
        "status:       pending",
        "created:      2026-11-23 06:00:00.000",
    ]
    assert json.loads(run("queue", "show", 1, "--json").out) == announced.items[1]


def test_status_of_an_idle_queue(run: Run, announced: StandInHost) -> None:
    assert run("queue", "status").out == (
        "queue default: 0/0 (yours/all that runs or waits)\nfinished: 0 completed, 0 failed, 0 canceled\n"
    )


def test_status_tells_own_and_all_what_runs_and_when_the_next_starts(
    run: Run, announced: StandInHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_status, "_LISTEN_S", 5)
    announced.items = {
        1: item(1, status="in_progress", device="cpu"),
        2: item(2, status="in_progress", device="cuda:1", user_id="redacted"),
        3: item(3, position=9),
        4: item(4, position=3, estimated_start_at="2000-01-01 00:00:00.000"),
        5: item(5, position=1, user_id="redacted"),
    }
    announced.scripts = [[("progress", {"item_id": 1, "step": 5, "steps": 20, "message": "denoising"}, 1)]]
    assert run("queue", "status").out.splitlines() == [
        "queue default: 3/5 (yours/all that runs or waits)",
        "running: item 1 (mine) on cpu, 25% done",
        "running: item 2 (another's) on cuda:1",
        "waiting: 2 of yours, 3 in all",
        "next of yours: item 4, position 3, starts now",
        "finished: 0 completed, 0 failed, 0 canceled",
    ]


def test_status_does_not_wait_long_for_news_of_progress(
    run: Run, announced: StandInHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_status, "_LISTEN_S", 0.05)
    announced.items = {1: item(1, status="in_progress")}
    found = json.loads(run("queue", "status", "--json").out)
    assert (found["queue"]["user_in_progress"], found["next"]) == (1, None)
    assert [(row["item_id"], row["progress"]) for row in found["running"]] == [(1, None)]


def test_status_tells_of_pauses(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1)}
    announced.paused = {"queue": True, "mine": True}
    assert run("queue", "status").out.splitlines()[-2:] == [
        "paused: nothing of this queue is started until an administrator resumes it",
        "paused by you: nothing of yours is started until `invoke-host queue resume --mine`",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "now"), (1, "now"), (12.4, "in 12 s"), (95, "in 2 min"), (6000, "in 2 h"), (200_000, "in 2 days")],
)
def test_times_ahead_are_as_exact_as_they_deserve(seconds: float, words: str) -> None:
    assert within(seconds) == words
