"""What goes in and out of the system prompt routes."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from invoke_host.publishing import MAX_NAME

#: Longest system prompt, in characters.
MAX_CONTENT: Final = 16_384

#: Most prompts in one answer.
MAX_LIMIT: Final = 1000

#: One line, no outer blanks.
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Content = Annotated[str, StringConstraints(min_length=1, max_length=MAX_CONTENT, pattern=r"\S")]


class SystemPromptDTO(BaseModel):
    """An instruction for a language model that writes prompts."""

    id: str
    name: str
    content: str
    user_id: str
    owner_username: str
    is_public: bool
    created_at: str
    updated_at: str


class NewSystemPrompt(BaseModel):
    """A system prompt to make. Private unless it says otherwise."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    content: Content
    is_public: bool | None = None


class SystemPromptPatch(BaseModel):
    """What to change; what is left out or null stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    content: Content | None = None
    is_public: bool | None = None


class SystemPromptsQuery(BaseModel):
    """Which part of the list. Without any of it, the first thousand."""

    limit: int = Field(MAX_LIMIT, ge=1, le=MAX_LIMIT, description="Prompts in the answer.")
    offset: int = Field(0, ge=0, le=100_000, description="Prompts to skip.")
