"""Events of databases with several writers: none overtakes another, none is lost for good."""

from __future__ import annotations

from datetime import UTC, datetime

from invoke_host.api import Event
from invoke_host.events.gaps import REMEMBER_S, WAIT_S, Gaps


class Ticks:
    """A monotonic clock in the test's hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds


def events(*ids: int) -> list[Event]:
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    return [Event(kind="images_changed", payload={}, audience=None, created_at=moment, id=each) for each in ids]


def ids(ready: list[Event]) -> list[int | None]:
    return [event.id for event in ready]


def test_events_without_a_gap_pass_at_once() -> None:
    gaps = Gaps(Ticks())

    assert ids(gaps.in_order(10, events(11, 12, 13))) == [11, 12, 13]
    assert not gaps.pending


def test_an_event_waits_for_the_one_before_it() -> None:
    gaps = Gaps(Ticks())

    assert ids(gaps.in_order(10, events(11, 13))) == [11]
    assert gaps.pending
    assert ids(gaps.in_order(11, events(12, 13))) == [12, 13]
    assert not gaps.pending
    assert gaps.missing() == []


def test_a_gap_that_stays_is_given_up_and_remembered_for_a_while() -> None:
    clock = Ticks()
    gaps = Gaps(clock)
    assert ids(gaps.in_order(10, events(12))) == []

    clock.seconds = WAIT_S
    assert ids(gaps.in_order(10, events(12))) == [12]
    assert gaps.missing() == [11]

    clock.seconds += REMEMBER_S
    assert gaps.missing() == []


def test_a_latecomer_is_looked_for_until_it_is_found() -> None:
    clock = Ticks()
    gaps = Gaps(clock)
    gaps.in_order(10, events(13))
    clock.seconds = WAIT_S
    gaps.in_order(10, events(13))
    assert gaps.missing() == [11, 12]

    gaps.found(events(11)[0])

    assert gaps.missing() == [12]
