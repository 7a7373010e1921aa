"""Who asks about whose things: the columns of the matrix, each built anew, so that no cell disturbs another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from .accounts import Person, Team
from .client import Client
from .uploading import BOARDS, IMAGES, form, new_board, new_preset, new_system_prompt, new_workflow, share, upload

#: The columns: single-user mode, nobody, one's own things, those of somebody else by what is shown or granted, and an
#: administrator on what is private to somebody else.
COLUMNS: Final = ("SU", "AN", "own", "private", "shared", "public", "viewer", "contributor", "editor", "AD")

#: In the prompt of the owner's pictures.
WORD: Final = "kingfisher"

_GRANTS: Final = {"viewer": "viewer", "contributor": "contributor", "editor": "editor"}


@dataclass(frozen=True, slots=True)
class People:
    """Whom the columns are about."""

    team: Team
    owner: Person
    other: Person
    single: Client

    def caller(self, column: str) -> Client:
        """Who asks."""
        known: Mapping[str, Callable[[], Client]] = {
            "SU": lambda: self.single,
            "AN": self.team.anybody,
            "own": lambda: self.owner.client,
            "AD": lambda: self.team.admin.client,
        }
        return known.get(column, lambda: self.other.client)()

    def maker(self, column: str) -> Client:
        """Whose things they are."""
        return self.single if column == "SU" else self.owner.client


class Scene:
    """One column, with things that are made when they are first asked for."""

    def __init__(self, people: People, column: str) -> None:
        self.people, self.column = people, column
        self.client, self.maker = people.caller(column), people.maker(column)
        self._board = ""

    @property
    def is_theirs(self) -> bool:
        """True if the caller is the owner of it all."""
        return self.client is self.maker

    @property
    def board(self) -> str:
        """The board, as it is shown and granted."""
        if not self._board:
            self._board = new_board(self.maker)
            if self.column in ("shared", "public"):
                changed = self.maker.patch(f"{BOARDS}/{self._board}", {"board_visibility": self.column})
                assert changed.status == 200, changed.text
            if self.column in _GRANTS:
                share(self.maker, self._board, _GRANTS[self.column], user_id=self.people.other.id)
        return self._board

    def image(self) -> str:
        """A picture of the owner on the board."""
        return upload(self.maker, board_id=self.board, prompt=WORD)

    def loose(self) -> str:
        """A picture of the owner on no board."""
        return upload(self.maker)

    def mine(self) -> str:
        """A picture of the caller on no board; of the owner where nobody asks."""
        return upload(self.maker if self.column == "AN" else self.client)

    def mine_there(self) -> str:
        """A picture of the caller on the board, put there while that was allowed."""
        if self.is_theirs or self.column == "AN":
            return self.image()
        granted = share(self.maker, self.board, "contributor", **self._asking())
        name = upload(self.client, board_id=self.board)
        if self.column in _GRANTS:
            share(self.maker, self.board, _GRANTS[self.column], **self._asking())
        else:
            assert self.maker.delete(f"{BOARDS}/{self.board}/grants/{granted}").status == 204
        return name

    def trashed(self) -> str:
        """A picture of the board that its owner has deleted."""
        name = self.image()
        assert self.maker.delete(f"{IMAGES}/i/{name}").status == 200
        return name

    def workflow(self) -> str:
        """A workflow of the owner; public in the column of that name."""
        workflow = new_workflow(self.maker, WORD)
        if self.column == "public":
            self._publish(f"/api/v1/workflows/i/{workflow}/is_public")
        return workflow

    def prompt(self) -> str:
        """A system prompt of the owner."""
        prompt = new_system_prompt(self.maker, WORD)
        if self.column == "public":
            self._publish(f"/api/v1/system_prompts/i/{prompt}")
        return prompt

    def preset(self) -> str:
        """A style preset of the owner."""
        preset = new_preset(self.maker, WORD)
        if self.column == "public":
            body, headers = form(data='{"is_public": true}')
            answer = self.maker.request("PATCH", f"/api/v1/style_presets/i/{preset}", body=body, headers=headers)
            assert answer.status == 200, answer.text
        return preset

    def _publish(self, path: str) -> None:
        answer = self.maker.patch(path, {"is_public": True})
        assert answer.status == 200, answer.text

    def _asking(self) -> dict[str, str]:
        return {"user_id": (self.people.team.admin if self.column == "AD" else self.people.other).id}
