"""What a run is: sizes, stages, budgets. Two presets, one for a GPU, one for two CPU cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from invoke_model_emoji.data.scenes import Mix
from invoke_model_emoji.networks import Widths


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a stage trains and how.

    `batch` is per process. The rate is constant after a short start and goes to zero over the last `cooling` share of
    `steps`, or of `minutes`, where they are set and end first.
    """

    steps: int
    batch: int
    rate: float
    cooling: float = 0.25
    minutes: float | None = None
    ema: float = 0.999


STAGES = ("decoder", "encoder", "words", "denoiser")


@dataclass(frozen=True, slots=True)
class Settings:
    """One run. `folder` keeps everything that a resumed run needs, `cache` what was downloaded and rendered."""

    folder: Path
    cache: Path
    device: str
    processes: int
    budgets: Mapping[str, Budget]
    styles: tuple[str, ...] = ("noto",)
    seed: int = 0
    widths: Widths = field(default_factory=Widths)
    mix: Mix = field(default_factory=Mix)
    compile: bool = False
    checkpoint_s: float = 120.0

    def scaled(self, share: float) -> Settings:
        """The same run with so much of its steps and minutes."""
        budgets = {
            name: replace(each, steps=max(1, round(each.steps * share)), minutes=each.minutes and each.minutes * share)
            for name, each in self.budgets.items()
        }
        return replace(self, budgets=budgets)


def for_gpu(folder: Path, cache: Path) -> Settings:
    """Meant for 25 minutes of one large GPU, which nobody has tried yet: large batches, both styles."""
    return Settings(
        folder,
        cache,
        "cuda",
        1,
        {
            "decoder": Budget(9_000, 128, 1.5e-3, minutes=6),
            "encoder": Budget(2_000, 128, 2e-3, minutes=1),
            "words": Budget(3_000, 512, 2e-3, minutes=1.5),
            "denoiser": Budget(16_000, 512, 1.5e-3, minutes=16, ema=0.9995),
        },
        styles=("noto", "flat"),
        compile=True,
    )


def for_cpu(folder: Path, cache: Path, *, processes: int = 2) -> Settings:
    """CPU cores, one process each: about two hours on two cores that have bfloat16 matrix units (AMX)."""
    return Settings(
        folder,
        cache,
        "cpu",
        processes,
        {
            "decoder": Budget(2_528, 8, 1.5e-3, ema=0.998),
            "encoder": Budget(392, 8, 2e-3, ema=0.98),
            "words": Budget(1_928, 128, 1.5e-3, ema=0.99),
            "denoiser": Budget(5_800, 48, 1.2e-3),
        },
        mix=Mix(pair=0.16, smaller=0.05, shift=0.01, turn=0.02, mirrored=0.0),
    )
