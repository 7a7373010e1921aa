"""The log is a row for every 20 steps and for a stage's last; its picture shows every stage."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke_model_emoji.training.log import COLUMNS, Log, read
from invoke_model_emoji.training.plot import _smoothed, draw
from PIL import Image


def steps(log: Log, stage: str, first: int, last: int, loss: float = 1.0) -> None:
    for step in range(first, last + 1):
        log.row(stage, step, step * 8, step * 0.5, loss / step, 1e-3)


def test_a_row_has_the_mean_loss_of_its_steps(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.csv")
    for step in range(1, 41):
        log.row("decoder", step, step * 8, step * 0.5, float(step), 1e-3)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines == [",".join(COLUMNS), "decoder,20,160,10.0,10.50000,0.001", "decoder,40,320,20.0,30.50000,0.001"]
    assert COLUMNS == ("stage", "step", "samples", "seconds", "loss", "rate")


def test_a_stage_that_ends_between_two_rows_has_a_last_one_of_its_own(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.csv")
    steps(log, "decoder", 1, 25, loss=100)
    log.end()
    log.end()
    steps(log, "encoder", 1, 20)
    rows = read(tmp_path / "log.csv")
    assert [each.step for each in rows["decoder"]] == [20, 25]
    assert [each.step for each in rows["encoder"]] == [20]
    assert rows["encoder"][0].loss < 1  # nothing of the other stage in it


def test_a_resumed_run_goes_on_in_the_same_log_and_counts_once(tmp_path: Path) -> None:
    steps(Log(tmp_path / "log.csv"), "decoder", 1, 100)
    steps(Log(tmp_path / "log.csv"), "decoder", 61, 120, loss=2)
    rows = read(tmp_path / "log.csv")["decoder"]
    assert [each.step for each in rows] == [20, 40, 60, 80, 100, 120]
    assert rows[3].loss > rows[2].loss
    assert (tmp_path / "log.csv").read_text().count("stage,") == 1


def test_a_row_that_is_just_being_written_is_left_out(tmp_path: Path) -> None:
    steps(Log(tmp_path / "log.csv"), "decoder", 1, 40)
    with (tmp_path / "log.csv").open("a") as file:
        file.write("decoder,60,48")
    assert [each.step for each in read(tmp_path / "log.csv")["decoder"]] == [20, 40]


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_picture_shows_every_stage(tmp_path: Path, suffix: str) -> None:
    log = Log(tmp_path / "log.csv")
    for stage in ("decoder", "encoder", "words", "denoiser"):
        steps(log, stage, 1, 200)
        log.end()
    file = draw(tmp_path / "log.csv", tmp_path / f"loss.{suffix}")
    if suffix == "svg":
        assert file.read_text().count('id="axes_') == 4
    else:
        with Image.open(file) as picture:
            assert picture.size == (1440, 432)
            assert len(picture.getcolors(2**20) or ()) > 10


def test_one_row_is_enough_for_a_picture(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.csv")
    steps(log, "decoder", 1, 3)
    log.end()
    assert draw(tmp_path / "log.csv", tmp_path / "loss.png").exists()


def test_smoothing_keeps_a_line_and_takes_its_noise_away() -> None:
    line = [float(each) for each in range(100)]
    assert _smoothed(line) == pytest.approx(line)
    shaky = [1 + (-1) ** each * 0.5 for each in range(100)]
    assert all(abs(each - 1) < 0.2 for each in _smoothed(shaky)[10:-10])
