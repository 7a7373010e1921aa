"""One list of problems from several judges: the schema, the rules, the selection of plugins, their options."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from invoke_host.api import ConfigProblem
from invoke_host.config.layers import FILE_NAME


def joined(*parts: Iterable[ConfigProblem]) -> tuple[ConfigProblem, ...]:
    """All problems, each once, as one reads: the lines of the file, then variables, then flags."""
    return tuple(sorted(dict.fromkeys(chain.from_iterable(parts)), key=_reading_order))


def _reading_order(problem: ConfigProblem) -> tuple[int, int]:
    name, _, line = problem.where.rpartition(":")
    if name == FILE_NAME and line.isdigit():
        return 0, int(line)
    if problem.where == FILE_NAME:  # what the file lacks
        return 0, 0
    return (1, 0) if problem.where.startswith("environment") else (2, 0)
