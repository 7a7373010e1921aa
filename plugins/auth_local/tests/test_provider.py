"""Logging in: who gets in, what a flood of logins may cost, and hashes that are renewed meanwhile."""

from __future__ import annotations

import asyncio
import threading

import bcrypt
import pytest
from invoke_auth_local import hashing
from invoke_auth_local.store import by_subject

from invoke_host.api import (
    Authenticated,
    Identity,
    Rejected,
    Secret,
    StorageReadOnly,
    StorageUnavailable,
    Unavailable,
)

ALICE = "alice@example.org"
PASSWORD = "correct horse battery staple"
BAD = Rejected("bad_credentials")


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The stored hash of each check that was done; None for nobody's."""
    done: list[str | None] = []
    check = hashing.matches

    def matches(password: str, stored: str | None, cost: int) -> bool:
        done.append(stored)
        return check(password, stored, cost)

    monkeypatch.setattr(hashing, "matches", matches)
    return done


async def test_the_right_password_authenticates_under_the_hosts_own_id(local) -> None:
    expected = Authenticated(Identity("local", "alice", login=ALICE, email=ALICE))
    assert await local.login(ALICE, PASSWORD) == expected
    assert await local.login("  ALICE@Example.org\n", PASSWORD) == expected


async def test_a_wrong_password_is_rejected_and_an_unknown_name_is_not_ours(local, checks) -> None:
    assert await local.login(ALICE, "correct horse battery stable") == BAD
    assert await local.login("bob@example.org", PASSWORD) is None
    assert [stored is None for stored in checks] == [False, True]


@pytest.mark.parametrize(
    "name", ["", "\0", f"{ALICE}\0", "\ud800", f"{ALICE}\ud800", "x" * 1_000_000, "' OR 1=1 --", "%"]
)
async def test_a_name_that_no_database_would_take_is_unknown_and_costs_the_same(local, checks, name: str) -> None:
    assert await local.login(name, PASSWORD) is None
    assert checks == [None]


@pytest.mark.parametrize("password", ["", " ", "\u00a0\u200b\u00ad", "\0", PASSWORD + "\0", "x" * 1025, "\ud800"])
async def test_what_can_be_no_password_is_refused_without_any_work(local, checks, password: str) -> None:
    for name in (ALICE, "bob@example.org"):
        assert await local.login(name, password) == BAD
    assert checks == []


