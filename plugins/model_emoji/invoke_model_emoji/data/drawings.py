"""Every concept's drawing in every style, as layers of pixels that can be painted in any colour.

A drawing is cropped to what is drawn and fills a square of `SIDE` pixels by its longer side. Colours are sRGB, not
linear light; alpha is premultiplied. Two sets of layers, each (concepts, layers, SIDE, SIDE) uint8:

* `plain`: red, green, blue, alpha.
* `parts`: red, green, blue of what keeps its colour; `place` and `tone` of what takes one; alpha. A thing painted in a
  colour is `parts[:3] + place * shadow + tone * (highlight - shadow)`: linear, so it can be warped first and painted
  later.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from invoke_model_emoji.data import sources
from invoke_model_emoji.data.concepts import Concept, code_of, select

SIDE = 128

Pixels = npt.NDArray[np.float32]

#: Chroma (largest minus smallest of R, G, B) from which a pixel is coloured, rather than gray, and from which wholly.
_GRAY, _COLOURED = 0.08, 0.25
#: Share of coloured pixels under which a drawing counts as gray: then all of it takes the colour.
_MOSTLY_GRAY = 0.3


@dataclass(frozen=True, slots=True)
class Drawings:
    """The concepts and their layers. `paintable` says how much of a drawing takes a colour, 0..1."""

    concepts: list[Concept]
    plain: dict[str, torch.Tensor]
    parts: dict[str, torch.Tensor]
    paintable: torch.Tensor


def load(cache: Path, styles: tuple[str, ...], tell: Callable[[str], None] = lambda _: None) -> Drawings:
    """All drawings of these styles; what is not in the cache is fetched and rendered."""
    rows = sources.read_json(sources.fetch(sources.NAMES, cache, tell), "en/data.json")
    packages = {style: sources.fetch(source, cache, tell) for style, source in sources.STYLES.items()}
    icons = {style: _icons(package) for style, package in packages.items()}
    drawn = frozenset.intersection(*(frozenset(each) for each in icons.values()))
    concepts = select(rows, drawn)
    plain, parts = {}, {}
    for style in styles:
        file = cache / f"{style}-{sources.STYLES[style].version}-{SIDE}-{_digest(concepts)}.safetensors"
        if not file.exists():
            tell(f"rendering {len(concepts)} drawings of style {style}")
            _render_all([icons[style][each.code] for each in concepts], file)
        with safe_open(file, framework="pt") as layers:
            plain[style], parts[style] = layers.get_tensor("plain"), layers.get_tensor("parts")
    first = parts[styles[0]].float()
    return Drawings(concepts, plain, parts, first[:, 3].sum(dim=(1, 2)) / first[:, 5].sum(dim=(1, 2)))


def _digest(concepts: list[Concept]) -> str:
    """Another selection is another file."""
    return hashlib.sha256(" ".join(each.code for each in concepts).encode()).hexdigest()[:8]


def _icons(package: Path) -> dict[str, str]:
    """SVG by code."""
    icons = sources.read_json(package, "icons.json")
    aliases = {name: each["parent"] for name, each in icons.get("aliases", {}).items()}
    found = {}
    for code, name in sources.read_json(package, "chars.json").items():
        icon = icons["icons"].get(aliases.get(name, name))
        if icon:
            width, height = icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))
            box = f'viewBox="{icon.get("left", 0)} {icon.get("top", 0)} {width} {height}"'
            found[code_of(code)] = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{icon["body"]}</svg>'
    return found


def _render_all(svgs: list[str], file: Path) -> None:
    drawings = [render(each) for each in svgs]
    plain = np.stack([_bytes(premultiplied(each)) for each in drawings])
    parts = np.stack([_bytes(split(each)) for each in drawings])
    part = file.with_suffix(".part")
    save_file({"plain": torch.from_numpy(plain), "parts": torch.from_numpy(parts)}, part)
    part.replace(file)


def render(svg: str) -> Pixels:
    """(SIDE, SIDE, 4) straight RGBA in 0..1: what is drawn, centered, its longer side filling the square."""
    import resvg_py  # only training renders; the model's users don't install it

    big = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=SIDE * 3)))).convert("RGBA")
    box = big.getchannel("A").point(lambda alpha: 255 if alpha > 8 else 0).getbbox() or (0, 0, *big.size)
    drawn = big.crop(box)
    side = max(drawn.size)
    square = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    square.paste(drawn, ((side - drawn.width) // 2, (side - drawn.height) // 2))
    # resize premultiplied, as otherwise the colour of what is transparent shines through at the edges
    small = square.convert("RGBa").resize((SIDE, SIDE), Image.Resampling.LANCZOS).convert("RGBA")
    return np.asarray(small, np.float32) / np.float32(255)


def premultiplied(drawing: Pixels) -> Pixels:
    """(4, SIDE, SIDE): red, green, blue times alpha, and alpha."""
    alpha = drawing[..., 3:]
    return np.concatenate([drawing[..., :3] * alpha, alpha], axis=2).transpose(2, 0, 1)


def split(drawing: Pixels) -> Pixels:
    """(6, SIDE, SIDE): the layers `parts`."""
    rgb, alpha = drawing[..., :3], drawing[..., 3]
    chroma = rgb.max(axis=2) - rgb.min(axis=2)
    tone = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    share = np.clip((chroma - _GRAY) / (_COLOURED - _GRAY), 0, 1)
    if (share * alpha).sum() < _MOSTLY_GRAY * alpha.sum():
        share = np.clip((tone - 0.1) / 0.1, 0, 1)  # all but outlines and pupils
    place = share * alpha
    seen = place > 0.5
    low, high = np.percentile(tone[seen], (2, 98)) if seen.any() else (0.0, 1.0)
    # a flat drawing keeps the middle tone: at most as much contrast as it had times two
    middle, spread = (low + high) / 2, max(high - low, 0.35)
    level = np.clip((tone - middle) / spread + 0.5, 0, 1)
    kept = rgb * (1 - share[..., None]) * alpha[..., None]
    return np.stack([*kept.transpose(2, 0, 1), place, level * place, alpha])


def _bytes(layers: Pixels) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(np.clip(np.round(layers * 255), 0, 255).astype(np.uint8))
