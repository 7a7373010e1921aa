"""`python -m invoke_model_emoji.train`: the whole way from the registry's packages to a folder that diffusers loads."""

from __future__ import annotations

import argparse
import math
import random
import signal
import socket
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import torch
from diffusers.models.attention_processor import AttnProcessor
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch import multiprocessing
from transformers import CLIPTokenizer

from invoke_model_emoji.data import drawings
from invoke_model_emoji.data.captions import tell
from invoke_model_emoji.data.paint import Painter
from invoke_model_emoji.data.scenes import Composer
from invoke_model_emoji.errors import DataError, TrainingError
from invoke_model_emoji.latents import Basis, fit
from invoke_model_emoji.networks import build_text_encoder, build_unet, build_vae
from invoke_model_emoji.tokens import train_tokenizer
from invoke_model_emoji.training import identity, loop
from invoke_model_emoji.training.export import export
from invoke_model_emoji.training.lexicon import first_embeddings
from invoke_model_emoji.training.log import Log
from invoke_model_emoji.training.settings import STAGES, Settings, for_cpu, for_gpu
from invoke_model_emoji.training.stages import DecoderStage, DenoiserStage, EncoderStage, Stage, WordsStage
from invoke_model_emoji.training.supply import Supply

_CAPTIONS, _PATCHED_PICTURES = 60_000, 3_000
#: Captions of scenes that tokens get their first meaning from, besides all names.
_TOLD_SCENES = 6_000
#: Batches of 128 that the UNet's first weights are fitted to.
_SHOWN_BATCHES = 16


def main(words: list[str] | None = None) -> int:
    """Train; returns the exit code."""
    options = _parser().parse_args(words)
    try:
        _ask_for_extras()
        settings = _settings(options)
        prepare(settings)
        run(settings)
        print(f"model: {export(settings)}")
        print(f"losses: {_plotted(settings)}")
    except (DataError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"stopped; the same command goes on from the last checkpoint in {options.folder}", file=sys.stderr)
        return 130
    return 0


