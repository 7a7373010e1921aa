"""What goes in and out of the image routes. Answers are built from rows directly; these models describe them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from invoke_host.images.editing import Patch
from invoke_host.images.query import Filters, ListQuery, Order, decode_cursor

Category = Literal["general", "mask", "control", "user", "other"]
Origin = Literal["internal", "external"]

#: Names in one request; a client that has more sends several.
MAX_NAMES = 1000

#: Largest page, and how far `offset` reaches. Beyond it, `cursor` goes to any depth at the same cost.
MAX_LIMIT = 1000
MAX_OFFSET = 10_000


Name = Annotated[str, StringConstraints(max_length=255)]


class ImageDTO(BaseModel):
    """An image. URLs are relative to the host's root. `board_id` is null where the caller sees no board that it is on.

    `owner_username` is the owner's display name, else the part of their address before the @.
    """

    image_name: str
    image_url: str
    thumbnail_url: str
    image_origin: Origin
    image_category: Category
    width: int
    height: int
    created_at: str
    updated_at: str
    deleted_at: str | None = None
    is_intermediate: bool
    session_id: str | None = None
    node_id: str | None = None
    starred: bool
    has_workflow: bool
    image_subfolder: str = ""
    board_id: str | None = None
    user_id: str
    owner_username: str | None


class ImagePage(BaseModel):
    """A page of images. `next_cursor` is null at the end; `total` stops at 100 for `search_term`, `image_origin`."""

    items: list[ImageDTO]
    offset: int
    limit: int
    total: int
    next_cursor: str | None = None


class ImageNamesPage(BaseModel):
    """All names in order."""

    image_names: list[str]
    starred_count: int
    total_count: int


class ImageUrls(BaseModel):
    """Where an image's files are."""

    image_name: str
    image_url: str
    thumbnail_url: str


class WorkflowAndGraph(BaseModel):
    """The workflow and graph inside the file, as JSON text; null where it carries none."""

    workflow: str | None
    graph: str | None


class DeletedImages(BaseModel):
    """What a deletion did. `failed_images` were asked for and not deleted: unknown, or not the caller's to delete."""

    deleted_images: list[str]
    failed_images: list[str]
    affected_boards: list[str]


class StarredImages(BaseModel):
    """Images that are starred now. `failed_images` as in DeletedImages."""

    starred_images: list[str]
    failed_images: list[str]
    affected_boards: list[str]


class UnstarredImages(BaseModel):
    """Images that are not starred now. `failed_images` as in DeletedImages."""

    unstarred_images: list[str]
    failed_images: list[str]
    affected_boards: list[str]


class ImageNames(BaseModel):
    """A body that names images."""

    model_config = ConfigDict(extra="forbid")

    image_names: Annotated[list[Name], Field(max_length=MAX_NAMES)]


class UncategorizedQuery(BaseModel):
    """Whose images."""

    all: bool = Field(False, description="Everybody's, for administrators; otherwise only the caller's own.")


class ImageChanges(BaseModel):
    """What PATCH changes; fields that are left out or null stay as they are."""

    model_config = ConfigDict(extra="forbid")

    image_category: Category | None = None
    session_id: Annotated[str, StringConstraints(min_length=1, max_length=36, pattern=r"^[!-~]+$")] | None = None
    is_intermediate: bool | None = None
    starred: bool | None = None

    def patch(self) -> Patch:
        """The same in the store's words."""
        return Patch(
            category=self.image_category,
            session_id=self.session_id,
            is_intermediate=self.is_intermediate,
            starred=self.starred,
        )


class NamesQuery(BaseModel):
    """Filters and order of a listing."""

    image_origin: Origin | None = Field(None, description="Made here (internal) or uploaded (external).")
    categories: list[Category] | None = Field(None, max_length=5, description="Any of these categories.")
    is_intermediate: bool | None = Field(None, description="Only intermediate images, or only others.")
    board_id: str | None = Field(None, max_length=64, description="Only that board; `none`: those on no board.")
    order_dir: Literal["ASC", "DESC"] = Field("DESC", description="Oldest or newest first.")
    starred_first: bool = Field(True, description="Starred images before all others.")
    search_term: str | None = Field(
        None, max_length=255, description="Words of the prompts, the model, seed or date; all must match."
    )

    @field_validator("search_term")
    @classmethod
    def _no_nul(cls, value: str | None) -> str | None:
        if value is not None and "\0" in value:
            raise ValueError("must not contain a NUL character")
        return value

    @property
    def filters(self) -> Filters:
        """The filters in the store's words."""
        return Filters(
            categories=None if self.categories is None else frozenset(self.categories),
            is_intermediate=self.is_intermediate,
            origin=self.image_origin,
            search=(self.search_term or "").strip() or None,
            board_id=self.board_id,
        )

    @property
    def order(self) -> Order:
        """The order in the store's words."""
        return Order(descending=self.order_dir == "DESC", starred_first=self.starred_first)


class ImagesQuery(NamesQuery):
    """A page of a listing. Go on with `cursor`; `offset` is for clients that know no cursors."""

    offset: int = Field(0, ge=0, le=MAX_OFFSET, description="Images to skip; use `cursor` to go deeper than 10,000.")
    limit: int = Field(10, ge=0, le=MAX_LIMIT, description="Images in the page.")
    cursor: str | None = Field(None, max_length=64, description="`next_cursor` of the page before, same order.")

    @model_validator(mode="after")
    def _one_way_to_go_on(self) -> ImagesQuery:
        if self.cursor is not None and self.offset:
            raise ValueError("give cursor or offset, not both")
        return self

    def list_query(self) -> ListQuery:
        """The query in the store's words. Raises InvalidInput for a cursor that is none."""
        cursor = None if self.cursor is None else decode_cursor(self.cursor, self.order)
        return ListQuery(self.filters, self.order, self.limit, self.offset, cursor)


#: Metadata is whatever the file says.
Metadata = dict[str, Any] | None
