"""Previews are asked for while an item's owner listens, and for nobody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from invoke_host.api import UserId
from invoke_host.events.presence import Presence
from invoke_host.queue.previews import Previews
from tests.queue.painter import Painter


class Asked(Painter):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, bool]] = []

    def preview(self, job_id: str, wanted: bool) -> None:
        self.asked.append((job_id, wanted))


@pytest.fixture
def executor() -> Asked:
    return Asked()


@pytest.fixture
def presence() -> Presence:
    return Presence()


def test_a_job_is_previewed_while_its_owner_listens(executor: Asked, presence: Presence) -> None:
    previews, alice, bob = Previews(executor, presence), UserId("alice"), UserId("bob")
    presence.joined(bob)
    with previews.of("one", "alice"):
        assert executor.asked == []
        presence.joined(alice)
        presence.joined(alice)
        presence.left(alice)
        with previews.of("two", "alice"), previews.of("three", "carol"):
            presence.left(alice)
        presence.joined(alice)
        presence.left(bob)
    presence.left(alice)
    presence.joined(alice)
    assert sorted(executor.asked[2:4]) == [("one", False), ("two", False)]
    assert executor.asked[:2] + executor.asked[4:] == [("one", True), ("two", True), ("one", True)]
    assert not previews._jobs


def test_without_anybody_to_ask_there_are_none(executor: Asked) -> None:
    with Previews(executor).of("one", "alice"):
        pass
    assert executor.asked == []


def test_a_job_that_fails_is_asked_about_no_more(executor: Asked, presence: Presence) -> None:
    previews = Previews(executor, presence)
    with pytest.raises(RuntimeError), previews.of("one", "alice"):
        raise RuntimeError
    presence.joined(UserId("alice"))
    assert executor.asked == []


def test_an_executor_without_previews_need_not_know_of_them() -> None:
    watch: Callable[[str, bool], None] = Painter().preview
    watch("one", True)
