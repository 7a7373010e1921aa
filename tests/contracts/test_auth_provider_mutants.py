"""The auth-provider suite proves itself: each broken provider fails the test that is meant for its defect."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_host.testing.contracts import AuthProviderContract
from tests.contracts import (
    auth_mutants_accounts,
    auth_mutants_life,
    auth_mutants_passwords,
    auth_mutants_requests,
    auth_mutants_results,
)
from tests.contracts.auth_bench import PASSWORD, Fixtures, HonestProxy, RequestsOnly, Suite, names_of_tests
from tests.contracts.auth_mutants_life import KeepsItsFiles, KeepsItsTasks, KeepsItsThreads
from tests.contracts.honest_provider import HonestProvider

KILLED_BY: dict[type[HonestProvider], str] = {
    **auth_mutants_results.KILLED_BY,
    **auth_mutants_passwords.KILLED_BY,
    **auth_mutants_requests.KILLED_BY,
    **auth_mutants_life.KILLED_BY,
    **auth_mutants_accounts.KILLED_BY,
}


class TestHonest(Suite):
    """The suite lets a sound provider pass, whatever it can do."""


class TestHonestWithoutPasswords(RequestsOnly):
    """And one that only looks at requests."""


@pytest.mark.parametrize("mutant", KILLED_BY, ids=lambda mutant: mutant.__name__)
async def test_a_broken_provider_fails_the_test_for_its_defect(
    mutant: type[HonestProvider], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    suite = RequestsOnly if issubclass(mutant, HonestProxy) else Suite
    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        await Fixtures(mutant, suite, request, tmp_path).run(KILLED_BY[mutant])
    assert not isinstance(caught.value, (pytest.skip.Exception, NotImplementedError, AttributeError, TypeError)), (
        caught.value
    )


@pytest.fixture(autouse=True)
def tidy():
    yield
    for pool in KeepsItsThreads.kept:
        pool.shutdown()
    for task in KeepsItsTasks.kept:
        task.cancel()
    for file in KeepsItsFiles.kept:
        file.close()
    for kind in (KeepsItsThreads, KeepsItsTasks, KeepsItsFiles):
        kind.kept.clear()


def test_every_test_of_the_suite_has_a_defect_that_it_finds() -> None:
    assert set(names_of_tests(AuthProviderContract)) == set(KILLED_BY.values())


@pytest.mark.parametrize(
    ("hook", "arguments"),
    [
        *((hook, ["alice"]) for hook in ("disable", "delete", "leave_group", "rename_display")),
        *((hook, []) for hook in ("backend_down", "backend_silent", "backend_slow", "backend_up")),
        ("many", [20]),
    ],
)
async def test_what_a_test_class_does_not_declare_is_skipped_by_name(hook: str, arguments: list[object]) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"does not declare the capability .*: it overrides no `{hook}`"):
        await getattr(Bare(), hook)(*arguments)


class Bare(AuthProviderContract):
    pass


def test_a_test_class_without_any_credential_fails_and_is_told_what_to_set() -> None:
    with pytest.raises(AssertionError, match=r"set `good = .* or override `good_request"):
        Bare().credentials()


async def test_a_failed_test_does_not_show_what_the_provider_said() -> None:
    async def fails() -> None:
        raise OSError(f"bind with {PASSWORD} refused")

    with pytest.raises(AssertionError, match=r"it raised OSError, at .*test_auth_provider_mutants.py:\d+") as caught:
        await Bare().promptly(fails())
    assert PASSWORD not in str(caught.value)
    assert caught.value.__context__ is None
