"""What goes in and out of the gallery routes: images as clients know them that also know videos, and images by day."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from invoke_host.images.query import Filters
from invoke_host.images.schema import Category, ImagesQuery, NamesQuery, Origin

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def is_day(text: str) -> bool:
    """True for `2026-11-23` and other days that there are."""
    if _DAY.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class GalleryNamesQuery(NamesQuery):
    """Filters and order of a gallery; `origin` and `image_origin` are one and the same."""

    origin: Origin | None = Field(None, description="Made here (internal) or uploaded (external).")
    created_date: str | None = Field(None, max_length=10, description="Only what was made on that day (UTC).")

    @field_validator("created_date")
    @classmethod
    def _a_day(cls, value: str | None) -> str | None:
        if value is not None and not is_day(value):
            raise ValueError("must be a day, such as 2026-11-23")
        return value

    @property
    def filters(self) -> Filters:
        """The filters in the store's words."""
        return gallery_filters(super().filters, self.origin, self.created_date)


class GalleryItemsQuery(ImagesQuery):
    """A page of a gallery."""

    origin: Origin | None = Field(None, description="Made here (internal) or uploaded (external).")

    @property
    def filters(self) -> Filters:
        """The filters in the store's words."""
        return gallery_filters(super().filters, self.origin, None)


def gallery_filters(filters: Filters, origin: str | None, day: str | None) -> Filters:
    """The filters with what galleries call by other names."""
    return Filters(
        filters.categories,
        filters.is_intermediate,
        origin or filters.origin,
        filters.search,
        filters.board_id,
        day,
    )


class GalleryItem(BaseModel):
    """An image in a gallery; `duration` and `fps` are always null, for this host keeps no videos."""

    kind: Literal["image"]
    name: str
    full_url: str
    thumbnail_url: str
    width: int
    height: int
    category: Category
    starred: bool
    is_intermediate: bool
    board_id: str | None
    created_at: str
    duration: float | None
    fps: float | None


class GalleryPage(BaseModel):
    """A page of a gallery; `total` and `next_cursor` as in ImagePage."""

    items: list[GalleryItem]
    offset: int
    limit: int
    total: int
    next_cursor: str | None


class GalleryNames(BaseModel):
    """All names of a gallery in order."""

    item_names: list[str]
    starred_count: int
    total_count: int


class GalleryName(BaseModel):
    """The name of one thing in a gallery."""

    kind: Literal["image"]
    name: str


class GalleryNameList(BaseModel):
    """The same as GalleryNames, one object for each name."""

    items: list[GalleryName]
    starred_count: int
    total_count: int


class VirtualBoard(BaseModel):
    """What was made on one day (UTC). `cover_image_name` is the newest image; there are no videos."""

    virtual_board_id: str
    board_name: str
    date: str
    image_count: int
    asset_count: int
    video_count: int
    cover_image_name: str | None
    cover_video_name: str | None


def item(image: dict[str, Any]) -> dict[str, Any]:
    """An image as a GalleryItem."""
    return {
        "kind": "image",
        "name": image["image_name"],
        "full_url": image["image_url"],
        "thumbnail_url": image["thumbnail_url"],
        "width": image["width"],
        "height": image["height"],
        "category": image["image_category"],
        "starred": image["starred"],
        "is_intermediate": image["is_intermediate"],
        "board_id": image["board_id"],
        "created_at": image["created_at"],
        "duration": None,
        "fps": None,
    }
