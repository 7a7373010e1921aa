"""What goes in and out of the group routes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

#: One line, no outer blanks.
GroupName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1024)]


class GroupDTO(BaseModel):
    """A group of users."""

    group_id: str
    name: str
    description: str
    created_at: str
    updated_at: str
    member_count: int


class GroupPage(BaseModel):
    """Groups in the order of their names. `next_cursor` is null at the end."""

    items: list[GroupDTO]
    total: int
    next_cursor: str | None


class GroupsQuery(BaseModel):
    """Query of the list."""

    search: str = Field("", max_length=128, description="Part of the name; upper and lower case are the same.")
    limit: int = Field(100, ge=1, le=1000)
    cursor: str = Field("", max_length=1024, description="`next_cursor` of the page before.")


class NewGroup(BaseModel):
    """A group to make."""

    model_config = ConfigDict(extra="forbid")

    name: GroupName
    description: Description = ""


class GroupPatch(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: GroupName | None = None
    description: Description | None = None


class MemberDTO(BaseModel):
    """A user in a group. `provider`: the login provider that put them in; null: an administrator did."""

    user_id: str
    email: str
    display_name: str | None
    is_active: bool
    added_at: str
    provider: str | None


class MemberPage(BaseModel):
    """Members in the order of their e-mail addresses. `next_cursor` is null at the end."""

    items: list[MemberDTO]
    next_cursor: str | None


class MembersQuery(BaseModel):
    """Query of the members."""

    limit: int = Field(100, ge=1, le=1000)
    cursor: str = Field("", max_length=1024, description="`next_cursor` of the page before.")
