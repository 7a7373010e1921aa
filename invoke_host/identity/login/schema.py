"""What goes in and out of the routes about logging in, in the shapes that clients of InvokeAI know.

Names and passwords have no length here: what is too long is answered like any other wrong password.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from invoke_host.identity.users.schema import UserDTO
from invoke_host.identity.users.values import display_name_of


class AuthStatus(BaseModel):
    """The mode, so that clients need not guess. `admin_email` is always null: it would name an account to strangers."""

    setup_required: bool
    multiuser_enabled: bool
    strict_password_checking: bool
    admin_email: str | None


class LoginRequest(BaseModel):
    """`email` is the login name, which is something else than an e-mail address where a directory says so."""

    email: str
    password: SecretStr
    remember_me: bool = False


class LoginAnswer(BaseModel):
    """`token` goes into `Authorization: Bearer`, and is good for `expires_in` seconds."""

    token: str
    user: UserDTO
    expires_in: int


class Success(BaseModel):
    """Done."""

    success: bool


class SetupRequest(BaseModel):
    """The first administrator. `setup_code` stands in the server's log."""

    email: str
    display_name: str | None = None
    password: SecretStr
    setup_code: str = Field(default="", max_length=200)


class SetupAnswer(BaseModel):
    """The administrator, who can log in now."""

    success: bool
    user: UserDTO


def _shown(text: str) -> str:
    name = display_name_of(text)
    if name is None:
        raise ValueError("A display name has at least one visible character.")
    return name


class MePatch(BaseModel):
    """Null and missing fields leave things as they are. A new password needs the current one."""

    model_config = ConfigDict(extra="forbid")  # nobody is to think that their address or role was changed

    display_name: Annotated[str, AfterValidator(_shown)] | None = None
    current_password: SecretStr | None = None
    new_password: SecretStr | None = None


class GeneratedPassword(BaseModel):
    """A password that nobody has seen before."""

    password: str
