"""Drawings that need no download: 48 figures of random polygons, each unlike the others."""

from __future__ import annotations

import math
import random

import numpy as np
import torch
from invoke_model_emoji.data import drawings
from invoke_model_emoji.data.concepts import Concept
from invoke_model_emoji.data.drawings import SIDE, Drawings, Pixels
from invoke_model_emoji.data.palette import COLOURS
from PIL import Image, ImageDraw

COUNT = 48


def shapes() -> Drawings:
    """One style, `noto`; every drawing can be painted, every other one mirrors."""
    figures = [_figure(random.Random(f"figure {index}")) for index in range(COUNT)]
    plain = np.stack([_bytes(drawings.premultiplied(each)) for each in figures])
    parts = np.stack([_bytes(drawings.split(each)) for each in figures])
    concepts = [Concept(f"{index:x}", (f"figure{index}",), f"figure{index}", index % 2 == 0) for index in range(COUNT)]
    layers = torch.from_numpy(parts)
    paintable = layers[:, 3].float().sum((1, 2)) / layers[:, 5].float().sum((1, 2))
    return Drawings(concepts, {"noto": torch.from_numpy(plain)}, {"noto": layers}, paintable)


def _figure(rng: random.Random) -> Pixels:
    big = Image.new("RGBA", (4 * SIDE, 4 * SIDE), (0, 0, 0, 0))
    pen = ImageDraw.Draw(big)
    body, mark = rng.sample([each for each in COLOURS if each.name not in ("black", "white", "gray")], 2)
    corners = rng.randint(3, 9)
    around = [2 * math.pi * (index + rng.uniform(-0.3, 0.3)) / corners for index in range(corners)]
    pen.polygon([_at(angle, rng.uniform(0.35, 1)) for angle in around], _bytes_of(body.rgb))
    for _ in range(3):
        x, y = (rng.uniform(0.8, 2.8) * SIDE for _ in range(2))
        reach = rng.uniform(0.25, 0.6) * SIDE
        pen.ellipse((x, y, x + reach, y + reach), rng.choice([_bytes_of(mark.rgb), (20, 20, 20, 255)]))
    cropped = big.crop(big.getbbox())
    square = Image.new("RGBA", (max(cropped.size),) * 2, (0, 0, 0, 0))
    square.paste(cropped, tuple((max(cropped.size) - each) // 2 for each in cropped.size))
    return np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255


def _at(angle: float, reach: float) -> tuple[float, float]:
    return 2 * SIDE * (1 + reach * math.cos(angle)), 2 * SIDE * (1 + reach * math.sin(angle))


def _bytes_of(rgb: tuple[float, float, float]) -> tuple[int, int, int, int]:
    red, green, blue = (round(255 * each) for each in rgb)
    return red, green, blue, 255


def _bytes(layers: Pixels) -> np.ndarray:
    return np.clip(np.round(layers * 255), 0, 255).astype(np.uint8)
