"""Settings of the whole test run, in force before any test module imports torch."""

from __future__ import annotations

import os

import pytest

# One thread per process: on shared cores, OpenMP's barriers cost many times what a second thread gains.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

#: Begun first, in this order: whole hosts take long, and at the end no process shall be alone with one of them.
WHOLE_HOSTS = ("tests/host/", "tests/faults/", "tests/docs/", "tests/web/", "tests/cli/")

#: One test of minutes, which keeps a processor busy. It needs short tests beside it, and behind it.
ROUNDS = "tests/faults/test_rounds.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Short tests come last; otherwise the order stays as it is."""

    def place(item: pytest.Item) -> int:
        if item.nodeid.startswith(ROUNDS):
            return len(WHOLE_HOSTS)
        starts = (at for at, start in enumerate(WHOLE_HOSTS) if item.nodeid.startswith(start))
        return next(starts, len(WHOLE_HOSTS) + 1)

    items.sort(key=place)
