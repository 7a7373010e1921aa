"""The policy suite proves itself: each broken policy fails the test that is meant for its defect."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from invoke_host.testing.contracts import PolicyContract
from invoke_host.testing.contracts._policy_base import CALLERS, ask

from .honest_policy import HonestPolicy, Suite
from .policy_mutants import KILLED_BY, AsksTheDatabase


class TestHonest(Suite):
    """The suite lets a sound policy pass, whatever it uses."""

    @pytest.fixture
    def make_policy(self):
        return HonestPolicy


class Fixtures:
    """What pytest would hand to one test of the suite, on SQLite."""

    def __init__(self, kind: type[HonestPolicy]) -> None:
        self._suite = Suite()
        self._kind = kind
        # A fixture's function is reached through the class, as pytest keeps it.
        self._world = Suite.world.__wrapped__(self._suite) if hasattr(Suite.world, "__wrapped__") else None

    async def run(self, name: str) -> None:
        test = getattr(self._suite, name)
        arguments = {argument: await self.make(argument) for argument in inspect.signature(test).parameters}
        result = test(**arguments)
        if inspect.isawaitable(result):
            await result

    async def make(self, name: str) -> Any:
        if name == "make_policy":
            return self._kind
        if name == "world":
            return self._world
        if name == "asked":
            return await ask(self._kind(), CALLERS)
        assert name == "database"
        engine = self._suite.filled(None, self._world)
        if self._kind is AsksTheDatabase:
            AsksTheDatabase.engine = engine
        return engine


@pytest.mark.parametrize("mutant", KILLED_BY, ids=lambda mutant: mutant.__name__)
async def test_a_broken_policy_fails_the_test_for_its_defect(mutant):
    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        await Fixtures(mutant).run(KILLED_BY[mutant])
    assert not isinstance(caught.value, (pytest.skip.Exception, NotImplementedError)), caught.value


@pytest.mark.parametrize("name", sorted(set(KILLED_BY.values())))
async def test_the_same_test_passes_without_a_defect(name):
    await Fixtures(HonestPolicy).run(name)


def test_every_test_of_the_suite_has_a_defect_that_it_finds():
    names = {name for name in dir(PolicyContract) if name.startswith("test_")}
    assert names == set(KILLED_BY.values())


def test_what_a_test_class_does_not_declare_is_skipped_by_name():
    with pytest.raises(pytest.skip.Exception, match="overrides no `expected`"):
        PolicyContract().expected(None, None, None, {})
