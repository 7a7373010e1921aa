"""What goes in and out of the style preset routes."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints

from invoke_host.publishing import MAX_NAME

#: Longest positive or negative prompt, in characters; no request to generate takes a longer one.
MAX_PROMPT: Final = 4000

#: Most presets in one answer.
MAX_LIMIT: Final = 1000

#: One line, no outer blanks.
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f]*$")
]
#: Any text, with `{prompt}` where the user's own words go. No NUL, which PostgreSQL can't store.
Prompt = Annotated[str, StringConstraints(max_length=MAX_PROMPT, pattern=r"^[^\x00]*$")]

PresetType = Literal["user", "default"]


class PresetData(BaseModel):
    """The two prompts of a preset."""

    positive_prompt: str
    negative_prompt: str


class StylePresetDTO(BaseModel):
    """A pair of prompts with a name. `image` is where its picture is, relative to the host."""

    id: str
    name: str
    preset_data: PresetData
    type: PresetType
    image: str | None
    user_id: str
    owner_username: str
    is_public: bool
    created_at: str
    updated_at: str


class NewStylePreset(BaseModel):
    """The field `data` of the form that makes a preset."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    positive_prompt: Prompt
    negative_prompt: Prompt
    type: PresetType = "user"
    is_public: bool = False


class StylePresetPatch(BaseModel):
    """The field `data` of the form that changes a preset; what is left out or null stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    positive_prompt: Prompt | None = None
    negative_prompt: Prompt | None = None
    type: PresetType | None = None
    is_public: bool | None = None
    remove_image: bool = False


class ImportRow(BaseModel):
    """A preset in a file that is imported."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    positive_prompt: Annotated[Prompt, Field(validation_alias=AliasChoices("positive_prompt", "prompt"))] = ""
    negative_prompt: Prompt = ""


class Imported(BaseModel):
    """How many presets an import made."""

    imported: int


class StylePresetsQuery(BaseModel):
    """Which part of the list. Without any of it, the first thousand."""

    limit: int = Field(MAX_LIMIT, ge=1, le=MAX_LIMIT, description="Presets in the answer.")
    offset: int = Field(0, ge=0, le=100_000, description="Presets to skip.")
