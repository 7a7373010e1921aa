"""Figures as files: `report.json` for programs, `report.md` for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from invoke_model_emoji.evaluation.artist import How
from invoke_model_emoji.evaluation.bench import Result

_TITLES = {
    "concepts": "Concepts",
    "combinations": "Held-out combinations",
    "diversity": "Diversity over seeds",
    "robustness": "Other words for the same",
    "speed": "Speed",
    "sheets": "Contact sheets",
    "defaults": "Samplers, steps and CFG",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, how, and what came out, by the names of the parts."""

    model: str
    baseline: str | None
    how: How
    seed: int
    quick: int | None
    size_bytes: int
    results: Mapping[str, Result]

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "baseline": self.baseline,
            "how": asdict(self.how),
            "seed": self.seed,
            "quick": self.quick,
            "size_bytes": self.size_bytes,
            "parts": {name: asdict(each) for name, each in self.results.items()},
        }

    def as_markdown(self) -> str:
        how = self.how
        quick = "" if self.quick is None else f" Quick: at most {self.quick} prompts a part."
        lines = [
            f"# Evaluation of {self.model}",
            "",
            f"{how.steps} steps, CFG {how.cfg:g}, scheduler `{how.scheduler}`, seeds from {self.seed};",
            f"the folder has {self.size_bytes / 1e6:.1f} MB.{quick}",
        ]
        for name, result in self.results.items():
            lines += ["", f"## {_TITLES[name]}", "", *result.lines()]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> None:
        """Both files."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n")
        (folder / "report.md").write_text(self.as_markdown())


def size_of(folder: Path) -> int:
    """Bytes of all files of a model."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
