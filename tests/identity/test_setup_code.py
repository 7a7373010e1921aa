"""The one-time code of the first administrator, and passwords that the host makes up."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from sqlalchemy import Connection

from invoke_host.api import PasswordAccounts, PasswordJudgement, Secret
from invoke_host.identity.login.generate import accepted_password, generate_password
from invoke_host.identity.login.setup_code import SetupCode


def test_a_code_is_easy_to_type_and_never_the_same() -> None:
    codes = {SetupCode().text for _ in range(200)}
    assert len(codes) == 200
    assert all(re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", str(code)) for code in codes)
    assert not any(letter in str(code) for code in codes for letter in "il1o0")


def test_a_code_passes_as_people_type_it_and_nothing_else_does() -> None:
    code = SetupCode()
    text = str(code.text)
    for typed in (text, f"  {text.upper()} \n", text.replace("-", ""), text.replace("-", " ")):
        assert code.check(typed), typed
    for typed in ("", "-", text[:-1], text + "a", text[::-1], "\ud800", "ключ", str(SetupCode().text)):
        assert not code.check(typed), ascii(typed)


def test_a_spent_code_is_worth_nothing() -> None:
    code = SetupCode()
    text = str(code.text)
    code.spend()
    assert code.text is None
    assert not code.check(text)
    assert not code.check("")


def test_a_generated_password_has_16_characters_of_all_needed_kinds() -> None:
    passwords = {generate_password() for _ in range(500)}
    assert len(passwords) == 500
    for password in passwords:
        assert re.fullmatch(rf"[a-zA-Z0-9{re.escape(string.punctuation)}]{{16}}", password)
        assert re.search("[A-Z]", password)
        assert re.search("[a-z]", password)
        assert re.search("[0-9]", password)
    assert {letter for password in passwords for letter in password} == set(
        string.ascii_letters + string.digits + string.punctuation
    )


class Fussy(PasswordAccounts):
    """Takes passwords that end in a digit."""

    @property
    def strict(self) -> bool:
        return False

    async def judge(self, password: Secret, *, about: Sequence[str] = ()) -> PasswordJudgement:
        return PasswordJudgement(() if password.reveal()[-1].isdigit() else ("Ends in no digit.",), "strong")

    async def hash(self, password: Secret) -> Secret:
        raise NotImplementedError

    async def verify(self, subject: str, password: Secret) -> bool:
        raise NotImplementedError

    def put(self, conn: Connection, subject: str, login: str, hashed: Secret, *, now: str) -> None:
        raise NotImplementedError

    def rename(self, conn: Connection, subject: str, login: str, *, now: str) -> None:
        raise NotImplementedError

    def remove(self, conn: Connection, subject: str) -> None:
        raise NotImplementedError


async def test_a_generated_password_is_one_that_the_provider_takes() -> None:
    assert all([(await accepted_password(Fussy()))[-1].isdigit() for _ in range(20)])
    assert len(await accepted_password(None)) == 16
