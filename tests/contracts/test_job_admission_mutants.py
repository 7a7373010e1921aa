"""The suite for job admissions proves itself: each broken one fails the test that is meant for its defect."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from invoke_host.testing.contracts import JobAdmissionContract

from .admission_mutants import KILLED_BY, Backend, HonestAdmission


class Suite(JobAdmissionContract):
    """About admissions that let in what takes no longer than a minute."""

    @pytest.fixture
    def backend(self):
        return Backend()

    @pytest.fixture
    def make_admission(self, backend):
        self.backend_ = backend
        return lambda: HonestAdmission(backend)

    def welcome(self):
        return self.request(engine_s=50.0)

    def unwelcome(self):
        return self.request(engine_s=61.0)

    async def backend_down(self):
        self.backend_.down = True

    async def backend_silent(self):
        self.backend_.silent = True


class TestHonest(Suite):
    """The suite lets a sound admission pass."""


async def run(kind: type[HonestAdmission], name: str) -> None:
    """One test of the suite, about admissions of that kind."""
    suite, backend = Suite(), Backend()
    suite.backend_ = backend
    given: dict[str, Any] = {"make_admission": lambda: kind(backend), "admission": kind(backend)}
    test = getattr(suite, name)
    await test(**{argument: given[argument] for argument in inspect.signature(test).parameters})


@pytest.mark.parametrize("mutant", KILLED_BY, ids=lambda mutant: mutant.__name__)
async def test_a_broken_admission_fails_the_test_for_its_defect(mutant):
    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        await run(mutant, KILLED_BY[mutant])
    assert not isinstance(caught.value, (pytest.skip.Exception, NotImplementedError)), caught.value


@pytest.mark.parametrize("name", sorted(set(KILLED_BY.values())))
async def test_the_same_test_passes_without_a_defect(name):
    await run(HonestAdmission, name)


def test_every_test_of_the_suite_has_a_defect_that_it_finds():
    names = {name for name in dir(JobAdmissionContract) if name.startswith("test_")}
    assert names == set(KILLED_BY.values())


def test_what_a_test_class_does_not_declare_is_skipped_by_name():
    with pytest.raises(pytest.skip.Exception, match="overrides no `unwelcome`"):
        JobAdmissionContract().unwelcome()
