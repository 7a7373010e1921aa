"""What every plugin and every policy must keep, and what this one means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from invoke_policy_office_hours import OfficeHoursConfig, OfficeHoursPlugin, OfficeHoursPolicy
from pydantic import ValidationError

from invoke_host.testing.contracts import ManifestContract, PolicyContract
from invoke_host.testing.contracts.policy import Verdict
from invoke_host.testing.fakes import FakeHost

BERLIN = OfficeHoursConfig(opens="08:00", closes="18:00", time_zone="Europe/Berlin")
NIGHTS = OfficeHoursConfig(days=["fri"], opens="22:00", closes="06:00")

MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SUNDAY_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class TestManifest(ManifestContract):
    plugin = "office_hours"


class TestOpen(PolicyContract):
    @pytest.fixture
    def make_policy(self):
        return lambda: OfficeHoursPolicy(BERLIN, now=lambda: MONDAY_NOON)

    def expected(self, actor, action, row, facts):
        return None


class TestClosed(PolicyContract):
    @pytest.fixture
    def make_policy(self):
        return lambda: OfficeHoursPolicy(BERLIN, now=lambda: SUNDAY_NOON)

    def expected(self, actor, action, row, facts):
        free = action.see or actor.is_admin or action.name == "queue_item.cancel"
        return None if free else Verdict(restrict="no")


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23T06:59:59Z", False),
        ("2026-11-23T07:00:00Z", True),
        ("2026-11-23T16:59:59Z", True),
        ("2026-11-23T17:00:00Z", False),
        ("2026-07-06T06:00:00Z", True),  # summer time
        ("2026-11-21T12:00:00Z", False),  # a Saturday
        ("2026-11-22T23:30:00Z", False),  # Monday there, but before eight
    ],
)
def test_it_goes_by_the_clock_of_the_office(moment, is_open):
    assert BERLIN.is_open(datetime.fromisoformat(moment)) is is_open


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-20T21:59:00Z", False),
        ("2026-11-20T22:00:00Z", True),  # Friday
        ("2026-11-21T05:59:00Z", True),
        ("2026-11-21T06:00:00Z", False),
        ("2026-11-21T22:00:00Z", False),  # Saturday
        ("2026-11-20T03:00:00Z", False),  # the night before Friday's
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment, is_open):
    assert NIGHTS.is_open(datetime.fromisoformat(moment)) is is_open


async def test_the_clock_is_asked_for_each_request():
    moments = iter([MONDAY_NOON, SUNDAY_NOON])
    policy = OfficeHoursPolicy(BERLIN, now=lambda: next(moments))
    assert [await policy.facts(None), await policy.facts(None)] == [{"open": True}, {"open": False}]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"days": []}, "days"),
        ({"days": ["monday"]}, "days"),
        ({"opens": "8 o'clock"}, "opens"),
        ({"opens": "08:00+01:00"}, "leave the zone out"),
        ({"opens": "09:00", "closes": "09:00"}, "the same time"),
        ({"time_zone": "Berlin"}, "there is no time zone 'Berlin'"),
        ({"time_zone": "../etc/passwd"}, "no name of a time zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"from": "08:00"}, "from"),
    ],
)
def test_wrong_options_are_refused(options, complaint):
    with pytest.raises(ValidationError, match=complaint):
        OfficeHoursConfig(**options)


def test_the_plugin_hands_out_its_policy(tmp_path):
    (policy,) = OfficeHoursPlugin().invoke_policies(FakeHost(tmp_path, {"office_hours": BERLIN}))
    assert policy.name == "office_hours"
