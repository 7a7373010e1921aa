"""Twelve drawings of a few shapes each in packages like the registry's, and a model that trains in seconds.

As a program it is `python -m invoke_model_emoji.train` with both: `toy_emoji.py --folder RUN --cache CACHE`. Processes
that it spawns import it again, so the names are exchanged in each. TOY_KILL=denoiser:8 kills it after that step.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import signal
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from invoke_model_emoji.data import sources
from invoke_model_emoji.data.scenes import Mix
from invoke_model_emoji.networks import Widths
from invoke_model_emoji.training.settings import STAGES, Budget, Settings

#: Code, label, group, further words, SVG of 128 x 128; the arrow points right and is half as high as it is wide.
CONCEPTS: tuple[tuple[str, str, int, tuple[str, ...], str], ...] = (
    ("1f34e", "red apple", 4, ("fruit", "juice"), '<circle cx="64" cy="64" r="60" fill="#dc2828"/>'),
    ("1f34f", "green apple", 4, ("fruit", "sour"), '<circle cx="64" cy="64" r="60" fill="#37a041"/>'),
    ("1f431", "cat face", 3, ("cat", "whiskers"), '<path d="M4 4 64 40 124 4V124H4Z" fill="#f0a030"/>'),
    ("1f436", "dog face", 3, ("dog",), '<path d="M64 4 124 124H4Z" fill="#9a6a40"/>'),
    ("1f680", "rocket", 5, ("space",), '<path d="M64 2 100 126H28Z" fill="#4060d0"/>'),
    ("1f697", "automobile", 5, (), '<rect x="2" y="40" width="124" height="50" rx="12" fill="#d03030"/>'),
    ("1f3e0", "house", 5, ("home",), '<path d="M64 4 124 60V124H4V60Z" fill="#c08050"/>'),
    (
        "2b50",
        "star",
        5,
        (),
        '<path d="M64 4 80 48 124 50 88 78 102 124 64 96 26 124 40 78 4 50 48 48Z" fill="#fcc21b"/>',
    ),
    ("1f511", "key", 7, ("lock",), '<path d="M8 50H90V20L124 64 90 108V78H8Z" fill="#e0b000"/>'),
    ("1f552", "mantel clock", 5, ("time",), '<path d="M4 4H124V124H84V64H4Z" fill="#806040"/>'),
    ("2601-fe0f", "cloud", 5, ("weather",), '<rect x="4" y="40" width="120" height="60" rx="30" fill="#b0b0b4"/>'),
    ("1f33b", "sunflower", 3, (), '<circle cx="64" cy="64" r="60" fill="#f8d020"/><circle cx="64" cy="64" r="30"/>'),
)

WIDTHS = Widths(latent=4, decoder=(8, 8, 8, 8, 8), text=24, text_layers=1, unet=(64,), time=32)


def names() -> list[dict[str, Any]]:
    """The rows of emojibase, as far as they are read."""
    rows = [
        {"hexcode": code.upper(), "label": label, "group": group, "tags": list(tags)}
        for code, label, group, tags, _ in CONCEPTS
    ]
    rows.append({"hexcode": "1F1E9-1F1EA", "label": "flag: Germany", "group": 9, "tags": ["DE"]})
    return rows


def icons() -> dict[str, Any]:
    """The drawings as iconify has them: no outer element, one size for all."""
    bodies = {label.replace(" ", "-"): {"body": body} for _, label, _, _, body in CONCEPTS}
    return {
        "prefix": "toy",
        "icons": bodies,
        "aliases": {"auto": {"parent": "automobile"}},
        "width": 128,
        "height": 128,
    }


def characters() -> dict[str, str]:
    """Codes to icons; one by its alias."""
    known = {code: label.replace(" ", "-") for code, label, *_ in CONCEPTS}
    return known | {"1f697": "auto"}


def pack(file: Path, files: dict[str, Any]) -> str:
    """Write a tarball of JSON files like npm's; returns its sha512 as the registry tells it."""
    with tarfile.open(file, "w:gz") as archive:
        for name, content in files.items():
            body = json.dumps(content).encode()
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return integrity(file.read_bytes())


def integrity(blob: bytes) -> str:
    """The registry's `sha512-...`, without its name."""
    return base64.b64encode(hashlib.sha512(blob).digest()).decode()


def fill(cache: Path) -> None:
    """Put the toy packages where the real ones would have been downloaded to."""
    cache.mkdir(parents=True, exist_ok=True)
    pack(cache / sources.NAMES.file_name, {"en/data.json": names()})
    for source in sources.STYLES.values():
        pack(cache / source.file_name, {"icons.json": icons(), "chars.json": characters()})


def pin(cache: Path, set_attribute: Callable[[Any, str, Any], None], set_item: Callable[[Any, str, Any], None]) -> None:
    """Make the packages in `cache` the pinned ones, with setters such as those of `pytest.MonkeyPatch`."""
    pinned = {
        source: replace(source, sha512=integrity((cache / source.file_name).read_bytes()))
        for source in (sources.NAMES, *sources.STYLES.values())
    }
    set_attribute(sources, "NAMES", pinned[sources.NAMES])
    for style, source in dict(sources.STYLES).items():
        set_item(sources.STYLES, style, pinned[source])


def settings(folder: Path, cache: Path, *, processes: int = 1, steps: int = 12) -> Settings:
    """Twelve steps a stage, checkpoints after the eighth and the last."""
    budgets = {name: Budget(steps, 2, 2e-3, ema=0.9) for name in STAGES}
    return Settings(folder, cache, "cpu", processes, budgets, widths=WIDTHS, mix=Mix(), checkpoint_s=0)


def shrink(set_attribute: Callable[[Any, str, Any], None]) -> None:
    """Make the command train the toy model."""
    from invoke_model_emoji import train

    set_attribute(train, "for_cpu", settings)
    set_attribute(train, "_CAPTIONS", 400)
    set_attribute(train, "_PATCHED_PICTURES", 50)
    set_attribute(train, "_TOLD_SCENES", 50)


def _killed_after(stage: str, step: int) -> None:
    from invoke_model_emoji.training import loop

    save = loop._save

    def saved(file: Path, *state: Any) -> None:
        save(file, *state)
        if file.stem == stage and state[3] == step:
            os.kill(os.getpid(), signal.SIGKILL)

    loop._save = saved


if __name__ in ("__main__", "__mp_main__"):
    pin(Path(sys.argv[sys.argv.index("--cache") + 1]), setattr, dict.__setitem__)
    shrink(setattr)
    if "TOY_KILL" in os.environ:
        name, _, number = os.environ["TOY_KILL"].partition(":")
        _killed_after(name, int(number))
if __name__ == "__main__":
    from invoke_model_emoji.train import main

    sys.exit(main(["--preset", "cpu", *sys.argv[1:]]))