def prepare(settings: Settings) -> None:
    """Fetch and render the data, learn the tokenizer, fit the basis: what is there already stays.

    Raises TrainingError where the folder holds a run of another kind.
    """
    identity.keep(settings)
    data = drawings.load(settings.cache, settings.styles, print)
    rng = random.Random(settings.seed)
    if not (settings.folder / "tokenizer" / "tokenizer.json").exists():
        composer = Composer(data, settings.styles, settings.mix, rng)
        several = len(settings.styles) > 1
        captions = (tell(composer.scene(), data.concepts, rng, several_styles=several) for _ in range(_CAPTIONS))
        train_tokenizer(captions, settings.folder / "tokenizer")
    if not (settings.folder / "basis.safetensors").exists():
        composer = Composer(data, settings.styles, settings.mix, rng)
        painter = Painter(data)
        pictures = torch.cat(
            [painter.paint([composer.scene() for _ in range(50)]) for _ in range(_PATCHED_PICTURES // 50)]
        )
        fit(pictures, settings.widths.latent).save(settings.folder / "basis.safetensors")


def run(settings: Settings) -> None:
    """Train all stages that have not been finished.

    Raises TrainingError where a process was ended from outside, as for want of memory.
    """
    if settings.processes == 1:
        _work(0, settings, 0)
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    working = multiprocessing.spawn(_work, (settings, port), nprocs=settings.processes, join=False)
    try:
        while not working.join():
            pass
    except multiprocessing.ProcessExitedException as error:
        raise TrainingError(
            f"{error}: is there too little memory? The same command goes on from the last checkpoint."
        ) from error
    finally:
        for each in working.processes:
            each.kill()  # one that waits for the gradients of another hears nothing else
            each.join()
        _terminal().show_cursor()  # a process that drew the bars can't any more


def _work(rank: int, settings: Settings, port: int) -> None:
    if settings.processes > 1:  # end at once, with the others: what is lost since the last checkpoint is little
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    with loop.processes(rank, settings.processes, port), _bars(rank) as bars:
        data = drawings.load(settings.cache, settings.styles)
        tokenizer = CLIPTokenizer.from_pretrained(settings.folder / "tokenizer")
        supply = Supply(data, settings.styles, settings.mix, tokenizer, settings.device, settings.seed)
        still = Supply(data, settings.styles, settings.mix.still(), tokenizer, settings.device, settings.seed)
        log = Log(settings.folder / "log.csv") if rank == 0 else None
        for name in STAGES:
            if _finished(settings, name).exists():
                continue
            torch.manual_seed(settings.seed)  # each stage begins alike, whatever this process did before
            stage = _stage(name, settings, tokenizer).to(settings.device)
            if isinstance(stage, WordsStage):
                captions, pictures = still.told(_TOLD_SCENES)
                first = first_embeddings(
                    tokenizer, captions, stage.basis.encode(pictures), settings.widths.text, settings.seed
                )
                stage.text.get_input_embeddings().weight.data.copy_(first)
            if isinstance(stage, DenoiserStage):
                stage.begin([supply.batch(step, 0, 128, unnamed=stage.unnamed) for step in range(_SHOWN_BATCHES)])
            told = _teller(bars, bars.add_task(name, total=1.0, loss="  ..."))
            state = loop.train(name, stage, still if name == "words" else supply, settings, rank, log, told)
            if rank == 0:
                part = _finished(settings, name).with_suffix(".part")
                torch.save(state, part)
                part.replace(_finished(settings, name))
            loop.wait_for_all(settings.processes)


def _stage(name: str, settings: Settings, tokenizer: CLIPTokenizer) -> Stage:
    basis = Basis.load(settings.folder / "basis.safetensors").to(settings.device)
    if name in ("decoder", "encoder"):
        vae = build_vae(settings.widths)
        return DecoderStage(basis, vae) if name == "decoder" else EncoderStage(basis, vae)
    text = build_text_encoder(settings.widths, len(tokenizer), start=tokenizer.bos_token_id, end=tokenizer.eos_token_id)
    if settings.device == "cpu":
        text.set_attn_implementation("eager")
    if name == "words":
        return WordsStage(basis, text)
    words = torch.load(_finished(settings, "words"), weights_only=True)
    text.load_state_dict({key[5:]: value for key, value in words.items() if key.startswith("text.")})
    unet = build_unet(settings.widths)
    if settings.device == "cpu":  # fused attention is slower than plain products where there are so few positions
        unet.set_attn_processor(AttnProcessor())
    stage = DenoiserStage(basis, unet, text)
    stage.registers.load_state_dict({key[10:]: value for key, value in words.items() if key.startswith("registers.")})
    return stage


def _finished(settings: Settings, name: str) -> Path:
    return settings.folder / f"{name}.finished"


def _plotted(settings: Settings) -> Path:
    from invoke_model_emoji.training.plot import draw  # seconds of importing, once, at the end

    return draw(settings.folder / "log.csv", settings.folder / "loss.png")


def _ask_for_extras() -> None:
    """Better now than after hours."""
    missing = [name for name in ("matplotlib", "resvg_py") if find_spec(name) is None]
    if missing:
        raise TrainingError(f"{' and '.join(missing)} not found: pip install 'invoke-host-model-emoji[train]'")


def _bars(rank: int) -> Progress:
    columns = (
        TextColumn("{task.description:9}"),
        BarColumn(),
        TextColumn("{task.percentage:5.1f} %"),
        TextColumn("loss {task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=_terminal(), disable=rank > 0 or not sys.stderr.isatty())


def _terminal() -> Console:
    return Console(stderr=True)


def _teller(bars: Progress, task: TaskID) -> loop.Told:
    def told(loss: float, share: float) -> None:
        bars.update(task, completed=min(share, 1.0), loss=f"{loss:.4f}")

    return told


def _settings(options: argparse.Namespace) -> Settings:
    preset = options.preset or ("gpu" if torch.cuda.is_available() else "cpu")
    if preset == "gpu":
        if not torch.cuda.is_available():
            raise TrainingError("torch finds no GPU here: --preset cpu trains on the CPU, and slower")
        settings = for_gpu(options.folder, options.cache)
    else:
        settings = for_cpu(options.folder, options.cache, processes=options.processes)
    changes = {"seed": options.seed} | ({"styles": tuple(options.style)} if options.style else {})
    settings = replace(settings, **changes).scaled(options.share)
    budgets = dict(settings.budgets)
    for stage, minutes in options.minutes or ():
        budgets[stage] = replace(budgets[stage], minutes=minutes, steps=10**9)
    return replace(settings, budgets=budgets)


def _minutes(word: str) -> tuple[str, float]:
    stage, _, minutes = word.partition("=")
    if stage not in STAGES:
        raise argparse.ArgumentTypeError(f"{stage!r} is no stage: {', '.join(STAGES)}")
    try:
        return stage, _positive(minutes)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} should be as in denoiser=90") from None


def _positive(word: str) -> float:
    number = float(word)
    if not 0 < number < math.inf:
        raise ValueError(word)
    return number


def _share(word: str) -> float:
    try:
        return _positive(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} should be a number above 0") from None


def _count(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word!r} should be a whole number from 1 on")
    return int(word)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m invoke_model_emoji.train", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=Path("emoji-run"), help="what the run keeps; resumed if it exists"
    )
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/invoke-model-emoji", help="downloaded data")
    parser.add_argument("--preset", choices=("gpu", "cpu"), help="default: gpu where there is one")
    parser.add_argument(
        "--processes", type=_count, metavar="N", default=2, help="of the preset cpu, one thread each (default: 2)"
    )
    parser.add_argument("--style", action="append", choices=("noto", "flat"), help="repeat it for several")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=_share, default=1.0, help="of the preset's steps and minutes")
    parser.add_argument(
        "--minutes",
        action="append",
        type=_minutes,
        metavar="STAGE=M",
        help="train this stage for so long, not for steps",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
