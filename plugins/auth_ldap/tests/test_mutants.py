"""The tests prove themselves: each way to get a directory login wrong fails the test that is meant for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutants
import pytest
import test_answers
import test_availability
import test_groups
import test_people
import test_state
import test_templates
import test_tls
from slapd import Slapd
from test_groups import server as groups_server  # noqa: F401 - a fixture
from test_people import server as people_server  # noqa: F401 - a fixture
from wire import START_TLS_REFUSED

from conftest import Certificates

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class World:
    """What tests take."""

    people: Slapd
    groups: Slapd
    tls: Slapd
    own: Slapd
    certificates: Certificates
    open: Any
    folder: Path
    patch: pytest.MonkeyPatch


@pytest.fixture
def world(
    people_server: Slapd,  # noqa: F811
    groups_server: Slapd,  # noqa: F811
    tls_slapd: Slapd,
    slapd: Slapd,
    certificates: Certificates,
    open_provider: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    return World(
        people_server, groups_server, tls_slapd, slapd, certificates, open_provider, tmp_path / "own", monkeypatch
    )


NAMES, PASSWORDS = test_people.TestNames(), test_people.TestPasswords()
WRONG_CERTIFICATES, CUT_OFF = test_tls.TestWrongCertificates(), test_availability.TestCutOff()


def _looks_alike(name: str) -> Callable[[World], Awaitable[None]]:
    return lambda w: NAMES.test_what_only_looks_like_a_name_is_unknown(w.people, w.open, name)


def _wrong_certificate(wrong: str) -> Callable[[World], Awaitable[None]]:
    return lambda w: WRONG_CERTIFICATES.test_a_certificate_that_proves_nothing_is_refused(
        w.folder, w.certificates, w.open, "ldap", wrong
    )


async def _filters(world: World) -> None:
    test_templates.test_a_filter_compares_with_exactly_what_was_typed()


async def _dns(world: World) -> None:
    test_templates.test_a_dn_has_exactly_what_was_typed_in_its_first_value()


async def _results(world: World) -> None:
    test_state.test_a_result_that_speaks_of_the_server_is_never_a_wrong_password(51)


#: Each mutant, and the test that finds it.
CAUGHT: list[tuple[Patch, Callable[[World], Awaitable[None]]]] = [
    (mutants.escapes_nothing, _looks_alike("alice)(")),
    (mutants.escapes_nothing, _filters),
    (mutants.escapes_nothing, _dns),
    (mutants.escapes_half, _dns),
    (
        mutants.sends_blank_passwords,
        lambda w: PASSWORDS.test_a_password_that_nobody_has_is_never_sent(w.folder, w.open, "\u00a0"),
    ),
    (
        mutants.prepares_passwords,
        lambda w: PASSWORDS.test_what_only_looks_like_the_password_is_wrong(w.people, w.open, "Ｗren-41-saffron"),
    ),
    (mutants.verifies_nothing, _wrong_certificate("another authority")),
    (mutants.verifies_no_names, _wrong_certificate("another host")),
    (
        mutants.goes_on_without_tls,
        lambda w: test_tls.test_whatever_stands_in_for_the_server_gets_nothing_secret(
            w.tls, w.certificates, w.open, [START_TLS_REFUSED]
        ),
    ),
    (
        mutants.compares_groups_as_text,
        lambda w: test_groups.test_a_group_is_the_same_however_the_operator_writes_it(w.groups, w.open),
    ),
    (
        mutants.compares_groups_by_their_first_name,
        lambda w: test_groups.test_groups_of_one_name_in_two_places_are_two_groups(w.groups, w.open),
    ),
    (
        mutants.knows_nobody_when_the_directory_is_down,
        lambda w: test_availability.TestFailover().test_when_all_are_down_that_is_said_with_all_reasons(
            w.people, w.open
        ),
    ),
    (mutants.takes_any_failed_bind_for_a_wrong_password, _results),
    (mutants.takes_the_first_entry, lambda w: NAMES.test_two_of_one_name_are_nobody(w.people, w.open)),
    (mutants.believes_the_servers_matching, _looks_alike("ａlice")),
    (
        mutants.overlooks_a_size_limit,
        lambda w: test_groups.TestNothingIsOverlooked().test_more_groups_than_the_server_gives_are_no_answer(
            w.folder, w.open
        ),
    ),
    (
        mutants.follows_referrals,
        lambda w: test_answers.TestElsewhere().test_nothing_follows_a_referral(w.open),
    ),
    (
        mutants.answers_faster_for_unknown_names,
        lambda w: test_people.test_unknown_and_wrong_password_ask_the_server_alike(w.own, w.open),
    ),
    (
        mutants.cuts_off_by_taking_tls_away,
        lambda w: CUT_OFF.test_cutting_off_never_takes_tls_off_first(w.tls, w.certificates, w.open, w.patch),
    ),
    (
        mutants.leaves_connections_open,
        lambda w: CUT_OFF.test_a_login_that_is_given_up_closes_its_connection(
            w.people, w.certificates, w.open, "ldaps"
        ),
    ),
]


@pytest.mark.parametrize(("mutant", "test"), CAUGHT, ids=[mutant.__name__ for mutant, _ in CAUGHT])
async def test_a_broken_plugin_fails_the_test_for_its_defect(
    mutant: Patch, test: Callable[[World], Awaitable[None]], world: World
) -> None:
    mutant(world.patch)
    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        await test(world)
    assert not isinstance(caught.value, (pytest.skip.Exception, AttributeError, NameError, TypeError)), caught.value
