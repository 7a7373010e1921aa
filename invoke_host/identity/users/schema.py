"""What goes in and out of the user routes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from invoke_host.api import Secret
from invoke_host.identity.users.model import User
from invoke_host.identity.users.paging import Place
from invoke_host.identity.users.values import UNSET, Content, Keep, Linked, NewUser, Purge, Transfer, UserChange

#: Longer ones are refused unread: hashing must stay cheap to refuse.
MAX_PASSWORD = 1024

Password = Annotated[SecretStr, Field(max_length=MAX_PASSWORD)]
Email = Annotated[str, StringConstraints(max_length=320)]
DisplayName = Annotated[str, StringConstraints(max_length=255)]
UserIdText = Annotated[str, StringConstraints(min_length=1, max_length=36)]


class UserDTO(BaseModel):
    """A user. Times are UTC."""

    user_id: str
    email: str
    display_name: str | None
    is_admin: bool
    is_active: bool
    created_at: str
    updated_at: str
    last_login_at: str | None


def user_dto(user: User) -> dict[str, Any]:
    """The user as a JSON-ready object, without what is for the host alone."""
    return {
        "user_id": user.id,
        "email": user.email,
        "display_name": user.display_name,
        "is_admin": user.is_admin,
        "is_active": user.is_active,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "last_login_at": user.last_login_at,
    }


class UsersQuery(BaseModel):
    """A page of the list. `X-Total-Count` says how many match, `X-Next-Cursor` where to go on; absent at the end."""

    search: str = Field("", max_length=255, description="Part of the e-mail address or display name, in any case.")
    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = Field(None, max_length=128, description="`X-Next-Cursor` of the page before.")

    @property
    def after(self) -> Place | None:
        """The place to go on behind. Raises InvalidInput for a cursor that is none."""
        return None if self.cursor is None else Place.decode(self.cursor)


class NewUserBody(BaseModel):
    """An account to make."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    display_name: DisplayName | None = None
    password: Password
    is_admin: bool = False

    @property
    def new_user(self) -> NewUser:
        """The same in the service's words."""
        return NewUser(self.email, self.display_name, Secret(self.password.get_secret_value()), self.is_admin)


class UserPatch(BaseModel):
    """What to change. What is left out or null stays; an empty `display_name` takes the name away."""

    model_config = ConfigDict(extra="forbid")

    display_name: DisplayName | None = None
    email: Email | None = None
    password: Password | None = None
    is_admin: bool | None = None
    is_active: bool | None = None

    @property
    def change(self) -> UserChange:
        """The same in the service's words."""
        return UserChange(
            display_name=UNSET if self.display_name is None else self.display_name,
            email=UNSET if self.email is None else self.email,
            password=None if self.password is None else Secret(self.password.get_secret_value()),
            is_admin=self.is_admin,
            is_active=self.is_active,
        )


class DeleteQuery(BaseModel):
    """What becomes of the content of a user who is deleted."""

    content: Literal["keep", "transfer", "purge"] = Field(
        "keep", description="`keep`: administrators see it; `transfer`: it goes to the user `to`; `purge`: it goes."
    )
    to: UserIdText | None = Field(None, description="Who gets the content; only with `transfer`.")

    @model_validator(mode="after")
    def _one_heir(self) -> DeleteQuery:
        if (self.content == "transfer") != (self.to is not None):
            raise ValueError("name the user with to=<user id> for content=transfer, and only then")
        return self

    @property
    def choice(self) -> Content:
        """The same in the service's words."""
        if self.to is not None:
            return Transfer(self.to)
        return Purge() if self.content == "purge" else Keep()


class TransferBody(BaseModel):
    """Who gets the content, and which kinds of it; all kinds if `parts` is left out."""

    model_config = ConfigDict(extra="forbid")

    to_user_id: UserIdText
    parts: list[Annotated[str, StringConstraints(max_length=64)]] | None = Field(None, min_length=1, max_length=32)


class Transferred(BaseModel):
    """How much of each kind changed hands."""

    transferred: dict[str, int]


class Owns(BaseModel):
    """How much of each kind a user owns."""

    content: dict[str, int]


class LinkBody(BaseModel):
    """An identity at a login provider: `subject` is the provider's own, never-changing id."""

    model_config = ConfigDict(extra="forbid")

    provider: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    subject: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,255}$")]
    login: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{0,320}$")] = ""


class IdentityDTO(BaseModel):
    """Who a user is at a login provider; `login` as the provider last told it.

    `blocked_at`: since when the provider says that they may not log in; null: it does not.
    """

    provider: str
    subject: str
    login: str
    created_at: str
    last_login_at: str | None
    blocked_at: str | None


def identity_dto(linked: Linked) -> dict[str, Any]:
    """The identity as a JSON-ready object."""
    return {
        "provider": linked.provider,
        "subject": linked.subject,
        "login": linked.login,
        "created_at": linked.created_at,
        "last_login_at": linked.last_login_at,
        "blocked_at": linked.blocked_at,
    }
