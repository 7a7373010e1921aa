"""Broken login providers, by the test that must find each: accounts that the host makes."""

from __future__ import annotations

import time
from dataclasses import replace

from sqlalchemy import text

from invoke_host.api import PasswordJudgement, Secret
from tests.contracts.honest_provider import HonestAccounts, HonestProvider


def with_accounts(accounts: type[HonestAccounts]) -> type[HonestProvider]:
    """A provider that is sound but for its accounts; named as they are."""
    return type(accounts.__name__, (HonestProvider,), {"accounts": property(accounts)})


@with_accounts
class MakesItsOwnSubjects(HonestAccounts):
    def put(self, conn, subject, login, hashed, *, now):
        super().put(conn, f"s:{login}", login, hashed, now=now)


class FoldsLess(HonestProvider):
    def key(self, name):
        return name.strip().lower()


@with_accounts
class Commits(HonestAccounts):
    def put(self, conn, subject, login, hashed, *, now):
        super().put(conn, subject, login, hashed, now=now)
        conn.connection.commit()


@with_accounts
class KeepsTheFirstPassword(HonestAccounts):
    def put(self, conn, subject, login, hashed, *, now):
        if not conn.scalar(text("SELECT count(*) FROM people WHERE subject = :s"), {"s": subject}):
            super().put(conn, subject, login, hashed, now=now)


@with_accounts
class RenamesNobody(HonestAccounts):
    def rename(self, conn, subject, login, *, now):
        pass


@with_accounts
class CommitsNames(HonestAccounts):
    def rename(self, conn, subject, login, *, now):
        super().rename(conn, subject, login, now=now)
        conn.connection.commit()


@with_accounts
class MakesWhomItRenames(HonestAccounts):
    def rename(self, conn, subject, login, *, now):
        super().remove(conn, subject)
        row = conn.execute(text("SELECT hash FROM people")).scalars().first()
        super().put(conn, subject, login, Secret(row), now=now)


@with_accounts
class ReplacesByName(HonestAccounts):
    def put(self, conn, subject, login, hashed, *, now):
        conn.execute(text("DELETE FROM people WHERE login = :l"), {"l": login})
        super().put(conn, subject, login, hashed, now=now)


@with_accounts
class RemovesNobody(HonestAccounts):
    def remove(self, conn, subject):
        pass


@with_accounts
class CommitsRemovals(HonestAccounts):
    def remove(self, conn, subject):
        super().remove(conn, subject)
        conn.connection.commit()


@with_accounts
class MissesWhomItRemoves(HonestAccounts):
    def remove(self, conn, subject):
        done = conn.execute(text("DELETE FROM people WHERE subject = :s"), {"s": subject})
        assert done.rowcount == 1, "no such account"


@with_accounts
class VerifiesNobody(HonestAccounts):
    async def verify(self, subject, password):
        return not self.provider.directory.row("subject", subject) or await super().verify(subject, password)


@with_accounts
class RaisesForNobody(HonestAccounts):
    async def verify(self, subject, password):
        if self.provider.directory.row("subject", subject) is None:
            raise ValueError(subject)
        return await super().verify(subject, password)


class LooksAt72Bytes(HonestProvider):
    def derived(self, password, salt):
        return super().derived(password[:72], salt)


@with_accounts
class StoresThePassword(HonestAccounts):
    async def hash(self, password):
        return Secret(f"{(await super().hash(password)).reveal()} {password.reveal()}")


@with_accounts
class TakesNoSalt(HonestAccounts):
    async def hash(self, password):
        return Secret(await self.provider.derive(password.reveal(), "salt"))


@with_accounts
class QuotesThePassword(HonestAccounts):
    async def judge(self, password, *, about=()):
        return replace(await super().judge(password), hint=f"{password.reveal()} is easy to guess")


@with_accounts
class RaisesWhenJudging(HonestAccounts):
    async def judge(self, password, *, about=()):
        password.reveal().encode()
        return await super().judge(password)


@with_accounts
class TakesBlanks(HonestAccounts):
    async def judge(self, password, *, about=()):
        return PasswordJudgement((), "strong")


@with_accounts
class IsNeverContent(HonestAccounts):
    async def judge(self, password, *, about=()):
        return PasswordJudgement(("Try again.",), "weak")


@with_accounts
class ThinksOnTheLoop(HonestAccounts):
    async def judge(self, password, *, about=()):
        until = time.monotonic() + len(password.reveal()) / 5e6
        while time.monotonic() < until:
            pass
        return await super().judge(password)


#: Defect: the test that must find it.
KILLED_BY: dict[type[HonestProvider], str] = {
    MakesItsOwnSubjects: "test_an_account_logs_in_with_its_password_and_no_other",
    FoldsLess: "test_an_account_logs_in_however_its_name_is_typed",
    Commits: "test_an_account_that_is_not_committed_does_not_exist",
    KeepsTheFirstPassword: "test_another_password_replaces_the_first",
    RenamesNobody: "test_a_renamed_account_logs_in_under_its_new_name_only",
    CommitsNames: "test_a_renamed_account_logs_in_under_its_new_name_only",
    MakesWhomItRenames: "test_renaming_nobody_changes_nothing",
    ReplacesByName: "test_two_accounts_can_not_have_one_name",
    RemovesNobody: "test_a_removed_account_is_unknown",
    CommitsRemovals: "test_a_removed_account_is_unknown",
    MissesWhomItRemoves: "test_removing_nobody_is_harmless",
    VerifiesNobody: "test_nobodys_password_is_ever_right",
    RaisesForNobody: "test_nobodys_password_is_ever_right",
    LooksAt72Bytes: "test_a_long_password_counts_to_its_end",
    StoresThePassword: "test_a_stored_password_does_not_show_what_it_is",
    TakesNoSalt: "test_a_stored_password_does_not_show_what_it_is",
    QuotesThePassword: "test_any_text_is_judged_and_none_is_quoted",
    RaisesWhenJudging: "test_any_text_is_judged_and_none_is_quoted",
    TakesBlanks: "test_any_text_is_judged_and_none_is_quoted",
    IsNeverContent: "test_a_good_password_is_good_enough",
    ThinksOnTheLoop: "test_accounts_never_block_the_event_loop",
}
