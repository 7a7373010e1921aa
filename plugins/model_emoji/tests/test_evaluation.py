"""`python -m invoke_model_emoji.evaluate`: every part runs on any model, and one that ignores its prompt fails."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
import toy_emoji
from diffusers import StableDiffusionPipeline
from invoke_model_emoji import evaluate
from invoke_model_emoji.data import drawings as drawings_of
from invoke_model_emoji.data.paint import Painter
from invoke_model_emoji.data.scenes import Mix, Pose, Scene, Thing
from invoke_model_emoji.evaluation import judge
from invoke_model_emoji.evaluation.artist import Artist, How
from invoke_model_emoji.evaluation.bench import Bench
from invoke_model_emoji.evaluation.parts import PARTS, combinations, concepts, defaults, diversity
from invoke_model_emoji.evaluation.prompts import combinations as listed
from invoke_model_emoji.evaluation.prompts import with_article
from invoke_model_emoji.evaluation.sheet import MOST_BYTES, sheet
from invoke_model_emoji.networks import build_scheduler, build_text_encoder, build_unet, build_vae
from invoke_model_emoji.tokens import train_tokenizer
from PIL import Image
from shapes import shapes

HOW = How(4, 3.0, "dpmpp_2m")


class Perfect:
    """Draws what was asked for, from the drawings themselves, every seed in another pose."""

    side = 64

    def __init__(self, drawn):
        self._drawn, self._painter = drawn, Painter(drawn, size=64)
        self._names = {with_article(each.name): index for index, each in enumerate(drawn.concepts)}
        self._combinations = {each.prompt: each for each in listed(drawn)}

    def draw(self, prompts: Sequence[str], seeds: Sequence[int], how: How) -> torch.Tensor:
        scenes = [self._scene(*each) for each in zip(prompts, seeds, strict=True)]
        return self._painter.paint(scenes).add(1).div(2)

    def _scene(self, prompt: str, seed: int) -> Scene:
        rng = random.Random(f"{prompt} {seed}")
        if prompt in self._combinations:
            return judge.scene(self._drawn, self._combinations[prompt], Mix(), rng)
        index = self._names.get(prompt, 0)
        return Scene((Thing(index, judge.pose(self._drawn, index, Mix(), rng)),), "noto")


class Deaf(Perfect):
    """A mutant: one picture, whatever the prompt and the seed."""

    def _scene(self, prompt: str, seed: int) -> Scene:
        return Scene((Thing(0, Pose()),), "noto")


def bench(artist, drawn, **changes):
    where = Path("nowhere")
    given = {
        "artist": artist,
        "baseline": None,
        "drawings": drawn,
        "styles": ("noto",),
        "how": HOW,
        "baseline_how": HOW,
        "seed": 0,
        "quick": None,
        "folders": (where, None),
        "out": where,
    }
    return Bench(**(given | changes))


@pytest.fixture(scope="module")
def drawn():
    return shapes()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder that diffusers loads, with random weights."""
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    tokenizer = train_tokenizer(["a red apple and a cat"] * 9, folder / "tokens", vocabulary=600)
    widths = toy_emoji.WIDTHS
    ends = {"start": tokenizer.bos_token_id, "end": tokenizer.eos_token_id}
    StableDiffusionPipeline(
        vae=build_vae(widths),
        text_encoder=build_text_encoder(widths, len(tokenizer), **ends),
        tokenizer=tokenizer,
        unet=build_unet(widths),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder / "model")
    return folder / "model"


@pytest.fixture
def no_download(drawn, monkeypatch):
    monkeypatch.setattr(drawings_of, "load", lambda *_: drawn)


def test_a_perfect_model_scores_and_a_deaf_one_does_not(drawn):
    good, deaf = Perfect(drawn), Deaf(drawn)
    assert concepts.measure(bench(good, drawn)).top1 >= 0.98
    assert concepts.measure(bench(deaf, drawn)).top1 <= 1 / 48
    found = combinations.measure(bench(good, drawn, baseline=deaf, quick=18))
    assert found.right >= 0.95
    assert found.baseline <= 0.05
    assert found.right_if_painted >= 0.95


def test_diversity_compares_with_the_baseline(drawn):
    found = diversity.measure(bench(Perfect(drawn), drawn, baseline=Deaf(drawn), quick=3))
    assert found.distance > 0.02
    assert found.right == 1
    assert (found.baseline_distance, found.baseline_right) == (0, pytest.approx(1 / 3))


def test_misses_say_what_was_found_instead(drawn):
    found = concepts.measure(bench(Deaf(drawn), drawn, quick=5))
    assert {each.found for each in found.misses} == {"figure0"}
    assert [each.name for each in found.misses] == [f"figure{index}" for index in (9, 19, 28, 38)]


