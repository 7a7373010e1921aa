"""The queue as it is lived: previews, badges, and what ends at once when somebody's rights do, over the whole host."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable

import pytest
from PIL import Image

from tests.machine import busy

from .accounts import Person, Team, add
from .client import QUEUE
from .listener import Heard, Listener
from .test_accounts_effects import ENDS, by_api, by_words
from .test_lifecycle import LONG

#: From a change to its effect on streams and running work, also where another process made it.
REVOKED_S = 2.0

LONG_RUN = {**LONG, "steps": 150}

#: Kinds that everybody gets, whosever items they are about.
PUBLIC_KINDS = {"queue_counts_changed", "resync"}


def is_progress_of(item_id: int, *, image: bool = False) -> Callable[[Heard], bool]:
    return lambda e: e.kind == "progress" and e.data["item_id"] == item_id and (not image or "image" in e.data)


def test_previews_go_to_the_owner_progress_to_administrators_and_numbers_to_everybody(studio: Team):
    alice, bob = add(studio.admin, "alice"), add(studio.admin, "bob")
    with (
        Listener(alice.client) as hers,
        Listener(bob.client) as his,
        Listener(studio.admin.client) as admins,
    ):
        [item_id] = alice.client.generate(**LONG_RUN, width=256, height=256)["item_ids"]
        seen = hers.until("two previews", is_progress_of(item_id, image=True), times=2)
        his.until("a busy queue", lambda e: e.kind == "queue_counts_changed" and e.data["in_progress"] == 1)
        badge = hers.until("it is hers", lambda e: e.kind == "queue_counts_changed" and e.data["user_in_progress"] == 1)
        admins.step(item_id, 3)
        alice.client.put(f"{QUEUE}/i/{item_id}/cancel")
        admins.status(item_id, "canceled")
        hers.until("it is over", lambda e: e.kind == "queue_counts_changed" and e.data["user_in_progress"] == 0)

    image = seen.data["image"]
    assert (image["width"], image["height"]) == (256, 256)
    head, _, text = image["dataURL"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert len(base64.b64decode(text)) <= 6 * 1024
    with Image.open(io.BytesIO(base64.b64decode(text))) as preview:
        assert preview.format == "JPEG"
    assert {"item_id", "batch_id", "queue_id", "step", "steps", "percentage", "message", "device"} <= seen.data.keys()
    assert badge.data["pending"] + badge.data["in_progress"] >= 1
    theirs = [e for e in admins.events if is_progress_of(item_id)(e)]
    assert theirs
    assert not any("image" in e.data for e in theirs)
    assert {e.kind for e in his.events} <= PUBLIC_KINDS
    assert all(e.data["user_in_progress"] == e.data["user_pending"] == 0 for e in his.events if e.data)


def test_a_client_that_comes_while_its_picture_is_made_sees_it_from_then_on(studio: Team):
    alice = add(studio.admin, "late")
    with Listener(studio.admin.client) as admins:
        [item_id] = alice.client.generate(**LONG_RUN)["item_ids"]
        admins.step(item_id, 3)
        with Listener(alice.client) as hers:
            hers.until("a preview", is_progress_of(item_id, image=True))
            numbers = hers.until("the numbers", lambda e: e.kind == "queue_counts_changed")
            assert numbers.data["user_in_progress"] == 1
        alice.client.put(f"{QUEUE}/i/{item_id}/cancel")
        admins.status(item_id, "canceled")


@pytest.mark.parametrize("name", ["deactivated with the command line", "deleted with the command line"])
def test_the_command_line_ends_streams_stops_running_work_and_keeps_the_rest_from_beginning(studio: Team, name: str):
    person = add(studio.admin, "leaver")
    with Listener(studio.admin.client) as everything, Listener(person.client) as own:
        running, waiting = person.client.generate(count=2, **LONG_RUN)["item_ids"]
        own.step(running, 3)
        ENDS[name](studio, person)
        # The command takes a second to start: the change was made somewhere before it returned.
        changed_at = time.monotonic()
        assert own.ended(within_s=REVOKED_S)
        everything.status(running, "canceled")
        took_s = time.monotonic() - changed_at
        assert took_s <= REVOKED_S * busy(), f"it ran on for {took_s:.1f} s"
        reached = everything.progress(running)[-1]
        [behind] = studio.admin.client.generate()["item_ids"]
        everything.status(behind, "completed")
        assert everything.progress(running)[-1] <= reached + 1
        assert "in_progress" not in everything.statuses(waiting)
        assert everything.statuses(running) == ["in_progress", "canceled"]


@pytest.mark.parametrize("name", ["sessions ended by an administrator", "sessions ended with the command line"])
def test_who_is_logged_out_everywhere_hears_nothing_more_and_keeps_their_pictures_coming(studio: Team, name: str):
    person = add(studio.admin, "visitor")
    with Listener(studio.admin.client) as everything, Listener(person.client) as own:
        [item_id] = person.client.generate(steps=30)["item_ids"]
        everything.status(item_id, "in_progress")
        ENDS[name](studio, person)
        assert own.ended(within_s=REVOKED_S)
        everything.status(item_id, "completed")


@pytest.mark.parametrize(
    "demote",
    [by_api("PATCH", body={"is_admin": False}), by_words("mod", "--email", "{email}", "--no-admin")],
    ids=["over the API", "with the command line"],
)
def test_a_demoted_administrator_loses_sight_of_others_work_within_two_seconds(
    studio: Team, demote: Callable[[Team, Person], None]
):
    second, alice = add(studio.admin, "second", is_admin=True), add(studio.admin, "alice")
    with Listener(second.client) as stream, Listener(alice.client) as hers:
        [item_id] = alice.client.generate(**LONG_RUN)["item_ids"]
        stream.step(item_id, 2)
        demote(studio, second)
        changed_at = time.monotonic()
        stream.until("to read everything anew", lambda event: event.kind == "resync")
        assert time.monotonic() - changed_at <= REVOKED_S * busy()
        heard, steps = len(stream.events), len(hers.progress(item_id))
        hers.until("some more steps", is_progress_of(item_id), times=steps + 10)
        assert {e.kind for e in stream.events[heard:]} <= PUBLIC_KINDS
        alice.client.put(f"{QUEUE}/i/{item_id}/cancel")
        hers.status(item_id, "canceled")


def test_a_picture_that_is_begun_again_says_so(studio: Team):
    """F-04: after a worker's death progress restarts, under an attempt that is one higher."""
    with Listener(studio.admin.client) as stream:
        [item_id] = studio.admin.client.generate(**LONG_RUN)["item_ids"]
        stream.step(item_id, 3)
        studio.host.worker().kill()
        stream.until(
            "the second attempt",
            lambda e: (
                e.kind == "queue_item_status_changed"
                and (e.data["item_id"], e.data["status"], e.data["attempt"]) == (item_id, "in_progress", 2)
            ),
        )
        before = len(stream.events)
        first = stream.until("steps again", lambda e: is_progress_of(item_id)(e) and e in stream.events[before:])
        assert first.data["step"] <= 2
        studio.admin.client.put(f"{QUEUE}/i/{item_id}/cancel")
        stream.status(item_id, "canceled")