async def test_a_flood_is_answered_busy_and_no_more_than_the_queue_is_done(
    passwords_storage, make_local, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = await make_local(passwords_storage, hash_threads=1, hash_queue=3)
    gate, done = threading.Event(), []

    def matches(password: str, stored: str | None, cost: int) -> bool:
        assert gate.wait(30)
        done.append(password)
        return False

    monkeypatch.setattr(hashing, "matches", matches)
    logins = [asyncio.create_task(local.login(ALICE, f"guess {number}")) for number in range(20)]
    busy = []
    for answer in asyncio.as_completed(logins):
        busy.append(await answer)
        if len(busy) == 16:
            break
    assert busy == [Unavailable("busy", retry_after_s=5)] * 16
    gate.set()
    assert [answer for answer in await asyncio.gather(*logins) if answer is None] == [None] * 4
    assert len(done) == 4


async def test_a_login_that_waits_too_long_is_busy_and_costs_no_hash(
    passwords_storage, make_local, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = await make_local(passwords_storage, hash_threads=1)
    gate, begun, done = threading.Event(), asyncio.Event(), []
    loop = asyncio.get_running_loop()

    def matches(password: str, stored: str | None, cost: int) -> bool:
        loop.call_soon_threadsafe(begun.set)
        assert gate.wait(30)
        done.append(password)
        return False

    monkeypatch.setattr(hashing, "matches", matches)
    first = asyncio.create_task(local.login(ALICE, "first"))
    await begun.wait()
    assert await local.login(ALICE, "late", deadline_s=0.05) == Unavailable("busy", retry_after_s=5)
    assert await local.login(ALICE, "too late", deadline_s=0) == Unavailable("busy", retry_after_s=5)
    gone = asyncio.create_task(local.login(ALICE, "gone"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    gate.set()
    assert await first is None
    assert await local.login(ALICE, "last") is None
    assert done == ["first", "last"]


async def test_the_event_loop_goes_on_while_passwords_are_hashed_and_judged(
    passwords_storage, make_local, loop_watchdog
) -> None:
    local = await make_local(passwords_storage, bcrypt_cost=12)
    accounts = local.provider.accounts
    await local.add("alice", ALICE, PASSWORD)
    answers = await asyncio.gather(
        local.login(ALICE, PASSWORD),
        local.login(ALICE, "wrong" * 10),
        local.login("bob@example.org", "x" * 1024),
        accounts.verify("alice", Secret(PASSWORD)),
        accounts.judge(Secret(PASSWORD), about=(ALICE,)),
        accounts.judge(Secret("x" * 1_000_000), about=(ALICE,)),
    )
    assert isinstance(answers[0], Authenticated)
    assert answers[1:4] == [BAD, None, True]


@pytest.mark.parametrize(
    "stored",
    [
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
        hashing.make(PASSWORD, 5),
        hashing.make(PASSWORD, 6),
    ],
    ids=["another system's", "cheaper", "dearer"],
)
async def test_an_outdated_hash_is_replaced_at_the_next_login(passwords_storage, make_local, stored: str) -> None:
    cost = 5 if stored.startswith("hmac-sha384+bcrypt:$2b$06") else 6
    local = await make_local(passwords_storage, bcrypt_cost=cost)
    await local.store("alice", ALICE, stored)
    assert await local.login(ALICE, "wrong") == BAD
    await local.renewed()
    assert (await local.account("alice")).password_hash == stored
    assert isinstance(await local.login(ALICE, PASSWORD), Authenticated)
    await local.renewed()
    renewed = (await local.account("alice")).password_hash
    assert not hashing.outdated(renewed, cost)
    assert isinstance(await local.login(ALICE, PASSWORD), Authenticated)
    await local.renewed()
    assert (await local.account("alice")).password_hash == renewed, "it was in date and was replaced again"


async def test_the_whole_password_counts_once_an_imported_hash_is_replaced(local) -> None:
    start = "0123456789abcdef" * 4 + "01234567"
    await local.store("bob", "bob@example.org", bcrypt.hashpw(start.encode(), bcrypt.gensalt(4)).decode())
    assert isinstance(await local.login("bob@example.org", start + "A"), Authenticated)
    await local.renewed()
    assert isinstance(await local.login("bob@example.org", start + "A"), Authenticated)
    assert await local.login("bob@example.org", start + "B") == BAD


async def test_a_password_that_is_changed_while_its_old_hash_is_renewed_stays_changed(local) -> None:
    await local.store("alice", ALICE, hashing.make(PASSWORD, 5))
    held, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        held.set()
        await go_on.wait()

    local.host.before_write = hold
    assert isinstance(await local.login(ALICE, PASSWORD), Authenticated)
    await held.wait()
    changed = hashing.make("another good password", 4)
    await local.store("alice", ALICE, changed)
    go_on.set()
    await local.renewed()
    assert (await local.account("alice")).password_hash == changed


async def test_logins_at_once_renew_a_hash_once(local) -> None:
    await local.store("alice", ALICE, hashing.make(PASSWORD, 5))
    writes, answered = [], asyncio.Event()

    async def count() -> None:
        writes.append(1)
        await answered.wait()  # or the first login's could be done before the last one is

    local.host.before_write = count
    answers = await asyncio.gather(*(local.login(ALICE, PASSWORD) for _ in range(5)))
    answered.set()
    await local.renewed()
    assert all(isinstance(answer, Authenticated) for answer in answers)
    assert len(writes) == 1


async def test_a_hash_that_can_not_be_renewed_is_no_failure_of_the_login(local) -> None:
    stored = hashing.make(PASSWORD, 5)
    await local.store("alice", ALICE, stored)

    async def full() -> None:
        raise StorageReadOnly("the disk is full")

    local.host.before_write = full
    assert isinstance(await local.login(ALICE, PASSWORD), Authenticated)
    await local.renewed()
    assert (await local.account("alice")).password_hash == stored
    assert isinstance(await local.login(ALICE, PASSWORD), Authenticated)
    (line, *_) = local.host.logged
    assert line == {
        "event": "password hash not renewed",
        "subject": "alice",
        "error": "StorageReadOnly",
        "log_level": "warning",
    }


async def test_closing_leaves_no_task_and_no_thread_behind(local) -> None:
    await local.store("alice", ALICE, hashing.make(PASSWORD, 5))
    held = asyncio.Event()

    async def hold() -> None:
        held.set()
        await asyncio.Event().wait()

    local.host.before_write = hold
    assert isinstance(await local.login(ALICE, PASSWORD), Authenticated)
    await held.wait()
    await local.provider.accounts.judge(Secret(PASSWORD))
    await local.provider.close()
    await local.provider.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("local-")] == []
    assert await local.login(ALICE, PASSWORD) == Unavailable("busy", retry_after_s=5)


async def test_an_identity_is_good_while_its_account_is_there(local) -> None:
    identity = Identity("local", "alice")
    assert isinstance(await local.provider.refresh(identity), Authenticated)
    assert await local.provider.refresh(Identity("ldap", "alice")) == Rejected("foreign")
    await local.storage.write(local.provider.accounts.remove, "alice")
    assert await local.storage.read(by_subject, "alice") is None
    assert await local.provider.refresh(identity) == Rejected("gone")


async def test_a_database_that_can_not_be_read_makes_logins_unavailable(local) -> None:
    async def locked() -> None:
        raise StorageUnavailable("locked")

    local.host.before_read = locked
    assert await local.login(ALICE, PASSWORD) == Unavailable("storage", retry_after_s=5)
    assert await local.provider.refresh(Identity("local", "alice")) == Unavailable("storage", retry_after_s=5)
