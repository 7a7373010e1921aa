"""Contact sheets: pictures in a grid, each with its caption under it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

_GAP, _LINE, _FONT = 8, 16, 13
_INK, _PAPER = (30, 30, 30), (250, 250, 250)
_FRAME = (225, 225, 225)
#: A sheet takes part in the documentation: no larger than this.
MOST_BYTES = 400_000


def sheet(pictures: torch.Tensor, captions: Sequence[str], file: Path, *, columns: int, side: int = 128) -> None:
    """Write (n, 3, h, w) in 0..1 with their captions as WebP, as good as fits into `MOST_BYTES`."""
    font = ImageFont.load_default(_FONT)
    texts = [_lines(each, font, side) for each in captions]
    height = side + _LINE * max(map(len, texts)) + _GAP
    rows = -(-len(pictures) // columns)
    whole = Image.new("RGB", (_GAP + columns * (side + _GAP), _GAP + rows * (height + _GAP)), _PAPER)
    pen = ImageDraw.Draw(whole)
    for index, (picture, lines) in enumerate(zip(pictures, texts, strict=True)):
        x, y = _GAP + index % columns * (side + _GAP), _GAP + index // columns * (height + _GAP)
        whole.paste(_image(picture).resize((side, side), Image.Resampling.LANCZOS), (x, y))
        pen.rectangle((x - 1, y - 1, x + side, y + side), outline=_FRAME)
        for line, text in enumerate(lines):
            pen.text((x + side / 2, y + side + 2 + line * _LINE), text, _INK, font, anchor="ma")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_small(whole))


def _image(picture: torch.Tensor) -> Image.Image:
    return Image.fromarray(picture.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy())


def _lines(caption: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    lines = [""]
    for word in caption.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _small(whole: Image.Image) -> bytes:
    for quality in (92, 85, 75, 60, 40):
        made = io.BytesIO()
        whole.save(made, "WEBP", quality=quality, method=6)
        if made.tell() <= MOST_BYTES:
            break
    return made.getvalue()
