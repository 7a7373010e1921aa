"""What the command says to wrong options, to a folder of another run, and when it is interrupted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import toy_emoji
from invoke_model_emoji import train
from invoke_model_emoji.data import sources
from invoke_model_emoji.training import identity
from invoke_model_emoji.training.settings import for_cpu, for_gpu


def settings_of(*words: str) -> train.Settings:
    return train._settings(train._parser().parse_args(["--preset", "cpu", *words]))


@pytest.fixture
def command(toy_sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words that train the toy model in a new folder, one process."""
    toy_emoji.shrink(monkeypatch.setattr)
    return ["--preset", "cpu", "--processes", "1", "--folder", str(tmp_path / "run"), "--cache", str(toy_sources)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--minutes", "denoise=9"], "'denoise' is no stage: decoder, encoder, words, denoiser"),
        (["--minutes", "denoiser"], "'denoiser' should be as in denoiser=90"),
        (["--minutes", "denoiser=soon"], "'denoiser=soon' should be as in denoiser=90"),
        (["--minutes", "denoiser=-1"], "'denoiser=-1' should be as in denoiser=90"),
        (["--minutes", "denoiser=nan"], "'denoiser=nan' should be as in denoiser=90"),
        (["--processes", "0"], "should be a whole number from 1 on"),
        (["--share", "0"], "should be a number above 0"),
        (["--style", "wax"], "invalid choice: 'wax'"),
    ],
)
def test_a_wrong_option_is_told_with_what_is_right(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        train.main(words)
    assert told in capsys.readouterr().err


def test_minutes_stand_for_the_steps_of_one_stage() -> None:
    settings = settings_of("--minutes", "denoiser=90", "--minutes", "words=1.5")
    assert settings.budgets["denoiser"].minutes == 90
    assert settings.budgets["words"].minutes == 1.5
    assert settings.budgets["decoder"] == for_cpu(Path(), Path()).budgets["decoder"]


def test_a_share_of_a_preset_is_so_much_of_its_steps_and_minutes() -> None:
    steps = settings_of("--share", "0.1").budgets
    assert {name: each.steps for name, each in steps.items()} == {
        name: round(each.steps * 0.1) for name, each in for_cpu(Path(), Path()).budgets.items()
    }
    assert for_gpu(Path(), Path()).scaled(0.5).budgets["denoiser"].minutes == 8


def test_seed_and_styles_are_taken_over() -> None:
    settings = settings_of("--seed", "7", "--style", "flat", "--style", "noto")
    assert (settings.seed, settings.styles) == (7, ("flat", "noto"))


def test_without_a_gpu_the_preset_for_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert train.main(["--preset", "gpu"]) == 1
    assert "--preset cpu" in capsys.readouterr().err


def test_without_the_extra_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "find_spec", lambda name: None if name == "resvg_py" else object())
    assert train.main(["--preset", "cpu"]) == 1
    assert capsys.readouterr().err == "error: resvg_py not found: pip install 'invoke-host-model-emoji[train]'\n"


def test_without_data_the_reason_is_told_in_one_line(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sources, "REGISTRY", "http://127.0.0.1:9")
    assert train.main([*command, "--cache", str(tmp_path / "empty")]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: http://127.0.0.1:9/emojibase-data/")
    assert told.count("\n") == 1


def test_after_an_interruption_the_way_on_is_told(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "run", interrupted)
    assert train.main(command) == 130
    assert capsys.readouterr().err == (
        f"stopped; the same command goes on from the last checkpoint in {tmp_path / 'run'}\n"
    )


def test_a_folder_with_another_run_is_refused_with_what_differs(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "run", lambda _: pytest.exit("trained what should have been refused"))
    file = tmp_path / "run" / identity.FILE
    identity.keep(train._settings(train._parser().parse_args(command)))
    begun = json.loads(file.read_text())
    file.write_text(json.dumps(begun | {"widths": begun["widths"] | {"unet": [64, 128]}}))
    assert train.main([*command, "--seed", "1", "--style", "flat"]) == 1
    assert capsys.readouterr().err == (
        f"error: the run in {tmp_path / 'run'} was begun with other settings: seed was 0, is 1; "
        "styles was noto, is flat; widths unet was 64, 128, is 64. "
        "Go on with the options of its first command, or name another --folder.\n"
    )


def test_other_budgets_and_processes_are_no_other_run(command: list[str]) -> None:
    words = train._parser().parse_args(command)
    identity.keep(train._settings(words))
    words.share, words.processes = 0.5, 2
    identity.keep(train._settings(words))


def test_a_broken_settings_file_is_named(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / identity.FILE).write_text("{")
    assert train.main(command) == 1
    assert f"{identity.FILE} can't be read" in capsys.readouterr().err


def test_a_process_that_is_killed_from_outside_is_told_without_a_traceback(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Killed:
        processes = ()

        def join(self) -> bool:
            raise torch.multiprocessing.ProcessExitedException(
                "process 1 terminated with signal SIGKILL", error_index=1, error_pid=1, exit_code=-9
            )

    monkeypatch.setattr(torch.multiprocessing, "spawn", lambda *_, **__: Killed())
    assert train.main([*command, "--processes", "2"]) == 1
    assert "process 1 terminated with signal SIGKILL: is there too little memory?" in capsys.readouterr().err


def test_the_host_loads_the_plugin_without_anything_that_trains() -> None:
    heavy = ("torch", "diffusers", "transformers", "numpy", "resvg_py", "matplotlib", "PIL")
    code = f"import sys, invoke_model_emoji; print([each for each in {heavy!r} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
