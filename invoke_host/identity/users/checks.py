"""What is wrong with the values of an account, all of it at once, before anything is hashed or written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from invoke_host.api import BadRequest, FieldProblem, InvalidInput, PasswordAccounts, Secret
from invoke_host.identity.emails import valid_email
from invoke_host.identity.users.model import User
from invoke_host.identity.users.values import UNSET, NewUser, UserChange, display_name_of, taken

#: Finds a user by a folded address.
Find = Callable[[str], Awaitable[User | None]]


async def checked_new(new: NewUser, accounts: PasswordAccounts, find: Find) -> NewUser:
    """The account in the spelling that is stored.

    Raises:
        InvalidInput: the address or the display name is none; everything else that is wrong is told along.
        BadRequest: the address is taken, the password too weak, or both.
    """
    problems: list[FieldProblem] = []
    email = _field(problems, "email", valid_email, new.email)
    name = _field(problems, "display_name", display_name_of, new.display_name)
    weak = await _weak(accounts, new.password, (new.email, new.display_name))
    used = email is not None and await find(email) is not None
    _refuse(problems, weak, taken(email).detail if email is not None and used else None)
    return replace(new, email=email or "", display_name=name)


async def checked_change(change: UserChange, accounts: PasswordAccounts | None, user: User, find: Find) -> UserChange:
    """The change in the spelling that is stored; raises as `checked_new`. `user` is whom it is about."""
    problems: list[FieldProblem] = []
    email, name = change.email, change.display_name
    if email is not UNSET:
        email = user.email if email == user.email else _field(problems, "email", valid_email, email) or UNSET
    if name is not UNSET:
        name = _field(problems, "display_name", display_name_of, name)
    weak: tuple[str, ...] = ()
    if change.password is not None and accounts is not None:
        about = (user.email if email is UNSET else email, user.display_name if name is UNSET else name)
        weak = await _weak(accounts, change.password, about)
    used = email is not UNSET and email != user.email and await find(email) is not None
    _refuse(problems, weak, taken(email).detail if email is not UNSET and used else None)
    return replace(change, email=email, display_name=name)


async def problems_of(values: Mapping[str, Any], accounts: PasswordAccounts | None) -> Sequence[FieldProblem]:
    """What else is wrong with the values of a request that is refused for other fields already."""
    problems: list[FieldProblem] = []
    email, name, password = (values.get(each) for each in ("email", "display_name", "password"))
    if isinstance(email, str):
        _field(problems, "email", valid_email, email)
    if isinstance(name, str):
        _field(problems, "display_name", display_name_of, name)
    if isinstance(password, str) and accounts is not None:
        about = [each for each in (email, name) if isinstance(each, str)]
        problems += _password_problems(await _weak(accounts, Secret(password), about))
    return problems


async def _weak(accounts: PasswordAccounts, password: Secret, about: Sequence[str | None]) -> tuple[str, ...]:
    judgement = await accounts.judge(password, about=[each for each in about if each])
    if not judgement.problems:
        return ()
    return (*judgement.problems[:-1], f"{judgement.problems[-1]} {judgement.hint}".rstrip())


def _field(
    problems: list[FieldProblem], name: str, check: Callable[[Any], str | None], value: str | None
) -> str | None:
    try:
        return check(value)
    except ValueError as error:
        problems.append(FieldProblem(("body", name), str(error)))
        return None


def _refuse(problems: list[FieldProblem], weak: Sequence[str], used: str | None) -> None:
    if problems:
        if used is not None:
            problems.append(FieldProblem(("body", "email"), used, "taken"))
        raise InvalidInput([*problems, *_password_problems(weak)])
    sentences = [*(() if used is None else (used,)), *weak]
    if sentences:
        raise BadRequest(" ".join(sentences))


def _password_problems(weak: Sequence[str]) -> list[FieldProblem]:
    return [FieldProblem(("body", "password"), sentence, "weak_password") for sentence in weak]
