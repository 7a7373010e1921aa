"""`invoke-host generate` against a host whose items end as a test wants."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from invoke_host.cli import following
from invoke_host.cli.client import connect
from invoke_host.cli.errors import CliError
from invoke_host.cli.making import make, output_files, write_atomically

from .conftest import Run
from .standin import PNG, StandInHost


def picture(number: int) -> bytes:
    return PNG + f"image-{number}.png".encode()


@pytest.fixture
def generate(run: Run, standin: StandInHost, tmp_path: Path) -> Any:
    """Run `generate "an apple" -o apple.png` in a folder of its own."""

    def generate_words(*words: object, output: str = "apple.png") -> Any:
        return run("generate", "an apple", "-o", tmp_path / output, "--url", standin.url, *words)

    return generate_words


def test_one_picture_is_written_and_its_file_named(generate: Any, tmp_path: Path) -> None:
    result = generate()
    assert (result.code, result.out, result.err) == (0, f"{tmp_path / 'apple.png'}\n", "")
    assert (tmp_path / "apple.png").read_bytes() == picture(1)


def test_the_wish_is_sent_in_the_words_of_the_api_and_nothing_else(generate: Any, standin: StandInHost) -> None:
    generate()
    generate(
        *("--negative", "worms", "--width", 64, "--height", 72, "--steps", 4, "--cfg", 2.5, "--seed", 0),
        *("--scheduler", "ddim", "--model", "m", "--count", 2),
    )
    first, second = [body for _, path, body in standin.requests if path == "/generate"]
    assert first == {"positive_prompt": "an apple", "count": 1}
    assert second == {
        "positive_prompt": "an apple",
        "count": 2,
        "negative_prompt": "worms",
        "width": 64,
        "height": 72,
        "steps": 4,
        "cfg_scale": 2.5,
        "seed": 0,
        "scheduler": "ddim",
        "model": "m",
    }
    assert len(set(standin.keys)) == 2
    assert None not in standin.keys


def test_several_pictures_are_numbered(generate: Any, tmp_path: Path) -> None:
    result = generate("--count", 3)
    assert result.out.split() == [str(tmp_path / f"apple-{number}.png") for number in (1, 2, 3)]
    assert [(tmp_path / f"apple-{number}.png").read_bytes() for number in (1, 2, 3)] == [picture(n) for n in (1, 2, 3)]


def test_as_json_it_tells_files_names_and_seeds(generate: Any, tmp_path: Path) -> None:
    assert json.loads(generate("--json").out) == {
        "batch_id": "b-1",
        "enqueued": 1,
        "limited_by": None,
        "images": [{"file": str(tmp_path / "apple.png"), "image_name": "image-1.png", "item_id": 1, "seed": 42}],
        "failed": [],
    }


@pytest.mark.parametrize("stream", ["refused", "breaks", "silent", "resync"])
def test_without_a_working_event_stream_it_asks(
    generate: Any, standin: StandInHost, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    monkeypatch.setattr(following, "ASK_EVERY_S", 0.05)
    standin.stream = stream
    standin.finish_at = "stream" if stream == "resync" else "asked"
    assert generate("--count", 2).code == 0


def test_a_failed_item_is_told_with_its_reason_and_the_others_are_saved(
    generate: Any, standin: StandInHost, tmp_path: Path
) -> None:
    good = standin.outcome
    bad = {"status": "failed", "error_message": "the device has too little memory"}
    standin.outcome = lambda item_id: bad if item_id == 2 else good(item_id)
    result = generate("--count", 3)
    assert result.code == 1
    assert result.err == "error: item 2 failed: the device has too little memory\n"
    assert sorted(file.name for file in tmp_path.glob("*.png")) == ["apple-1.png", "apple-3.png"]


def test_an_item_that_somebody_deletes_counts_as_canceled(
    generate: Any, standin: StandInHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "ASK_EVERY_S", 0.05)
    standin.outcome = lambda item_id: {}
    result = generate()
    assert (result.code, result.err) == (1, "error: item 1 canceled: was deleted\n")


def test_a_full_queue_is_told_and_the_rest_is_saved(generate: Any, standin: StandInHost, tmp_path: Path) -> None:
    standin.accepts = 1
    result = generate("--count", 3)
    assert result.code == 1
    assert result.err == "error: the queue is full, try again later: 1 of 3 pictures were enqueued\n"
    assert [file.name for file in tmp_path.glob("*.png")] == ["apple-1.png"]


def test_a_limit_that_let_only_some_pass_is_named(generate: Any, standin: StandInHost) -> None:
    standin.accepts = 1
    standin.limited_by = {"limit": "images_per_day", "value": 40.0, "resets_at": "2026-11-24 00:00:00.000"}
    result = generate("--count", 3)
    assert result.code == 1
    assert result.err == (
        "error: the limit images_per_day (40) is reached, until 2026-11-24 00:00:00.000 UTC: "
        "1 of 3 pictures were enqueued\n"
    )


def test_prompts_come_from_a_file_one_per_line(run: Run, standin: StandInHost, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a red apple\n\n  a green pear \n")
    words = ("--prompts", tmp_path / "prompts.txt", "-o", tmp_path / "x.png", "--count", 2, "--url", standin.url)
    result = run("generate", *words)
    assert (result.code, len(result.out.split())) == (0, 4)
    assert [body for _, path, body in standin.requests if path == "/generate"] == [
        {"data": [[{"field_name": "positive_prompt", "items": ["a red apple", "a green pear"]}]], "count": 2}
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name a PROMPT, or --prompts FILE (one of the two)"),
        (("an apple", "--prompts", "p.txt"), "name a PROMPT, or --prompts FILE (one of the two)"),
        (("--prompts", "empty.txt"), "empty.txt: holds no prompt"),
        (("--prompts", "latin.txt"), "latin.txt: is not UTF-8 text"),
        (("--prompts", "none.txt"), "No such file"),
    ],
)
def test_prompts_that_can_not_be_are_refused_before_anything_is_made(
    run: Run, standin: StandInHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Any, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.txt").write_text("a pear\n")
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "latin.txt").write_bytes("ein Käfer".encode("latin-1"))
    result = run("generate", *words, "-o", "x.png", "--url", standin.url)
    assert result.code == 2
    assert told in result.err
    assert standin.requests == []


def test_the_queue_can_be_named(run: Run, standin: StandInHost, tmp_path: Path) -> None:
    result = run("generate", "x", "-o", tmp_path / "x.png", "--url", standin.url, "--queue", "a/b")
    assert (result.code, result.err) == (3, "error: Not Found\n")  # the stand-in has but one queue


def test_invalid_input_is_told_field_by_field(generate: Any, standin: StandInHost) -> None:
    detail = [
        {"loc": ["body", "width"], "msg": "must be even"},
        {"loc": ["body", "steps"], "msg": "too many"},
    ]
    standin.refusal = (422, {"detail": detail})
    result = generate("--width", 63)
    assert (result.code, result.err) == (2, "error: width: must be even\nsteps: too many\n")


def test_a_host_that_goes_away_in_between_is_told(
    generate: Any, standin: StandInHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "ASK_EVERY_S", 0.02)
    standin.stream = "silent"

    def gone(item_id: int) -> dict[str, Any]:
        standin.refusal = (503, {"detail": "shutting down"})
        return {"status": "in_progress"}

    standin.outcome, standin.finish_at = gone, "asked"
    result = generate()
    assert (result.code, result.err) == (5, "error: shutting down\n")


@pytest.mark.parametrize(
    ("output", "told"),
    [("apple.jpg", "pictures are PNG files; name it apple.png"), ("no/apple.png", "there is no folder")],
)
def test_an_output_that_can_not_be_is_refused_before_anything_is_made(
    generate: Any, standin: StandInHost, output: str, told: str
) -> None:
    result = generate(output=output)
    assert result.code == 2
    assert told in result.err
    assert standin.requests == []


def test_an_output_is_needed(run: Run) -> None:
    assert run("generate", "an apple").code == 2


async def test_what_is_interrupted_is_canceled_on_the_host(standin: StandInHost, tmp_path: Path) -> None:
    standin.stream = "silent"
    working = asyncio.Event()
    async with connect(standin.url) as client:
        body = {"positive_prompt": "x", "count": 1}
        task = asyncio.create_task(make(client, body, tmp_path / "x.png", lambda batch: working.set()))
        await working.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert standin.requests[-1] == ("PUT", "/cancel_by_batch_ids", {"batch_ids": ["b-1"]})


async def test_progress_grows_step_by_step(standin: StandInHost, tmp_path: Path) -> None:
    shares: list[float] = []
    async with connect(standin.url) as client:
        body = {"positive_prompt": "x", "count": 2}
        await make(client, body, tmp_path / "x.png", lambda batch: shares.append(batch.share))
    assert shares == sorted(shares)
    assert {0.5, 1.0, 1.5, 2.0} <= set(shares)


def test_names_of_files_keep_folder_and_suffix() -> None:
    assert output_files(Path("a/b.PNG"), 2) == [Path("a/b-1.PNG"), Path("a/b-2.PNG")]
    assert output_files(Path("a/b.png"), 1) == [Path("a/b.png")]


def test_a_file_is_replaced_whole_and_has_the_usual_permissions(tmp_path: Path) -> None:
    file, usual = tmp_path / "x.png", tmp_path / "usual"
    usual.touch()
    file.write_bytes(b"old")
    write_atomically(file, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["usual", "x.png"]


def test_a_file_that_can_not_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    with pytest.raises(CliError, match=r"x.png: can't be written: Is a directory"):
        write_atomically(tmp_path / "x.png", b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["x.png"]
