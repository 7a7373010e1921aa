"""A host's boards and images as plain data, and who may do what with them: the matrix of the design, as a table.

Written from the matrix, not from the policies: nothing here is imported from the rooms that are tested but names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from invoke_host.api import Actor

#: Regular users. So are the last four, but for what a plugin may say of theirs (`PLUGINS`).
USERS: Final = ("ann", "ben", "moe", "lou", "zed", "pat")
ADMIN: Final = "root"
GROUPS: Final = ("team", "guests")
CATEGORIES: Final = ("general", "user", "mask")
WORDS: Final = ("heron", "otter")

#: Policies that a host may have beside its own. `closed`: Moe's boards are closed to everybody, and Zed's images are
#: nobody's to see. `frozen`: on Lou's boards nothing is changed. `open`: everybody with an account sees Pat's images.
PLUGINS: Final = ("closed", "frozen", "open")

#: What somebody is to a board, and what that suffices for. `viewer` to `editor` are granted, `shared` and `public` what
#: everybody is on a board of that visibility.
BOARD: Final = {
    "board.view": {"owner", "admin", "viewer", "contributor", "editor", "shared", "public"},
    "board.add": {"owner", "admin", "contributor", "editor", "public"},
    "board.edit": {"owner", "admin", "editor"},
    "board.curate": {"owner", "admin", "editor"},
    "board.share": {"owner", "admin"},
    "board.delete": {"owner", "admin"},
    "board.transfer": {"owner", "admin"},
}

_BY_BOARD = {"on board of owner", "on board of editor"}
_SEEN = {f"on board of {what}" for what in BOARD["board.view"]}

#: The same for an image: its uploader, an administrator, or what one is to the board that it is on.
IMAGE: Final = {
    "image.view": {"uploader", "admin", "invited"} | _SEEN,
    "image.edit": {"uploader", "admin", "on board of admin"} | _BY_BOARD,
    "image.star": {"uploader", "admin", "on board of admin"} | _BY_BOARD,
    "image.delete": {"uploader", "admin", "on board of admin"} | _BY_BOARD,
    "image.detach": {"uploader", "admin", "on board of admin"} | _BY_BOARD,
    "image.place": {"uploader", "admin"},
}

#: And for one in the trash.
TRASHED: Final = {
    "trashed_image.view": {"uploader", "admin", "on board of admin"} | _BY_BOARD,
    "trashed_image.restore": {"uploader", "admin", "on board of admin"} | _BY_BOARD,
    "trashed_image.purge": {"uploader", "admin"},
}


@dataclass(frozen=True)
class Granted:
    """A role for a user or else a group."""

    user: str | None
    group: str | None
    role: str


@dataclass(frozen=True)
class Board:
    owner: str
    visibility: str
    grants: tuple[Granted, ...] = ()
    archived: bool = False
    #: The place of the image that somebody chose as cover, wherever that is.
    cover: int | None = None


@dataclass(frozen=True)
class Image:
    owner: str
    board: int | None = None
    trashed: bool = False
    category: str = "general"
    is_intermediate: bool = False
    starred: bool = False
    word: str | None = None


@dataclass(frozen=True)
class World:
    """Boards and images are known by their places; a later image is a newer one."""

    boards: tuple[Board, ...]
    images: tuple[Image, ...]
    plugins: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Asked:
    """What a listing is asked for: `board` is a place, "none" or None for all."""

    board: int | str | None = None
    categories: frozenset[str] | None = None
    is_intermediate: bool | None = None
    word: str | None = None
    starred_first: bool = True
    descending: bool = True


class Model:
    """What one actor may see and do in a world."""

    def __init__(self, world: World, actor: Actor) -> None:
        self.world = world
        self.actor = actor
        self.is_nobody = actor.id is None or actor.is_suspended
        self.only_reads = actor.token_scopes == {"read"}

    def to_board(self, place: int) -> set[str]:
        """What the actor is to that board."""
        board = self.world.boards[place]
        if self.is_nobody or self._is("closed", board.owner, "moe"):
            return set()
        found = {each.role for each in board.grants if each.user == self.actor.id or each.group in self.actor.groups}
        found |= {"owner"} if board.owner == self.actor.id else set()
        found |= {"admin"} if self.actor.is_admin else set()
        return found | ({board.visibility} - {"private"})

    def to_image(self, place: int) -> set[str]:
        """What the actor is to that image, trashed or not."""
        image = self.world.images[place]
        if self.is_nobody or self._is("closed", image.owner, "zed"):
            return set()
        found = set() if image.board is None else {f"on board of {what}" for what in self.to_board(image.board)}
        # Of a frozen board nobody changes anything, so nobody gets rights to change what is on it from it.
        if image.board is not None and self._is("frozen", self.world.boards[image.board].owner, "lou"):
            found = {"on board of viewer"} if found else set()
        found |= {"invited"} if self._is("open", image.owner, "pat") else set()
        found |= {"uploader"} if image.owner == self.actor.id else set()
        return found | ({"admin"} if self.actor.is_admin else set())

    def may_board(self, action: str, place: int) -> bool:
        """Whether the actor may do this to that board."""
        changes = action != "board.view"
        if changes and (self.only_reads or self._is("frozen", self.world.boards[place].owner, "lou")):
            return False
        return bool(self.to_board(place) & BOARD[action])

    def may_image(self, action: str, place: int) -> bool:
        """Whether the actor may do this to that image; an image in the trash is no image, and the other way round."""
        table = TRASHED if self.world.images[place].trashed else IMAGE
        if action not in table or (self.only_reads and not action.endswith(".view")):
            return False
        if self.only_reads and self.world.images[place].trashed:
            return self._reads_trash(place)
        return bool(self.to_image(place) & table[action])

    def _is(self, plugin: str, owner: str, whose: str) -> bool:
        return plugin in self.world.plugins and owner == whose

    def _reads_trash(self, place: int) -> bool:
        # Who may only read curates nothing, so sees the trash of no board; their own, and as administrator all.
        return bool(self.to_image(place) & {"uploader", "admin"})

    # What listings answer --------------------------------------------------------------------------------------------

    def boards(self, *, archived: bool = True) -> list[int]:
        """The boards that the actor sees, newest first."""
        return [
            place
            for place in reversed(range(len(self.world.boards)))
            if self.may_board("board.view", place) and (archived or not self.world.boards[place].archived)
        ]

    def images(self, asked: Asked = Asked()) -> list[int] | None:
        """The images of a listing in its order; None where the answer is that there is no such board."""
        if isinstance(asked.board, int) and asked.board not in self.boards():
            return None
        found = [place for place in range(len(self.world.images)) if self._is_listed(place, asked)]
        if asked.descending:
            found.reverse()
        if asked.starred_first:
            found.sort(key=lambda place: not self.world.images[place].starred)
        return found

    def trash(self) -> set[int]:
        """The images in the trash that the actor sees."""
        return {place for place in range(len(self.world.images)) if self.may_image("trashed_image.view", place)}

    def shown_board(self, image: int) -> int | None:
        """The board that the actor is told the image is on."""
        board = self.world.images[image].board
        return board if board is not None and self.may_board("board.view", board) else None

    def counts(self, board: int) -> tuple[int, int]:
        """How many pictures and how many other images of that board the actor is told of."""
        shown = self._pictures_of(board)
        general = [place for place in shown if self.world.images[place].category == "general"]
        return len(general), len(shown) - len(general)

    def cover(self, board: int) -> int | None:
        """What stands for the board: the chosen image while it is there, else the newest, starred ones first."""
        chosen = self.world.boards[board].cover
        if chosen is not None and self.world.images[chosen].board == board and self.may_image("image.view", chosen):
            return chosen
        shown = self._pictures_of(board)
        starred = [place for place in shown if self.world.images[place].starred]
        return max(starred or shown, default=None)

    def _pictures_of(self, board: int) -> list[int]:
        return [place for place in self.images(Asked(board)) or () if not self.world.images[place].is_intermediate]

    def _is_listed(self, place: int, asked: Asked) -> bool:
        image = self.world.images[place]
        return (
            self.may_image("image.view", place)
            and self._is_there(place, asked.board)
            and (asked.categories is None or image.category in asked.categories)
            and (asked.is_intermediate is None or image.is_intermediate == asked.is_intermediate)
            and (asked.word is None or image.word == asked.word)
        )

    def _is_there(self, place: int, board: int | str | None) -> bool:
        image = self.world.images[place]
        if board != "none":
            return board is None or image.board == board
        lost = image.owner == self.actor.id and not self.actor.is_admin and self.shown_board(place) is None
        return image.board is None or lost


def names(places: Sequence[int] | None) -> list[str] | None:
    """The names of those images."""
    return None if places is None else [name(place) for place in places]


def name(place: int) -> str:
    """The name of that image."""
    return f"{place + 1:08x}-0000-4000-8000-000000000000.png"


def board_id(place: int) -> str:
    """The id of that board."""
    return f"{place + 1:08x}-0000-4000-9000-000000000000"
