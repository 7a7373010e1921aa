"""SQL on the table of passwords: units of work, and steps in those of the host."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from invoke_auth_local.tables import passwords


@dataclass(frozen=True, slots=True)
class Account:
    """One row; `password_hash` as `hashing` reads it."""

    subject: str
    login: str
    password_hash: str


def by_login(conn: Connection, login: str) -> Account | None:
    """The account that logs in with that name (folded)."""
    return _one(conn, passwords.c.login == login)


def by_subject(conn: Connection, subject: str) -> Account | None:
    """The account with that id."""
    return _one(conn, passwords.c.subject == subject)


def put(conn: Connection, account: Account, *, now: str) -> None:
    """Make the account, or replace what is there. A login that another account has is a conflict."""
    values = {"login": account.login, "password_hash": account.password_hash, "changed_at": now}
    changed = conn.execute(update(passwords).where(passwords.c.subject == account.subject).values(values))
    if changed.rowcount == 0:
        conn.execute(insert(passwords).values(subject=account.subject, **values))


def rename(conn: Connection, subject: str, login: str) -> None:
    """Another name to log in with."""
    conn.execute(update(passwords).where(passwords.c.subject == subject).values(login=login))


def remove(conn: Connection, subject: str) -> None:
    """Forget the account."""
    conn.execute(delete(passwords).where(passwords.c.subject == subject))


def replace_hash(conn: Connection, subject: str, old: str, new: str) -> bool:
    """Store another hash of the same password; False, and no change, if the hash is no longer `old`."""
    same = (passwords.c.subject == subject) & (passwords.c.password_hash == old)
    return conn.execute(update(passwords).where(same).values(password_hash=new)).rowcount == 1


def _one(conn: Connection, where: ColumnElement[bool]) -> Account | None:
    row = conn.execute(
        select(passwords.c.subject, passwords.c.login, passwords.c.password_hash).where(where)
    ).one_or_none()
    return None if row is None else Account(row.subject, row.login, row.password_hash)
