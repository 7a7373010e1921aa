"""The measurements: modules with `measure(bench)`, which gives figures, and `count(bench)` of the pictures it makes."""

from __future__ import annotations

from types import ModuleType

from invoke_model_emoji.evaluation.parts import (
    combinations,
    concepts,
    defaults,
    diversity,
    robustness,
    sheets,
    speed,
)

PARTS: dict[str, ModuleType] = {
    "concepts": concepts,
    "combinations": combinations,
    "diversity": diversity,
    "robustness": robustness,
    "speed": speed,
    "sheets": sheets,
    "defaults": defaults,
}
