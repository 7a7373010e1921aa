"""What goes in and out of the workflow routes."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

#: Longest name and description, in characters; the longest tag, and how many there may be.
MAX_NAME: Final = 512
MAX_TAG: Final = 128
MAX_TAGS: Final = 100

#: Most workflows on one page.
MAX_PER_PAGE: Final = 1000

#: The tag that published workflows carry in lists, as InvokeAI writes it into them.
SHARED_TAG: Final = "shared"

Category = Literal["user", "default", "project"]
OrderBy = Literal["name", "created_at", "updated_at", "opened_at", "is_public"]
Tag = Annotated[str, StringConstraints(max_length=MAX_TAG)]


class ExposedField(BaseModel):
    """A field of a node that is shown beside the graph."""

    model_config = ConfigDict(extra="allow")

    nodeId: str  # noqa: N815 - InvokeAI's name
    fieldName: str  # noqa: N815


class WorkflowMeta(BaseModel):
    """The version of the format, and what kind of workflow it is."""

    model_config = ConfigDict(extra="allow")

    version: Annotated[str, StringConstraints(max_length=64)]
    category: Category = "user"


class Workflow(BaseModel):
    """A workflow in InvokeAI's format. More members are kept as they are, like the whole text."""

    model_config = ConfigDict(extra="allow")

    id: str | None = None
    name: Annotated[str, StringConstraints(max_length=MAX_NAME)]
    author: str
    description: str
    version: str
    contact: str
    tags: str
    notes: str
    exposedFields: list[ExposedField]  # noqa: N815
    meta: WorkflowMeta
    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    form: dict[str, Any] | None = None


class WorkflowBody(BaseModel):
    """A workflow to keep."""

    workflow: Workflow


class PublicBody(BaseModel):
    """Whether everybody may see it."""

    model_config = ConfigDict(extra="forbid")

    is_public: bool


class Compatibility(BaseModel):
    """Whether the host can run it as part of another one. This host keeps workflows and runs none."""

    is_callable: bool
    reason: str | None
    message: str | None


class WorkflowBase(BaseModel):
    """What lists and single records say of a workflow. `opened_at` is when the caller opened it last."""

    workflow_id: str
    name: str
    created_at: str
    updated_at: str
    opened_at: str | None
    user_id: str
    owner_username: str
    is_public: bool
    thumbnail_url: str | None
    call_saved_workflow_compatibility: Compatibility


class WorkflowRecord(WorkflowBase):
    """One workflow. `workflow` is the text that was stored, to the byte."""

    workflow: dict[str, Any]


class WorkflowListItem(WorkflowBase):
    """A workflow in a list."""

    description: str
    category: Category
    tags: str


class WorkflowPage(BaseModel):
    """A page of workflows. `next_cursor` is null at the end."""

    items: list[WorkflowListItem]
    page: int
    pages: int
    per_page: int | None
    total: int
    next_cursor: str | None


class ScopeQuery(BaseModel):
    """Which workflows: the caller's own and the host's; with `is_public=true` everybody's public ones."""

    categories: list[Category] = Field([], max_length=3, description="Any of these categories.")
    is_public: bool | None = Field(None, description="Only public ones, everybody's (true), or private ones (false).")
    has_been_opened: bool | None = Field(None, description="Only those that the caller has opened, or has not.")


class CountsByTagQuery(ScopeQuery):
    """Which tags to count."""

    tags: list[Tag] = Field([], max_length=MAX_TAGS, description="The tags to count.")


class ListQuery(CountsByTagQuery):
    """Query of the list."""

    tags: list[Tag] = Field([], max_length=MAX_TAGS, description="With any of these tags.")
    page: int = Field(0, ge=0, le=100_000, description="Pages to skip.")
    per_page: int | None = Field(None, ge=1, le=MAX_PER_PAGE, description="Workflows on a page; without it, 1000.")
    order_by: OrderBy = "name"
    direction: Literal["ASC", "DESC"] = "ASC"
    query: str | None = Field(None, max_length=255, description="Part of name, description or tags, in any case.")
    is_callable: bool | None = Field(
        None, alias="callable", description="Only such as the host can run within others; it can run none."
    )
    cursor: str | None = Field(
        None, max_length=4096, description="`next_cursor` of the page before, in the same order; instead of `page`."
    )
