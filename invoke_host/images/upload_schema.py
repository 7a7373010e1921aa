"""What an upload says beside the file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from invoke_host.images.schema import Category

#: Most pixels that a picture can be scaled to: the square of this.
MOST_RESIZE_SIDE = 4096


class UploadQuery(BaseModel):
    """What the picture is and where it goes."""

    image_category: Category = Field(description="What the picture is for.")
    is_intermediate: bool = Field(description="Not to be shown in galleries.")
    board_id: str | None = Field(None, max_length=64, description="The board to put it on.")
    session_id: Annotated[str, StringConstraints(min_length=1, max_length=36, pattern=r"^[!-~]+$")] | None = Field(
        None, description="The session that it belongs to."
    )
    crop_visible: bool = Field(False, description="Cut off the fully transparent border.")


class ResizeTo(BaseModel):
    """The size to scale to, in pixels: `{"width": 512, "height": 512}` or `[512, 512]`."""

    model_config = ConfigDict(extra="forbid")

    width: int = Field(ge=1, le=MOST_RESIZE_SIDE**2)
    height: int = Field(ge=1, le=MOST_RESIZE_SIDE**2)

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        if isinstance(value, list) and len(value) == 2:
            return {"width": value[0], "height": value[1]}
        return value

    @model_validator(mode="after")
    def _area(self) -> ResizeTo:
        if self.width * self.height > MOST_RESIZE_SIDE**2 or max(self.width, self.height) > 65_535:
            raise ValueError(f"more than {MOST_RESIZE_SIDE}x{MOST_RESIZE_SIDE} pixels")
        return self
