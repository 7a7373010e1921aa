"""What goes in and out where archives are asked for."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from invoke_host.images.schema import Name


class DownloadImages(BaseModel):
    """The images to pack: by name, or all of a board (`none`: those on no board)."""

    model_config = ConfigDict(extra="forbid")

    image_names: Annotated[list[Name], Field(max_length=5000)] | None = None
    board_id: Annotated[str, Field(max_length=64)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> DownloadImages:
        if bool(self.image_names) == (self.board_id is not None):
            raise ValueError("give image_names or board_id, and not both")
        return self


class DownloadAccepted(BaseModel):
    """An archive is being made. Fetch it from `download/{bulk_download_item_name}` when the event says it is there.

    `failed_images` were asked for and are not in it: unknown, or not the caller's to see.
    """

    response: str
    bulk_download_item_name: str
    failed_images: list[str] = []
