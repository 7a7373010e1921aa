"""`invoke-host queue` against a host over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Run
from .standin import StandInHost, item


def test_without_a_running_host_it_says_how_to_start_one(run: Run, root: Path) -> None:
    result = run("queue", "list")
    assert result.code == 5
    assert result.err == (
        f"error: no host runs in {root}; start it with `invoke-host --root {root} serve`, "
        "or name another one with --url or --root\n"
    )


@pytest.mark.parametrize("text", ["{", "[]", '{"url": "http://[::1]:1"}', '{"url": "http://[::1]:1", "pid": 1}'])
def test_what_a_killed_host_left_behind_counts_as_no_host(run: Run, root: Path, text: str) -> None:
    (root / "run").mkdir()
    (root / "run" / "host.json").write_text(text)
    assert "no host runs in" in run("queue", "list").err


def test_a_url_where_nobody_answers_is_told(run: Run) -> None:
    result = run("queue", "list", "--url", "http://127.0.0.1:1")
    assert result.code == 5
    assert result.err.startswith("error: no host answers at http://127.0.0.1:1 (")


@pytest.mark.parametrize("url", ["127.0.0.1:9090", "ftp://x", "http://", "http://x:y", "nonsense"])
def test_a_url_that_is_none_is_wrong_usage(run: Run, url: str) -> None:
    result = run("queue", "list", "--url", url)
    assert result.code == 2
    assert "is not a URL; write it like http://127.0.0.1:9090" in result.err


def test_the_url_can_come_from_the_environment(run: Run, standin: StandInHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_HOST_URL", standin.url)
    assert run("queue", "list").out == "nothing runs or waits\n"


def test_cancel_tells_what_was_canceled_and_what_was_finished(run: Run, announced: StandInHost) -> None:
    announced.items = {1: item(1), 2: item(2, status="completed")}
    result = run("queue", "cancel", 1, 2)
    assert (result.code, result.out) == (0, "canceled 1 item\nitem 2 is completed and stays so\n")


def test_cancel_of_all_and_of_batches_use_their_own_routes(run: Run, announced: StandInHost) -> None:
    assert run("queue", "cancel", "--all").out == "canceled 3 items\n"
    assert json.loads(run("queue", "cancel", "--batch", "a", "--batch", "b", "--json").out) == {"canceled": 3}
    assert announced.requests == [
        ("PUT", "/cancel_all_except_current", None),
        ("PUT", "/cancel_by_batch_ids", {"batch_ids": ["a", "b"]}),
    ]


def test_cancel_of_a_destination_has_its_own_route(run: Run, announced: StandInHost) -> None:
    assert run("queue", "cancel", "--destination", "gal lery").out == "canceled 3 items\n"
    assert announced.requests == [("PUT", "/cancel_by_destination?destination=gal lery", None)]


def test_cancel_of_all_that_is_mine_goes_batch_by_batch(run: Run, announced: StandInHost) -> None:
    announced.items = {
        1: item(1, batch_id="a"),
        2: item(2, batch_id="a", status="in_progress"),
        3: item(3, batch_id="b", user_id="another"),
        4: item(4, batch_id="c", status="completed"),
    }
    assert run("queue", "cancel", "--mine").out == "canceled 3 items\n"
    assert announced.requests[-1] == ("PUT", "/cancel_by_batch_ids", {"batch_ids": ["a"]})


@pytest.mark.parametrize("words", [(), (1, "--all"), ("--all", "--batch", "b"), ("--mine", "--destination", "d")])
def test_cancel_wants_exactly_one_way_to_say_what(run: Run, announced: StandInHost, words: tuple[object, ...]) -> None:
    result = run("queue", "cancel", *words)
    assert result.code == 2
    assert "say what to cancel in exactly one way" in result.err
    assert announced.requests == []


REFUSALS = {
    404: ({"detail": "there is no item 7"}, 3, "error: there is no item 7\n"),
    403: ({"detail": "not yours"}, 4, "error: not yours\n"),
    422: ({"detail": [{"loc": ["path", "item_id"], "msg": "too large"}]}, 2, "error: item_id: too large\n"),
    503: ({"detail": "the database is busy"}, 5, "error: the database is busy\n"),
    500: (
        {"detail": "it broke (error ab12)"},
        1,
        "error: it broke (error ab12) (status 500)\n",
    ),
    502: ("<html>proxy</html>", 1, "error: Bad Gateway (status 502)\n"),
}


@pytest.mark.parametrize("status", REFUSALS)
def test_what_the_host_refuses_is_told_in_its_words_with_a_code(run: Run, announced: StandInHost, status: int) -> None:
    detail, code, told = REFUSALS[status]
    announced.refusal = (status, detail)
    result = run("queue", "cancel", 7)
    assert (result.code, result.err) == (code, told)
