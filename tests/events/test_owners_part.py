"""What of an item's progress reaches whom: the owner all of it, administrators no picture, nobody else anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoke_host.api import ANONYMOUS, SYSTEM_USER_ID, Actor, Event, UserId
from invoke_host.events.audience import OWNERS_KEYS, may_see, reach, whole, without_owners_part
from invoke_host.events.hub import EventHub
from invoke_host.events.outgoing import Parcel
from tests.events.conftest import ADMIN, ALICE, BOB, Connect

SYSTEM = Actor(id=SYSTEM_USER_ID, kind="system", is_admin=True)
ROBOT = replace(BOB, token_id="robot", token_scopes=frozenset({"read"}))
PEOPLE = (ALICE, BOB, ROBOT, ADMIN, SYSTEM, ANONYMOUS, replace(ADMIN, id=ALICE.id))
IMAGE = {"width": 512, "height": 512, "dataURL": "data:image/jpeg;base64,SECRET"}

audiences = st.sampled_from([None, "alice", "bob", "root", "system", "nobody"])
boards = st.sampled_from([None, "a", "b"])


def progress(audience: str | None = "alice", **columns: Any) -> Event:
    user = None if audience is None else UserId(audience)
    payload = {"item_id": 7, "step": 3, "steps": 9, "image": IMAGE}
    return Event("progress", payload, user, datetime(2026, 11, 23, tzinfo=UTC), **columns)


#: Who is asked: whether it is their item, whether they are administrator, then what they get of its progress.
TRUTH = {
    (True, True): "whole",
    (True, False): "whole",
    (False, True): "without image",
    (False, False): "nothing",
}


@given(
    st.sampled_from(PEOPLE), audiences, st.none() | st.integers(1), boards, boards, audiences, st.sampled_from([0, 1])
)
def test_the_truth_table_holds_whatever_else_an_event_says(
    actor: Actor, audience: str | None, number: int | None, board: str | None, but: str | None, user: str | None, sees
) -> None:
    event = progress(
        audience,
        id=number,
        board_id=board,
        except_board_id=but,
        except_user_id=None if user is None else UserId(user),
    )
    got, only = "nothing", reach(event)
    if only is not None and actor.id != only and not actor.is_admin:
        assert may_see(actor, event, lambda board_id: True) is False  # sorted out before anybody asks
    if may_see(actor, event, lambda board_id: bool(sees)):
        message = Parcel(event).to(actor)
        got = "whole" if message.event.payload.get("image") == IMAGE else "without image"
        assert (b"SECRET" in message.frame) is (got == "whole")
        assert message.event.payload["step"] == 3
    own = audience is not None and actor.id == audience
    expected = "nothing" if actor.is_anonymous else TRUTH[own, actor.is_admin]
    assert got in {expected, "nothing"}  # an event may exclude more people than that, never fewer
    if (but, user) == (None, None):
        assert got == expected


@pytest.mark.parametrize(("kind", "actor"), product(OWNERS_KEYS, PEOPLE))
def test_what_is_hidden_is_hidden_from_all_whom_it_does_not_concern(kind: str, actor: Actor) -> None:
    event = replace(progress(), kind=kind)
    shown = event if whole(actor, event) else without_owners_part(event)
    assert (not OWNERS_KEYS[kind] & shown.payload.keys()) is (actor.id != "alice")
    assert event.payload["image"] == IMAGE  # the owner's is not touched


@given(st.sampled_from(PEOPLE), audiences, boards, boards, st.sampled_from(["images_changed", "bulk_download_error"]))
def test_nobody_is_sorted_out_who_might_see_an_event(
    actor: Actor, audience: str | None, board: str | None, but: str | None, kind: str
) -> None:
    event = replace(progress(audience, board_id=board, except_board_id=but), kind=kind)
    only = reach(event)
    if only is not None and actor.id != only and not actor.is_admin:
        for sees in (True, False):
            assert may_see(actor, event, lambda board_id, sees=sees: sees) is False


def test_an_event_is_encoded_once_for_all_who_get_the_same() -> None:
    parcel = Parcel(progress())
    assert parcel.to(ADMIN).frame is parcel.to(SYSTEM).frame
    assert parcel.to(ALICE).frame is parcel.to(replace(ALICE, session_id="another")).frame
    kept = Parcel(replace(progress(), kind="images_changed", id=4))
    assert kept.to(ALICE) is kept.to(ADMIN)
    head, data, _ = kept.to(ADMIN).frame.partition(b"data: ")
    assert (head, data) == (b"id: 4\r\nevent: images_changed\r\n", b"data: ")


async def test_over_http_too(connect: Connect, hub: EventHub) -> None:
    async with connect("alice") as alice, connect("bob") as bob, connect("root") as root:
        hub.emit("progress", {"item_id": 1, "step": 1, "image": IMAGE}, "alice")
        hub.emit("end", {}, None)
        mine, theirs = await alice.next(), await root.next()
        assert mine.data == {"item_id": 1, "step": 1, "image": IMAGE}
        assert theirs.data == {"item_id": 1, "step": 1}
        assert (await bob.next()).kind == "end"


async def test_what_can_not_be_sent_is_its_makers_mistake_and_ends_no_stream(connect: Connect, hub: EventHub) -> None:
    async with connect("alice") as alice:
        with pytest.raises(TypeError):
            hub.emit("odd", {"value": object()}, "alice")
        for kind in ("", "two words", "a\nid: 5", "a\r\n\r\ndata: {}"):
            with pytest.raises(ValueError, match="one word"):
                hub.emit(kind, {}, "alice")
        hub.emit("fine", {"text": "line one\r\nline two\n\ndata: x", "u": "\u2028"}, "alice")
        message = await alice.next()
    assert message.kind == "fine"
    assert message.data == orjson.loads(orjson.dumps({"text": "line one\r\nline two\n\ndata: x", "u": "\u2028"}))
