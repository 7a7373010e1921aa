"""What the model can be asked for, as a file that is shipped beside its weights: `concepts.json`."""

from __future__ import annotations

import json
from pathlib import Path

from invoke_model_emoji.data.drawings import Drawings
from invoke_model_emoji.data.palette import COLOURS
from invoke_model_emoji.data.scenes import PAINTABLE

FILE = "concepts.json"


def write(drawings: Drawings, folder: Path) -> Path:
    """One line for each concept: its names, the best first, its emoji, and whether it can be painted in a colour."""
    lines = [
        json.dumps(
            {
                "names": concept.names,
                "emoji": "".join(chr(int(each, 16)) for each in concept.code.split("-")),
                "code": concept.code,
                "paintable": float(share) >= PAINTABLE,
            },
            ensure_ascii=False,
        )
        for concept, share in zip(drawings.concepts, drawings.paintable, strict=True)
    ]
    colours = json.dumps([each.name for each in COLOURS])
    file = folder / FILE
    body = ",\n    ".join(lines)
    file.write_text(f'{{\n  "colours": {colours},\n  "concepts": [\n    {body}\n  ]\n}}\n', encoding="utf-8")
    return file