def test_the_best_default_is_fast_enough_before_it_is_good():
    slow = defaults.Cell("dpmpp_2m", 20, 3.0, 1.0, 1.0, 0.05, 1.3)
    good = defaults.Cell("dpmpp_2m", 12, 3.0, 0.9, 0.8, 0.07, 0.8)
    bad = defaults.Cell("dpmpp_2m", 4, 3.0, 0.2, 0.1, 0.2, 0.3)
    assert defaults.best([slow, bad, good]) is good
    assert defaults.best([slow]) is slow


def test_steps_that_are_good_at_one_cfg_only_are_not_the_best_default():
    def cell(steps: int, cfg: float, combinations: float, distance: float) -> defaults.Cell:
        return defaults.Cell("dpmpp_2m", steps, cfg, 1.0, combinations, distance, 0.3)

    lucky, steady = cell(4, 3.0, 1.0, 0.049), cell(8, 3.0, 1.0, 0.051)
    assert defaults.best([lucky, steady, cell(4, 5.0, 0.7, 0.1), cell(8, 5.0, 0.9, 0.06)]) is steady


def test_a_batch_draws_what_each_prompt_alone_would(tiny):
    artist = Artist(tiny)
    prompts = [f"a cat {index}" for index in range(9)]
    together = artist.draw(prompts, range(9), HOW)
    alone = artist.draw(prompts[8:], [8], HOW)
    assert together.shape == (9, 3, 128, 128)
    assert torch.allclose(together[8:], alone, atol=1e-3)


def test_a_quick_run_of_all_parts_writes_reports_and_sheets(tiny, no_download, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(defaults, "STEPS", (1, 2))
    monkeypatch.setattr(defaults, "CFG", (1.0, 3.0))
    monkeypatch.setattr(defaults, "SCHEDULERS", ("dpmpp_2m", "unipc"))
    words = f"--model {tiny} --baseline {tiny} --out {tmp_path} --quick 3 --steps 2 --threads 1 --json --cfg 2"
    assert evaluate.main(words.split()) == 0
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert told.err == ""
    assert report == json.loads((tmp_path / "report.json").read_text())
    assert list(report["parts"]) == list(PARTS)
    assert report["how"] == {"steps": 2, "cfg": 2.0, "scheduler": "dpmpp_2m"}
    assert report["parts"]["concepts"]["top1"] < 0.5
    assert [each["steps"] for each in report["parts"]["speed"]["timings"]] == [4, 8, 12, 20]
    assert len(report["parts"]["defaults"]["cells"]) == 6
    words = (tmp_path / "report.md").read_text()
    assert all(title in words for title in ("## Concepts", "## Held-out combinations", "## Speed"))
    for name in report["parts"]["sheets"]["files"]:
        assert (tmp_path / name).stat().st_size <= MOST_BYTES
        assert f"({name})" in words


def test_only_does_what_it_names(tiny, no_download, tmp_path, capsys):
    words = f"--model {tiny} --out {tmp_path} --quick 2 --steps 1 --threads 1 --only concepts"
    assert evaluate.main(words.split()) == 0
    assert list(json.loads((tmp_path / "report.json").read_text())["parts"]) == ["concepts"]
    assert "top-1" in capsys.readouterr().out


@pytest.mark.parametrize("part", PARTS)
def test_the_bar_counts_the_pictures_that_a_part_makes(part, drawn, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(defaults, "STEPS", (1,))
    monkeypatch.setattr(defaults, "CFG", (1.0, 3.0))
    made = []
    artist = Artist(tiny, lambda: made.append(1))
    given = bench(artist, drawn, quick=2, how=How(1, 2.0, "ddim"), folders=(tiny, None), out=tmp_path)
    PARTS[part].measure(given)
    assert len(made) == PARTS[part].count(given)


def test_a_folder_without_a_model_is_named(tmp_path, capsys):
    assert evaluate.main(["--model", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path} is no model folder")


def test_a_broken_model_is_named(tmp_path, capsys):
    (tmp_path / "model_index.json").write_text("{}")
    assert evaluate.main(["--model", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--quick", "0"], ["--scheduler", "heun"], ["--only", "beauty"], ["--steps", "x"]])
def test_words_that_mean_nothing_are_refused(words, capsys):
    with pytest.raises(SystemExit):
        evaluate.main(words)
    assert "error:" in capsys.readouterr().err


def test_a_sheet_has_every_picture_and_stays_small(tmp_path):
    noise = torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    sheet(
        noise, [f"a long caption that needs two lines {index}" for index in range(64)], tmp_path / "s.webp", columns=8
    )
    assert (tmp_path / "s.webp").stat().st_size <= MOST_BYTES
    with Image.open(tmp_path / "s.webp") as made:
        assert made.width > 8 * 128
        assert made.height > 8 * 128
