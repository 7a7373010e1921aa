"""What goes in and out of the routes of the trash."""

from __future__ import annotations

from pydantic import BaseModel, Field

from invoke_host.images.schema import MAX_LIMIT, ImageDTO
from invoke_host.images.trash_listing import TrashCursor, decode_cursor


class TrashQuery(BaseModel):
    """A page of the trash, newest deletion first."""

    limit: int = Field(50, ge=0, le=MAX_LIMIT, description="Images in the page.")
    cursor: str | None = Field(None, max_length=96, description="`next_cursor` of the page before.")

    def place(self) -> TrashCursor | None:
        """Where the page begins; None at the beginning. Raises InvalidInput for a cursor that is none."""
        return None if self.cursor is None else decode_cursor(self.cursor)


class TrashedImages(BaseModel):
    """A page of the trash; each image has its `deleted_at`. `next_cursor` is null at the end."""

    items: list[ImageDTO]
    limit: int
    next_cursor: str | None = None


class RestoredImages(BaseModel):
    """Images that are out of the trash. `failed_images` as in DeletedImages."""

    restored_images: list[str]
    failed_images: list[str]
    affected_boards: list[str]


class PurgedImages(BaseModel):
    """Images that are gone for good. `failed_images` as in DeletedImages."""

    purged_images: list[str]
    failed_images: list[str]


class EmptiedTrash(BaseModel):
    """How many images are gone for good."""

    purged_count: int
