"""Who hears of what is shared, over the streams of a real host: those who see it now, and those who have lost it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from .accounts import Person, Team, add
from .listener import Heard, Listener
from .uploading import BOARDS, new_board, share, upload

BOARD_IMAGES = "/api/v1/board_images/"


@dataclass
class Audience:
    """Open streams of the owner, somebody with a grant, a member of a group with one, a stranger, an administrator."""

    team: Team
    people: dict[str, Person]
    group: str
    streams: dict[str, Listener] = field(default_factory=dict)

    @property
    def owner(self) -> Person:
        """Whose boards they are."""
        return self.people["owner"]

    def board(self, **change: str) -> str:
        """A board of the owner, granted to the friend and the group."""
        board = new_board(self.owner.client, **change)
        share(self.owner.client, board, "viewer", user_id=self.people["friend"].id)
        share(self.team.admin.client, board, "viewer", group_id=self.group)
        return board

    def hear(self, do: Callable[[], object], kind: str) -> set[str]:
        """Who hears events of this kind because of that."""
        self.mark()  # what was done before has been heard
        since = {name: len(stream.events) for name, stream in self.streams.items()}
        do()
        marker = self.mark()
        return {
            name
            for name, stream in self.streams.items()
            if any(event.kind == kind and not names(event, marker) for event in stream.events[since[name] :])
        }

    def mark(self) -> str:
        """Show a new board to everybody, and wait until all have heard of it."""
        marker = new_board(self.owner.client, board_visibility="shared")
        for stream in self.streams.values():
            stream.until("the mark", lambda event: names(event, marker) and marker in event.data["updated"])
        return marker


def names(event: Heard, board_id: str) -> bool:
    """Whether it is about that board."""
    return event.kind == "boards_changed" and board_id in (event.data["added"] + event.data["updated"])


@pytest.fixture
def audience(team: Team) -> Iterator[Audience]:
    people = {name: add(team.admin, name) for name in ("owner", "friend", "member", "stranger")}
    people["admin"] = team.admin
    group = team.admin.client.post("/api/v1/groups/", {"name": f"group of {people['owner'].id}"}).json()["group_id"]
    path = f"/api/v1/groups/{group}/members/{people['member'].id}"
    assert team.admin.client.put(path).status in (200, 204)
    gathered = Audience(team, people, group)
    with ExitStack() as stack:
        for name, person in people.items():
            gathered.streams[name] = stack.enter_context(Listener(person.client))
        yield gathered


def test_what_happens_on_a_board_is_heard_by_those_who_see_it(audience: Audience) -> None:
    board = audience.board()
    heard = audience.hear(lambda: upload(audience.owner.client, board_id=board), "images_changed")
    assert heard == {"owner", "friend", "member", "admin"}
    assert audience.hear(lambda: upload(audience.owner.client), "images_changed") == {"owner", "admin"}
    change = lambda: audience.owner.client.patch(f"{BOARDS}/{board}", {"board_name": "other"})  # noqa: E731
    assert audience.hear(change, "boards_changed") == {"owner", "friend", "member", "admin"}


def test_who_loses_a_grant_hears_that_the_board_is_gone_and_then_nothing_of_it(audience: Audience) -> None:
    board = audience.board()
    grants = audience.owner.client.get(f"{BOARDS}/{board}/grants").json()["grants"]
    [grant] = [each["id"] for each in grants if each["user_id"]]
    heard = audience.hear(lambda: audience.owner.client.delete(f"{BOARDS}/{board}/grants/{grant}"), "boards_gone")
    assert heard == {"friend"}
    heard = audience.hear(lambda: upload(audience.owner.client, board_id=board), "images_changed")
    assert heard == {"owner", "member", "admin"}


def test_a_board_that_becomes_private_is_gone_for_all_who_see_it_no_more(audience: Audience) -> None:
    board = audience.board(board_visibility="public")
    assert audience.hear(lambda: upload(audience.owner.client, board_id=board), "images_changed") == set(
        audience.people
    )
    hide = lambda: audience.owner.client.patch(f"{BOARDS}/{board}", {"board_visibility": "private"})  # noqa: E731
    assert audience.hear(hide, "boards_gone") == {"stranger"}


def test_an_image_that_leaves_a_board_is_gone_for_those_who_see_that_board_only(audience: Audience) -> None:
    board, other = audience.board(), new_board(audience.owner.client)
    image = upload(audience.owner.client, board_id=board)
    move = {"board_id": other, "image_name": image}
    assert audience.hear(lambda: audience.owner.client.post(BOARD_IMAGES, move), "images_gone") == {"friend", "member"}


def test_a_deleted_board_is_told_to_those_who_saw_it(audience: Audience) -> None:
    board = audience.board()
    heard = audience.hear(lambda: audience.owner.client.delete(f"{BOARDS}/{board}"), "boards_changed")
    assert heard == {"owner", "friend", "member", "admin"}


def test_who_leaves_a_group_hears_nothing_of_its_boards_any_more(audience: Audience) -> None:
    board = audience.board()
    path = f"/api/v1/groups/{audience.group}/members/{audience.people['member'].id}"
    assert audience.hear(lambda: audience.team.admin.client.delete(path), "resync") == {"member"}
    heard = audience.hear(lambda: upload(audience.owner.client, board_id=board), "images_changed")
    assert heard == {"owner", "friend", "admin"}


def test_a_client_that_comes_back_is_told_what_it_may_see_today(audience: Audience) -> None:
    board = audience.board()
    with Listener(audience.people["friend"].client) as before:
        upload(audience.owner.client, board_id=board)
        seen = before.until("an image", lambda event: event.kind == "images_changed")
    image = upload(audience.owner.client, board_id=board)
    with Listener(audience.people["friend"].client, last_event_id=seen.id) as back:
        missed = back.until("what was missed", lambda event: event.kind == "images_changed")
        assert missed.data["added"] == [image]
    assert audience.people["friend"].client.delete(f"{BOARDS}/{board}/grants/mine").status == 204
    with Listener(audience.people["friend"].client, last_event_id=seen.id) as back:
        back.until("that it is gone", lambda event: event.kind == "boards_gone")
        assert [event.kind for event in back.kept] == ["boards_gone"]
