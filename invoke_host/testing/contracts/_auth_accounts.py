"""Auth-provider contract, part 5: passwords of accounts that the host makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from sqlalchemy import Connection

from invoke_host.api import Authenticated, AuthProvider, PasswordAccounts, Rejected, Secret, fold_login
from invoke_host.testing.contracts._auth_base import AuthSuite, Write
from invoke_host.testing.contracts._auth_hostile import BLANK, HOSTILE, shown
from invoke_host.testing.contracts._auth_people import NOW, put, subject_of
from invoke_host.testing.loop import watched_loop

SUBJECT, OTHER = subject_of(1001), subject_of(1002)
LOGIN = "robin@example.org"
PASSWORD = "Heron-29-lattice-Quince"  # noqa: S105 - nobody's
NEXT_PASSWORD = "Plover-83-umber-Thicket"  # noqa: S105 - nobody's


class UndoError(Exception):
    """Raised inside a unit of work, so that its transaction is rolled back."""


class Seam(NamedTuple):
    """A provider with accounts, and the host's way to write."""

    provider: AuthProvider
    accounts: PasswordAccounts
    write: Write

    async def put(self, subject: str, login: str, password: str) -> None:
        """Make an account or give it another password."""
        await put(self.accounts, self.write, subject, login, password)

    async def do(self, unit: Callable[[Connection], None]) -> None:
        """Commit what the unit does."""
        await self.write(unit)

    async def undo(self, unit: Callable[[Connection], None]) -> None:
        """Do it in a transaction that something else then makes fail."""

        def fails(conn: Connection) -> None:
            unit(conn)
            raise UndoError

        with pytest.raises(UndoError):
            await self.write(fails)


