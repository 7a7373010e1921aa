"""Accounts that the host makes: rows in its own transactions, on each database, and judging at the same time."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise

import bcrypt
import pytest
from invoke_auth_local import guessing, store
from invoke_auth_local.store import by_login, by_subject, replace_hash
from invoke_auth_local.tables import passwords
from sqlalchemy import select

from invoke_host.api import Authenticated, BadRequest, Secret, ServiceUnavailable, StorageConflict

NOW, LATER = "2026-11-23 06:00:00.000", "2026-11-24 06:00:00.000"
HASH = bcrypt.hashpw(b"secret word", bcrypt.gensalt(4)).decode()
OTHER_HASH = bcrypt.hashpw(b"another word", bcrypt.gensalt(4)).decode()


def changed_at(conn, subject: str) -> str | None:
    return conn.scalar(select(passwords.c.changed_at).where(passwords.c.subject == subject))


async def test_an_account_is_made_changed_renamed_and_removed(each_passwords_storage, make_local) -> None:
    local = await make_local(each_passwords_storage)
    storage, accounts = local.storage, local.provider.accounts
    await local.store("alice", "Alice@Example.ORG ", HASH)
    assert await storage.read(by_login, "alice@example.org") == store.Account("alice", "alice@example.org", HASH)
    await local.store("alice", "alice@example.org", OTHER_HASH, now=LATER)
    assert (await local.account("alice")).password_hash == OTHER_HASH
    await storage.write(lambda conn: accounts.rename(conn, "alice", "Liddell@example.org", now="2027"))
    assert await storage.read(by_login, "alice@example.org") is None
    assert (await storage.read(by_login, "liddell@example.org")).subject == "alice"
    assert await storage.read(changed_at, "alice") == LATER
    await storage.write(accounts.remove, "alice")
    await storage.write(accounts.remove, "alice")
    assert await storage.read(by_subject, "alice") is None


async def test_two_accounts_can_not_log_in_with_one_name(each_passwords_storage, make_local) -> None:
    local = await make_local(each_passwords_storage)
    await local.store("alice", "alice@example.org", HASH)
    with pytest.raises(StorageConflict):
        await local.store("bob", "ALICE@example.org", OTHER_HASH)
    await local.store("bob", "bob@example.org", OTHER_HASH)
    with pytest.raises(StorageConflict):
        await local.storage.write(
            lambda conn: local.provider.accounts.rename(conn, "bob", "alice@example.org", now=NOW)
        )
    assert (await local.account("bob")).login == "bob@example.org"


async def test_a_row_is_part_of_the_hosts_transaction(each_passwords_storage, make_local) -> None:
    local = await make_local(each_passwords_storage)

    def unit(conn) -> None:
        local.provider.accounts.put(conn, "alice", "alice@example.org", Secret(HASH), now=NOW)
        raise LookupError("something else went wrong")

    with pytest.raises(LookupError):
        await local.storage.write(unit)
    assert await local.storage.read(by_subject, "alice") is None


async def test_a_hash_is_replaced_only_while_it_is_the_one_that_was_checked(each_passwords_storage, make_local) -> None:
    local = await make_local(each_passwords_storage)
    await local.store("alice", "alice@example.org", HASH)
    assert not await local.storage.write(replace_hash, "alice", OTHER_HASH, "new")
    assert (await local.account("alice")).password_hash == HASH
    assert await local.storage.write(replace_hash, "alice", HASH, OTHER_HASH)
    assert (await local.account("alice")).password_hash == OTHER_HASH
    assert await local.storage.read(changed_at, "alice") == NOW
    assert not await local.storage.write(replace_hash, "nobody", HASH, OTHER_HASH)


@pytest.mark.parametrize("text", ["", "secret word", "{SSHA}abcdef", "$2b$31$" + "." * 53, "hmac-sha384+bcrypt:"])
async def test_only_hashes_that_can_be_checked_are_stored(local, text: str) -> None:
    with pytest.raises(ValueError, match="no password hash") as refused:
        await local.store("bob", "bob@example.org", text)
    assert "secret word" not in str(refused.value)
    assert await local.storage.read(by_subject, "bob") is None


async def test_an_imported_bcrypt_hash_logs_in(local) -> None:
    await local.store("bob", "bob@example.org", HASH)
    assert isinstance(await local.login("bob@example.org", "secret word"), Authenticated)


@pytest.mark.parametrize("password", ["", " \u00a0", "a\0b", "x" * 1025, "\ud800abcdefgh"])
async def test_what_can_be_no_password_is_neither_hashed_nor_checked(
    local, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local.provider.accounts, "_hashes", None)
    with pytest.raises(BadRequest, match="The password must"):
        await local.provider.accounts.hash(Secret(password))
    assert not await local.provider.accounts.verify("alice", Secret(password))


async def test_people_who_choose_at_the_same_time_are_judged_by_their_own_names(
    local, monkeypatch: pytest.MonkeyPatch
) -> None:
    """zxcvbn keeps the person's words in a variable of its module: two at once would share them."""
    busy, together = threading.Lock(), []
    estimate = guessing._estimate

    def alone(*args):
        if not busy.acquire(blocking=False):
            together.append(args)
            return estimate(*args)
        try:
            return estimate(*args)
        finally:
            busy.release()

    monkeypatch.setattr(guessing, "_estimate", alone)
    names = [f"Quentin{number}Marchbanks" for number in range(12)]
    accounts = local.provider.accounts
    own = asyncio.gather(*(accounts.judge(Secret(name), about=(name,)) for name in names))
    strangers = asyncio.gather(*(accounts.judge(Secret(name), about=(other,)) for name, other in pairwise(names)))
    assert all("address or the name" in " ".join(each.problems) for each in await own)
    assert [each.problems for each in await strangers] == [()] * 11
    assert together == []


async def test_a_closed_provider_neither_hashes_nor_judges(local) -> None:
    await local.provider.close()
    for call in (
        local.provider.accounts.hash(Secret("correct horse")),
        local.provider.accounts.judge(Secret("correct horse")),
        local.provider.accounts.verify("alice", Secret("correct horse")),
    ):
        with pytest.raises(ServiceUnavailable):
            await call
