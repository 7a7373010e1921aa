"""Users through their service, on both databases: made, found, changed; each change with all that follows from it."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, insert, select, text

from invoke_host.api import SYSTEM_USER_ID, BadRequest, Conflict, InvalidInput, NotFound, Secret, StorageError
from invoke_host.audit.record import Origin
from invoke_host.clock import timestamp
from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.identity.sessions import store as sessions
from invoke_host.identity.sessions.store import NewSession
from invoke_host.identity.tokens import store as tokens
from invoke_host.identity.users import store
from invoke_host.identity.users.model import User
from invoke_host.identity.users.values import NewUser, UserChange
from invoke_host.owned import OWNED

from .people import GOOD, PROVIDER, ROOT, People

NOW = "2026-01-01 12:00:00.000"


def equip(people: People, user: User) -> None:
    """Give the user what an account gathers: two sessions, an API token, a group."""

    def unit(conn: Connection) -> None:
        for remember in (True, False):
            new = NewSession(user.id, PROVIDER, user.id, remember, "::1", "Browser", "2099-01-01 00:00:00.000")
            sessions.create(conn, new, NOW)
        tokens.create(conn, user.id, tokens.new_text(), name="ci", scopes=frozenset({"read"}), expires_at=None, now=NOW)
        row = {"id": f"g-{user.id[:8]}", "name": "g", "name_key": f"g-{user.id[:8]}", "description": ""}
        conn.execute(insert(groups).values(**row, created_at=NOW, updated_at=NOW))
        conn.execute(insert(group_members).values(group_id=row["id"], user_id=user.id, added_at=NOW))

    people.storage.run_write(unit)


def has(people: People, user: User) -> tuple[int, int]:
    """How many sessions and API tokens the user has."""
    return people.storage.run_read(
        lambda conn: (len(sessions.of_user(conn, user.id)), len(tokens.of_user(conn, user.id)))
    )


async def test_a_user_is_made_with_password_identity_and_a_line_in_the_audit_log(people: People) -> None:
    user = await people.service.create(NewUser(" Bob@Example.ORG ", "  Bob ", GOOD), ROOT)

    assert (user.email, user.display_name, user.is_admin, user.is_active) == ("bob@example.org", "Bob", False, True)
    assert await people.service.get(user.id) == user
    assert await people.service.find("bob@example.org") == user
    assert people.accounts.logins() == {user.id: ("bob@example.org", GOOD.reveal()[::-1])}
    (identity,) = await people.service.identities(user.id)
    assert (identity.provider, identity.subject, identity.login) == (PROVIDER, user.id, "bob@example.org")
    (line,) = people.log()
    assert (line["action"], line["actor_id"], line["address"]) == ("user.create", "admin", "198.51.100.7")
    assert (line["target_type"], line["target_id"], line["target_name"]) == ("user", user.id, "bob@example.org")
    assert line["details"] == {"is_admin": False}


@pytest.mark.parametrize("again", ["bob@example.org", "BOB@example.org", " bob@EXAMPLE.org"])
async def test_one_address_is_one_account_however_it_is_typed(people: People, again: str) -> None:
    """D25 of the reference."""
    await people.add("Bob")
    with pytest.raises(BadRequest, match=r"There is a user with the e-mail address 'bob@example\.org' already"):
        await people.service.create(NewUser(again, None, GOOD), ROOT)
    other = await people.add("Ann")
    with pytest.raises(BadRequest, match="already"):
        await people.service.change(other.id, UserChange(email=again), ROOT)
    assert len(people.accounts.logins()) == 2


async def test_all_that_is_wrong_is_told_at_once_and_nothing_is_hashed(people: People) -> None:
    await people.add("Bob")
    hashed = people.accounts.hashed
    with pytest.raises(InvalidInput) as refused:
        await people.service.create(NewUser("no address", "a\nb", Secret("weak")), ROOT)
    assert [problem.loc[1] for problem in refused.value.problems] == ["email", "display_name", "password"]
    with pytest.raises(BadRequest, match=r"already\. The password is too weak\.$"):
        await people.service.create(NewUser("bob@example.org", None, Secret("weak")), ROOT)
    bob = await people.service.find("bob@example.org")
    assert bob is not None
    change = UserChange(email="nonsense", display_name="x" * 256, password=Secret("bob@example.org"))
    with pytest.raises(InvalidInput) as refused:
        await people.service.change(bob.id, change, ROOT)
    assert [problem.loc[1] for problem in refused.value.problems] == ["email", "display_name", "password"]
    assert people.accounts.hashed == hashed
    assert len(people.log()) == 1


async def test_nothing_is_left_of_a_user_whose_password_could_not_be_stored(people: People) -> None:
    def stale(conn: Connection) -> None:
        conn.execute(text("INSERT INTO fake_passwords VALUES ('long gone', 'bob@example.org', '')"))

    people.storage.run_write(stale)
    with pytest.raises(BadRequest, match=r"'local' already has an account named 'bob@example\.org'"):
        await people.add("Bob")
    assert await people.service.find("bob@example.org") is None
    assert people.log() == []


async def test_a_new_password_ends_all_sessions_and_no_token(people: People) -> None:
    bob = await people.add("Bob")
    equip(people, bob)
    changed = await people.service.change(bob.id, UserChange(password=Secret("another one 9")), ROOT)
    assert changed.auth_epoch == bob.auth_epoch + 1
    assert has(people, bob) == (0, 1)
    assert await people.accounts.verify(bob.id, Secret("another one 9"))
    (line,) = people.log("user.password")
    assert line["details"] == {"sessions_ended": 2}
    assert people.log("user.change") == []
    assert "another one 9" not in str(people.log())


async def test_deactivation_ends_everything_and_reactivation_revives_nothing(people: People) -> None:
    """D20 of the reference."""
    await people.add("Root", is_admin=True)
    bob = await people.add("Bob")
    equip(people, bob)
    off = await people.service.change(bob.id, UserChange(is_active=False), ROOT)
    assert (off.is_active, off.auth_epoch) == (False, bob.auth_epoch + 1)
    assert has(people, bob) == (0, 0)
    on = await people.service.change(bob.id, UserChange(is_active=True), ROOT)
    assert (on.is_active, on.auth_epoch) == (True, bob.auth_epoch + 2)
    assert has(people, bob) == (0, 0)
    stop, start = people.log("user.change")
    assert stop["details"] == {
        "is_active": {"from": True, "to": False},
        "sessions_ended": 2,
        "revoked": 1,
        "stopped": {each.name: 0 for each in OWNED},
    }
    assert start["details"] == {"is_active": {"from": False, "to": True}}


async def test_a_change_is_noted_once_with_before_and_after(people: People) -> None:
    bob = await people.add("Bob")
    people.clock.advance(5)
    change = UserChange(email="Robert@example.org", display_name=None, is_admin=True, is_active=True)
    changed = await people.service.change(bob.id, change, ROOT)
    assert (changed.email, changed.display_name, changed.is_admin) == ("robert@example.org", None, True)
    assert changed.updated_at > bob.updated_at
    assert changed == await people.service.get(bob.id)
    assert people.accounts.logins()[bob.id][0] == "robert@example.org"
    assert (await people.service.identities(bob.id))[0].login == "robert@example.org"
    (line,) = people.log("user.change")
    assert line["details"] == {
        "email": {"from": "bob@example.org", "to": "robert@example.org"},
        "display_name": {"from": "Bob", "to": None},
        "is_admin": {"from": False, "to": True},
    }
    people.clock.advance(5)
    assert await people.service.change(bob.id, change, ROOT) == changed
    assert len(people.log("user.change")) == 1


async def test_what_else_has_to_happen_happens_in_the_same_transaction(people: People) -> None:
    bob = await people.add("Bob")

    def fail(conn: Connection, user: User) -> None:
        assert (user.display_name, store.by_id(conn, user.id)) == ("Robert", user)
        raise Conflict("no")

    with pytest.raises(Conflict):
        await people.service.change(bob.id, UserChange(display_name="Robert", password=GOOD), ROOT, also=fail)
    assert await people.service.get(bob.id) == bob
    assert people.log("user.password") == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (UserChange(password=GOOD), "have a password"),
        (UserChange(is_admin=True), "be made an administrator"),
        (UserChange(is_active=False), "be deactivated"),
        (UserChange(email="system@example.org"), "have another e-mail address"),
    ],
)
async def test_the_system_account_stays_what_it_is(people: People, change: UserChange, words: str) -> None:
    before = await people.service.get(SYSTEM_USER_ID)
    with pytest.raises(BadRequest, match=rf"^The system account can't {words}\.$"):
        await people.service.change(SYSTEM_USER_ID, change, ROOT)
    assert await people.service.get(SYSTEM_USER_ID) == before
    assert people.accounts.hashed == 0


async def test_the_system_account_may_be_renamed(people: People) -> None:
    renamed = await people.service.change(SYSTEM_USER_ID, UserChange(display_name="House", is_active=True), ROOT)
    assert renamed.display_name == "House"


async def test_unknown_users_are_not_found(people: People) -> None:
    with pytest.raises(NotFound):
        await people.service.get("nobody")
    with pytest.raises(NotFound):
        await people.service.change("nobody", UserChange(is_admin=True), ROOT)
    with pytest.raises(NotFound):
        await people.service.shares("nobody")


async def test_without_a_provider_that_keeps_passwords_none_is_made_or_set(people: People) -> None:
    await people.add("Root", is_admin=True)
    bob = await people.add("Bob")
    service = people.a_service(accounts=None, provider=None)
    for call in (
        service.create(NewUser("ann@example.org", None, GOOD), ROOT),
        service.setup(NewUser("ann@example.org", None, GOOD), ROOT),
        service.change(bob.id, UserChange(password=GOOD), ROOT),
        service.change(bob.id, UserChange(email="robert@example.org"), ROOT),
    ):
        with pytest.raises((Conflict, BadRequest)):
            await call
    assert (await service.change(bob.id, UserChange(is_active=False), ROOT)).is_active is False
    assert await service.setup_required() is False


async def test_setup_works_once_and_only_without_an_administrator(people: People) -> None:
    service = people.service
    await people.add("Bob")
    assert await service.setup_required()
    first = await service.setup(NewUser("root@example.org", "Root", GOOD), Origin(None, "", "api", "::1"))
    assert first.is_admin
    assert not await service.setup_required()
    hashed = people.accounts.hashed
    with pytest.raises(BadRequest, match=r"^Administrator account already configured$"):
        await service.setup(NewUser("two@example.org", None, GOOD), ROOT)
    assert people.accounts.hashed == hashed
    (line,) = people.log("setup")
    assert (line["actor_id"], line["target_id"]) == (None, first.id)


async def test_the_list_pages_through_all_users_newest_first(people: People) -> None:
    """D9 of the reference: no cap at a hundred, and the count is of all."""
    made = [(await people.add(f"User{number:03}")).id for number in range(130)]
    people.clock.jump(-50)  # ids and times need not agree
    made.insert(130 - 50 + 1, (await people.add("Late")).id)

    first = await people.service.page(limit=100)
    assert (len(first.users), first.total) == (100, 131)
    rest = await people.service.page(limit=100, after=first.next)
    assert (len(rest.users), rest.total, rest.next) == (31, 131, None)
    seen = [user.id for user in (*first.users, *rest.users)]
    assert sorted(seen) == sorted(made)
    times = [user.created_at for user in (*first.users, *rest.users)]
    assert times == sorted(times, reverse=True)
    assert SYSTEM_USER_ID not in seen
    assert (await people.service.page(limit=1000, with_system=True)).total == 132


async def test_users_of_the_same_moment_are_paged_without_loss(people: People) -> None:
    now = timestamp(people.clock.now())
    users = [User(f"u{n}", f"u{n}@example.org", None, False, True, now, now, None, 0) for n in range(7)]
    people.storage.run_write(lambda conn: [store.add(conn, user) for user in users])
    seen, after = [], None
    while True:
        page = await people.service.page(limit=2, after=after)
        seen += [user.id for user in page.users]
        after = page.next
        if after is None:
            break
    assert seen == [f"u{n}" for n in (6, 5, 4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("BOB", ["bob@example.org"]),
        ("example", ["x_y@example.org", "äpfel@example.org", "bob@example.org"]),
        ("ÄPF", ["äpfel@example.org"]),
        ("äpf", ["äpfel@example.org"]),
        ("Ärm", ["bob@example.org"]),
        ("ärm", ["bob@example.org"]),
        ("ÄRM", ["bob@example.org"]),
        ("x_y", ["x_y@example.org"]),
        ("%", []),
        ("_", ["x_y@example.org"]),
        ("100%", []),
        ("\\", []),
        ("system", []),
        ("", ["x_y@example.org", "äpfel@example.org", "bob@example.org"]),
    ],
)
async def test_the_search_takes_what_is_typed_literally_in_any_case(
    people: People, search: str, found: list[str]
) -> None:
    await people.service.create(NewUser("bob@example.org", "Bob Ärmel", GOOD), ROOT)
    people.clock.advance(1)
    await people.service.create(NewUser("äpfel@example.org", None, GOOD), ROOT)
    people.clock.advance(1)
    await people.service.create(NewUser("x_y@example.org", None, GOOD), ROOT)
    page = await people.service.page(search)
    assert [user.email for user in page.users] == found
    assert page.total == len(found)


async def test_a_login_is_noted_at_the_user_and_at_the_identity(people: People) -> None:
    bob = await people.add("Bob")
    now = "2026-02-02 00:00:00.000"
    people.storage.run_write(store.logged_in, bob.id, PROVIDER, bob.id, now)
    assert (await people.service.get(bob.id)).last_login_at == now
    assert (await people.service.identities(bob.id))[0].last_login_at == now


async def test_nothing_refers_to_a_user_who_is_not_there(people: People) -> None:
    """The rule that deletion relies on: the databases refuse orphans."""
    bob = await people.add("Bob")
    with pytest.raises(StorageError):
        people.storage.run_write(store.remove, bob.id)
    assert people.storage.run_read(lambda conn: conn.scalar(select(store.users.c.id).where(store.users.c.id == bob.id)))