class AuthAccounts(AuthSuite):
    """What the host relies on when it makes, renames and removes accounts. Skipped for providers without `accounts`."""

    @pytest.fixture
    def seam(self, provider: AuthProvider, write: Write | None) -> Seam:
        """The provider with its accounts."""
        if provider.accounts is None:
            pytest.skip(f"the provider {provider.name!r} does not declare the capability 'accounts'")
        assert write is not None, "the provider has `accounts`: override the fixture `write`"
        return Seam(provider, provider.accounts, write)

    async def test_an_account_logs_in_with_its_password_and_no_other(self, seam: Seam) -> None:
        """Under the subject that the host gave it."""
        await seam.put(SUBJECT, LOGIN, PASSWORD)
        identity = await self.authenticated(seam.provider, (LOGIN, PASSWORD))
        assert (identity.provider, identity.subject) == (seam.provider.name, SUBJECT)
        assert isinstance(await self.log_in(seam.provider, (LOGIN, NEXT_PASSWORD)), Rejected)
        assert await seam.accounts.verify(SUBJECT, Secret(PASSWORD))
        assert not await seam.accounts.verify(SUBJECT, Secret(NEXT_PASSWORD))

    async def test_an_account_logs_in_however_its_name_is_typed(self, seam: Seam) -> None:
        """The host stores the folded name; people type what they like."""
        await seam.put(SUBJECT, "Zoë.Straße@Example.ORG", PASSWORD)
        for name in ("zoë.straße@example.org", "ZOË.STRASSE@EXAMPLE.ORG", " Zoe\u0308.Straße@example.org "):
            identity = await self.authenticated(seam.provider, (name, PASSWORD))
            assert identity.subject == SUBJECT
            assert identity.login == fold_login(name)

    async def test_an_account_that_is_not_committed_does_not_exist(self, seam: Seam) -> None:
        """The user's row is gone with the transaction; a password that stays would be a ghost's."""
        hashed = await seam.accounts.hash(Secret(PASSWORD))
        await seam.undo(lambda conn: seam.accounts.put(conn, SUBJECT, LOGIN, hashed, now=NOW))
        assert await self.log_in(seam.provider, (LOGIN, PASSWORD)) is None
        assert not await seam.accounts.verify(SUBJECT, Secret(PASSWORD))

    async def test_another_password_replaces_the_first(self, seam: Seam) -> None:
        """At once, and not if the transaction fails."""
        await seam.put(SUBJECT, LOGIN, PASSWORD)
        hashed = await seam.accounts.hash(Secret(NEXT_PASSWORD))
        await seam.undo(lambda conn: seam.accounts.put(conn, SUBJECT, LOGIN, hashed, now=NOW))
        assert await seam.accounts.verify(SUBJECT, Secret(PASSWORD))
        await seam.put(SUBJECT, LOGIN, NEXT_PASSWORD)
        assert isinstance(await self.log_in(seam.provider, (LOGIN, PASSWORD)), Rejected)
        assert not await seam.accounts.verify(SUBJECT, Secret(PASSWORD))
        assert (await self.authenticated(seam.provider, (LOGIN, NEXT_PASSWORD))).subject == SUBJECT

    async def test_a_renamed_account_logs_in_under_its_new_name_only(self, seam: Seam) -> None:
        """With the same subject, and not if the transaction fails."""
        await seam.put(SUBJECT, LOGIN, PASSWORD)
        new = "robin.hood@example.org"
        await seam.undo(lambda conn: seam.accounts.rename(conn, SUBJECT, new, now=NOW))
        assert await self.log_in(seam.provider, (new, PASSWORD)) is None
        await seam.do(lambda conn: seam.accounts.rename(conn, SUBJECT, new, now=NOW))
        assert (await self.authenticated(seam.provider, (new, PASSWORD))).subject == SUBJECT
        assert await self.log_in(seam.provider, (LOGIN, PASSWORD)) is None

    async def test_renaming_nobody_changes_nothing(self, seam: Seam) -> None:
        """Accounts of other providers are renamed too."""
        await seam.put(SUBJECT, LOGIN, PASSWORD)
        await seam.do(lambda conn: seam.accounts.rename(conn, OTHER, "other@example.org", now=NOW))
        assert await self.log_in(seam.provider, ("other@example.org", PASSWORD)) is None
        assert (await self.authenticated(seam.provider, (LOGIN, PASSWORD))).subject == SUBJECT

    async def test_two_accounts_can_not_have_one_name(self, seam: Seam) -> None:
        """Also not by renaming. The host asks before; two of them at once are the database's to tell apart."""
        await seam.put(SUBJECT, LOGIN, PASSWORD)
        with pytest.raises(Exception):  # noqa: B017, PT011 - any error rolls back; its kind is the database driver's
            await seam.put(OTHER, LOGIN, NEXT_PASSWORD)
        await seam.put(OTHER, "other@example.org", NEXT_PASSWORD)
        with pytest.raises(Exception):  # noqa: B017, PT011 - as above
            await seam.do(lambda conn: seam.accounts.rename(conn, OTHER, LOGIN, now=NOW))
        assert (await self.authenticated(seam.provider, (LOGIN, PASSWORD))).subject == SUBJECT

    async def test_a_removed_account_is_unknown(self, seam: Seam) -> None:
        """To logins, checks of the own password and refresh; not if the transaction fails."""
        await seam.put(SUBJECT, LOGIN, PASSWORD)
        identity = await self.authenticated(seam.provider, (LOGIN, PASSWORD))
        await seam.undo(lambda conn: seam.accounts.remove(conn, SUBJECT))
        assert isinstance(await self.refreshed(seam.provider, identity), Authenticated)
        await seam.do(lambda conn: seam.accounts.remove(conn, SUBJECT))
        assert await self.log_in(seam.provider, (LOGIN, PASSWORD)) is None
        assert not await seam.accounts.verify(SUBJECT, Secret(PASSWORD))
        assert isinstance(await self.refreshed(seam.provider, identity), Rejected)

    async def test_removing_nobody_is_harmless(self, seam: Seam) -> None:
        """Users who log in elsewhere have no password here."""
        await seam.put(SUBJECT, LOGIN, PASSWORD)
        await seam.do(lambda conn: seam.accounts.remove(conn, OTHER))
        assert await seam.accounts.verify(SUBJECT, Secret(PASSWORD))

    async def test_nobodys_password_is_ever_right(self, seam: Seam) -> None:
        """And no text that is tried makes it raise."""
        await seam.put(SUBJECT, LOGIN, PASSWORD)
        for text in (PASSWORD, *BLANK, *HOSTILE):
            assert not await seam.accounts.verify(OTHER, Secret(text)), f"{shown(text)} is right for nobody"
        for text in BLANK + HOSTILE:
            assert not await seam.accounts.verify(SUBJECT, Secret(text)), f"{shown(text)} is taken for the password"

    async def test_a_long_password_counts_to_its_end(self, seam: Seam) -> None:
        """bcrypt looks at 72 bytes and no further, and at nothing behind a NUL."""
        start = "0123456789abcdef" * 4 + "01234567"
        await seam.put(SUBJECT, LOGIN, start + "A")
        assert await seam.accounts.verify(SUBJECT, Secret(start + "A"))
        for other in (start, start + "B", start + "AB"):
            assert not await seam.accounts.verify(SUBJECT, Secret(other)), f"{len(other)} characters are as good"

    async def test_a_stored_password_does_not_show_what_it_is(self, seam: Seam) -> None:
        """And two people with one password do not show that they have."""
        first, second = [await seam.accounts.hash(Secret(PASSWORD)) for _ in range(2)]
        assert PASSWORD not in first.reveal()
        assert first != second, "the hash has no salt"
        assert first.reveal() not in f"{first!r} {first} {seam.accounts!r}"

    async def test_any_text_is_judged_and_none_is_quoted(self, seam: Seam) -> None:
        """The judgement is shown on a page and stands in answers; blank texts are refused."""
        for text in (PASSWORD, *HOSTILE):
            judgement = await seam.accounts.judge(Secret(text), about=(LOGIN, text, ""))
            said = " ".join((*judgement.problems, judgement.hint))
            assert len(text) < 6 or text not in said, f"{shown(text)} is quoted"
        for text in BLANK:
            assert (await seam.accounts.judge(Secret(text))).problems, f"{shown(text)} is good enough"

    async def test_a_good_password_is_good_enough(self, seam: Seam) -> None:
        """Long, mixed, in no list; whoever may choose it need not be told anything."""
        judgement = await seam.accounts.judge(Secret(PASSWORD), about=("kim@example.org", "Kim"))
        assert judgement.problems == ()
        assert judgement.strength == "strong"
        assert isinstance(seam.accounts.strict, bool)

    async def test_accounts_never_block_the_event_loop(self, full_cost_provider: AuthProvider, seam: Seam) -> None:
        """Hashing is meant to take long, and judging a huge text must not."""
        accounts = full_cost_provider.accounts
        assert accounts is not None
        await seam.put(SUBJECT, LOGIN, PASSWORD)
        async with watched_loop():
            await accounts.hash(Secret(PASSWORD))
            await accounts.verify(SUBJECT, Secret(PASSWORD))
            await accounts.verify(OTHER, Secret(PASSWORD))
            for text in HOSTILE:
                await accounts.judge(Secret(text), about=(LOGIN,))
