"""What goes in and out of the board routes. Answers are built from rows directly; these models describe them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from invoke_host.api import Role
from invoke_host.boards.grantees import Naming
from invoke_host.boards.query import DEFAULT_LIMIT, ListQuery, Order, OrderBy, decode_cursor
from invoke_host.boards.store import UNSET, Patch

#: Longest name, in characters.
MAX_NAME = 300

#: Most boards in a page.
MAX_LIMIT = 1000

#: Furthest that a list is walked without a cursor.
MAX_OFFSET = 100_000

Visibility = Literal["private", "shared", "public"]
Permission = Literal["view", "add", "edit", "curate", "share", "delete", "transfer"]

#: One line, no outer blanks.
BoardName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f]*$")
]
_Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class BoardDTO(BaseModel):
    """A board. Counts are of pictures that the reader may see; `permissions` is what the reader may do."""

    board_id: str
    board_name: str
    user_id: str
    owner_username: str
    created_at: str
    updated_at: str
    deleted_at: None
    cover_image_name: str | None
    cover_video_name: None
    archived: bool
    board_visibility: Visibility
    image_count: int
    asset_count: int
    video_count: int
    permissions: list[Permission]


class BoardPage(BaseModel):
    """A page of boards. `next_cursor` is null at the end."""

    limit: int
    offset: int
    total: int
    items: list[BoardDTO]
    next_cursor: str | None


class BoardsQuery(BaseModel):
    """A page of the list, or with `all` the whole of it. Go on with `cursor`; `offset` is for clients without."""

    order_by: OrderBy = Field("created_at", description="By time of creation or by name.")
    direction: Literal["ASC", "DESC"] = Field("DESC", description="Newest first, or names backwards, is DESC.")
    all_boards: bool = Field(False, alias="all", description="Everything at once, as a list; at most 10,000 boards.")
    include_archived: bool = Field(False, description="Archived boards, too.")
    offset: int = Field(0, ge=0, le=MAX_OFFSET, description="Boards to skip.")
    limit: int = Field(DEFAULT_LIMIT, ge=0, le=MAX_LIMIT, description="Boards in the page.")
    cursor: str | None = Field(None, max_length=4096, description="`next_cursor` of the page before, same order.")

    @model_validator(mode="after")
    def _one_way_to_go_on(self) -> BoardsQuery:
        if self.cursor is not None and self.offset:
            raise ValueError("give cursor or offset, not both")
        return self

    @property
    def order(self) -> Order:
        """The order in the store's words."""
        return Order(self.order_by, descending=self.direction == "DESC")

    def list_query(self) -> ListQuery:
        """The query in the store's words. Raises InvalidInput for a cursor that is none."""
        cursor = None if self.cursor is None else decode_cursor(self.cursor, self.order)
        return ListQuery(self.order, self.include_archived, self.limit, self.offset, cursor)


class NewBoardQuery(BaseModel):
    """A board to make; it is private."""

    board_name: BoardName


class BoardChanges(BaseModel):
    """What PATCH changes; what is left out or null stays, but for the cover: null takes the choice back."""

    model_config = ConfigDict(extra="forbid")

    board_name: BoardName | None = None
    archived: bool | None = None
    cover_image_name: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        None, description="An image on the board; null: starred ones first, then the newest."
    )
    board_visibility: Visibility | None = None

    def patch(self) -> Patch:
        """The same in the store's words."""
        cover = self.cover_image_name if "cover_image_name" in self.model_fields_set else UNSET
        return Patch(self.board_name, self.archived, self.board_visibility, cover)


class DeleteBoardQuery(BaseModel):
    """What becomes of the images on it."""

    include_images: bool = Field(False, description="Put them into the trash; otherwise they are on no board.")


class DeletedBoard(BaseModel):
    """What became of a board: images that are on no board now, and images that were deleted."""

    board_id: str
    deleted_board_images: list[str]
    deleted_images: list[str]
    deleted_board_videos: list[str]
    deleted_videos: list[str]
    failed_images: list[str]
    failed_videos: list[str]


class _NamedUser(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: _Id | None = None
    email: Annotated[str, StringConstraints(min_length=1, max_length=320)] | None = Field(
        None, description="The exact address; upper and lower case are the same."
    )


class NewGrant(_NamedUser):
    """A role for a user or a group; exactly one of the first four is given."""

    group_id: _Id | None = None
    group: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = Field(
        None, description="The name of a group."
    )
    role: Role

    @model_validator(mode="after")
    def _one_grantee(self) -> NewGrant:
        if sum(each is not None for each in (self.user_id, self.email, self.group_id, self.group)) != 1:
            raise ValueError("give exactly one of user_id, email, group_id and group")
        return self

    def naming(self) -> Naming:
        """Who is meant, in the store's words."""
        return Naming(self.user_id, self.email, self.group_id, self.group)


class GrantDTO(BaseModel):
    """A role that a user or a group has on a board; the other id is null."""

    id: int
    role: Role
    user_id: str | None
    group_id: str | None
    name: str
    created_at: str


class Grants(BaseModel):
    """All grants on a board, oldest first."""

    grants: list[GrantDTO]


class NewOwner(_NamedUser):
    """Who is to own the board; exactly one of the first two is given."""

    keep_role: Role | None = Field(None, description="What the owner until now may do from then on; null: nothing.")

    @model_validator(mode="after")
    def _one_heir(self) -> NewOwner:
        if (self.user_id is None) == (self.email is None):
            raise ValueError("give exactly one of user_id and email")
        return self

    def naming(self) -> Naming:
        """Who is meant, in the store's words."""
        return Naming(self.user_id, self.email)
