"""The documentation's page of the three commands has every option of each, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from invoke_model_emoji import evaluate, schedulers, train

PAGE = (Path(__file__).parents[3] / "docs/reference/embedded-model.md").read_text()


@pytest.mark.parametrize("command", [train, evaluate, schedulers], ids=lambda module: module.__name__)
def test_a_command_s_section_has_its_options(command):
    section = PAGE.partition(f"\n## {command.__name__}\n")[2].partition("\n## ")[0]
    told = {option for row in re.findall(r"(?m)^\| (`--.*?) \|", section) for option in re.findall(r"`(--[a-z]+)", row)}
    known = {option for action in command._parser()._actions for option in action.option_strings}
    assert told == known - {"-h", "--help"}
