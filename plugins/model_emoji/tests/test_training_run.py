"""A whole run of the toy model, in one process and in two, killed and resumed: it ends with a folder that draws."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
import toy_emoji
from invoke_model_emoji import train
from invoke_model_emoji.training.log import read
from invoke_model_emoji.training.settings import STAGES
from safetensors.torch import load_file


def command(folder: Path, cache: Path, *words: str) -> list[str]:
    return ["--preset", "cpu", "--folder", str(folder), "--cache", str(cache), *words]


def process(folder: Path, cache: Path, *words: str, kill: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with the toy model in it."""
    program = [sys.executable, toy_emoji.__file__, *command(folder, cache, *words)[2:]]
    # the last bits depend on the number of threads, which other tests of this process set
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | ({"TOY_KILL": kill} if kill else {})
    return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=170, check=False)


@pytest.fixture(scope="module")
def whole(toy_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    done = process(folder, toy_cache, "--processes", "1")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def toy_training(toy_sources: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command trains the toy model; returns the cache to name to it."""
    toy_emoji.shrink(monkeypatch.setattr)
    return toy_sources


def draws(model: Path) -> np.ndarray:
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(model, dtype=torch.float32, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator("cpu").manual_seed(0)
    return np.asarray(pipeline("a red apple", num_inference_steps=2, generator=generator).images[0])


def weights(model: Path) -> dict[str, torch.Tensor]:
    files = sorted(model.rglob("*.safetensors"))
    return {f"{file.parent.name} {name}": each for file in files for name, each in load_file(file).items()}


def test_a_run_ends_with_a_pipeline_that_draws_at_its_native_size(whole: Path) -> None:
    made = draws(whole / "model")
    assert made.shape == (128, 128, 3)


def test_the_model_is_float16_safetensors_and_lists_its_words(whole: Path) -> None:
    model = whole / "model"
    assert {each.dtype for each in weights(model).values()} == {torch.float16}
    assert not list(model.rglob("*.bin"))
    assert len(json.loads((model / "concepts.json").read_text())["concepts"]) == 12


def test_the_log_has_every_stage_and_the_losses_are_drawn(whole: Path) -> None:
    assert {stage: [each.step for each in rows] for stage, rows in read(whole / "log.csv").items()} == {
        stage: [12] for stage in STAGES
    }
    assert (whole / "loss.png").stat().st_size > 10_000


def test_a_finished_run_is_not_trained_again(
    whole: Path, toy_training: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {each.name: each.stat().st_mtime_ns for each in whole.glob("*.finished")}
    assert train.main(command(whole, toy_training, "--processes", "1")) == 0
    assert {each.name: each.stat().st_mtime_ns for each in whole.glob("*.finished")} == before
    assert f"model: {whole / 'model'}" in capsys.readouterr().out


def test_a_run_that_was_killed_goes_on_as_if_nothing_had_been(whole: Path, toy_training: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    killed = process(folder, toy_training, "--processes", "1", kill="denoiser:8")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert {each.stem for each in folder.glob("*.finished")} == {"decoder", "encoder", "words"}
    resumed = process(folder, toy_training, "--processes", "1")
    assert resumed.returncode == 0, resumed.stderr
    expected, found = weights(whole / "model"), weights(folder / "model")
    assert found.keys() == expected.keys()
    assert [name for name in found if not torch.equal(found[name], expected[name])] == []


def test_two_processes_train_one_model_and_say_nothing_but_where_it_is(toy_cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = process(folder, toy_cache, "--processes", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [f"model: {folder / 'model'}", f"losses: {folder / 'loss.png'}"]
    assert done.stderr == ""
    assert read(folder / "log.csv")["denoiser"][0].samples == 12 * 2 * 2
    assert draws(folder / "model").shape == (128, 128, 3)
