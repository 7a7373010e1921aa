"""What can't change in a run that is resumed, kept in its folder: networks, data and seed. Budgets may."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from invoke_model_emoji.errors import TrainingError
from invoke_model_emoji.training.settings import Settings

FILE = "settings.json"


def keep(settings: Settings) -> None:
    """Write the file, or raise TrainingError if the folder's run was begun with others."""
    now = _identity(settings)
    file = settings.folder / FILE
    if not file.exists():
        settings.folder.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(now, indent=2) + "\n")
        part.replace(file)
        return
    try:
        begun = json.loads(file.read_text())
    except ValueError as error:
        raise TrainingError(
            f"{file} can't be read: {error}. Remove it if you know that the run is this one."
        ) from error
    if changes := list(_changes(begun, now)):
        raise TrainingError(
            f"the run in {settings.folder} was begun with other settings: {'; '.join(changes)}. "
            "Go on with the options of its first command, or name another --folder."
        )


def _identity(settings: Settings) -> dict[str, Any]:
    known = {
        "seed": settings.seed,
        "styles": settings.styles,
        "widths": asdict(settings.widths),
        "mix": asdict(settings.mix),
    }
    return json.loads(json.dumps(known))  # type: ignore[no-any-return]  # tuples are lists in the file, too


def _changes(begun: Mapping[str, Any], now: Mapping[str, Any], of: str = "") -> Iterator[str]:
    for key in sorted(begun.keys() | now.keys()):
        before, after = begun.get(key), now.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _changes(before, after, f"{of}{key} ")
        elif before != after:
            yield f"{of}{key} was {_told(before)}, is {_told(after)}"


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
