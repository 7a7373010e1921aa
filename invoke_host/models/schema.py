"""Models as clients see them: the reference's configuration record, and what only this host knows about a model."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DefaultSettings(BaseModel):
    """What a request for this model gets where it says nothing."""

    width: int
    height: int
    steps: int
    cfg_scale: float
    scheduler: str


class ModelConfig(BaseModel):
    """A model. `path` is the folder's name only: where it lies on the server is nobody's business here."""

    key: str
    hash: str
    path: str
    file_size: int
    name: str
    description: str | None
    source: str
    source_type: Literal["path"]
    cover_image: str | None
    type: str
    base: str
    format: str
    variant: Literal["normal"]
    prediction_type: str
    repo_variant: str | None
    default_settings: DefaultSettings
    trigger_phrases: list[str] | None
    is_default: bool = Field(description="Requests that name no model get this one.")
    usable: bool
    problem: str | None = Field(description="Why the model can't be used, one sentence.")
    native_width: int | None = Field(description="Pictures are made at this size and scaled; null = at any size.")
    native_height: int | None
    schedulers: list[str] = Field(description="The samplers that work with this model.")


class ModelList(BaseModel):
    """All models that match."""

    models: list[ModelConfig]


class ModelsQuery(BaseModel):
    """Filters and order of the list, as the reference has them."""

    model_config = ConfigDict(extra="ignore")  # the reference's clients send filters that mean nothing here

    base_models: list[str] = Field(default=[], max_length=32, description="Only these bases; repeatable.")
    model_type: str | None = Field(default=None, max_length=64)
    model_name: str | None = Field(default=None, max_length=255)
    model_format: str | None = Field(default=None, max_length=64)
    order_by: Literal["default", "name", "type", "base", "format", "size"] = "name"
    direction: Literal["ASC", "DESC"] = "ASC"
