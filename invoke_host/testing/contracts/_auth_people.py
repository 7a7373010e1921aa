"""Accounts that the suite makes for itself, through the seam that the host uses."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from invoke_host.api import PasswordAccounts, Secret, fold_login
from invoke_host.testing.contracts._auth_base import Write

NOW = "2026-01-01 12:00:00.000"


def subject_of(number: int) -> str:
    """An id like those that the host makes."""
    return str(UUID(int=0xC0_0000 + number, version=4))


async def put(accounts: PasswordAccounts, write: Write, subject: str, login: str, password: str) -> None:
    """Make an account, or give it another password."""
    hashed = await accounts.hash(Secret(password))

    def unit(conn: Connection) -> None:
        accounts.put(conn, subject, fold_login(login), hashed, now=NOW)

    await write(unit)


async def make_people(accounts: PasswordAccounts, write: Write, count: int) -> list[tuple[str, str]]:
    """That many accounts; name and password of each."""
    people = [(f"person{number}@example.org", f"Kestrel-{number}-orchid") for number in range(count)]
    for number, (login, password) in enumerate(people):
        await put(accounts, write, subject_of(number), login, password)
    return people
