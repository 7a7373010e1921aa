"""Auth-provider contract, part 4: what changes after the login, backends that fail, opening and closing."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from invoke_host.api import Authenticated, AuthProvider, Identity, Rejected, Unavailable
from invoke_host.testing.contracts._auth_base import AuthSuite, MakeProvider, typed

LIVES = 4
#: Seconds that a thread may take to end after `close`.
LAST_BREATH_S = 0.5


class AuthLife(AuthSuite):
    """What the host relies on while sessions last."""

    async def test_a_good_identity_stays_good(self, provider: AuthProvider) -> None:
        """The host asks with what it keeps: provider, subject and login."""
        for credential in self.credentials():
            identity = await self.authenticated(provider, credential)
            outcome = await self.refreshed(provider, identity)
            assert isinstance(outcome, Authenticated), f"nothing has changed, and the answer was {outcome!r}"
            assert (outcome.identity.provider, outcome.identity.subject) == (provider.name, identity.subject)

    async def test_an_identity_of_another_provider_is_rejected(self, provider: AuthProvider) -> None:
        """The same subject at another provider is somebody else."""
        for credential in self.credentials():
            identity = await self.authenticated(provider, credential)
            outcome = await self.refreshed(provider, Identity("another", identity.subject, identity.login))
            assert isinstance(outcome, Rejected), f"an identity of another provider, and the answer was {outcome!r}"

    async def test_a_disabled_account_is_noticed(self, provider: AuthProvider) -> None:
        """Its sessions end at the next refresh, and it can't log in."""
        for credential in self.credentials():
            identity = await self.authenticated(provider, credential)
            await self.disable(typed(identity, credential))
            assert isinstance(await self.refreshed(provider, identity), Rejected)
            assert not isinstance(await self.log_in(provider, credential), Authenticated)
            return  # all kinds of credentials are those of one account

    async def test_a_deleted_account_is_noticed(self, provider: AuthProvider) -> None:
        """Its sessions end at the next refresh, and it can't log in."""
        for credential in self.credentials():
            identity = await self.authenticated(provider, credential)
            await self.delete(typed(identity, credential))
            assert isinstance(await self.refreshed(provider, identity), Rejected)
            assert not isinstance(await self.log_in(provider, credential), Authenticated)
            return

    async def test_a_lost_group_is_noticed(self, provider: AuthProvider) -> None:
        """At the next refresh, without a login."""
        for credential in self.credentials():
            identity = await self.authenticated(provider, credential)
            group = await self.leave_group(typed(identity, credential))
            assert group in identity.groups, f"the group {group!r} did not show before"
            outcome = await self.refreshed(provider, identity)
            assert isinstance(outcome, Authenticated), f"out of a group, and the answer was {outcome!r}"
            assert group not in outcome.identity.groups
            return

    async def test_a_backend_that_refuses_is_unavailable(self, provider: AuthProvider) -> None:
        """Not Rejected or None: nobody knows whether the password is right."""
        await self._log_in_all(provider)
        await self.backend_down()
        await self._is_unavailable(provider)

    async def test_a_silent_backend_is_unavailable_before_the_deadline(self, provider: AuthProvider) -> None:
        """Whoever logs in waits no longer than that."""
        await self._log_in_all(provider)
        await self.backend_silent()
        await self._is_unavailable(provider)

    async def test_a_slow_backend_is_unavailable_before_the_deadline(self, provider: AuthProvider) -> None:
        """The deadline is for the whole answer, not for each byte of it."""
        await self._log_in_all(provider)
        await self.backend_slow()
        await self._is_unavailable(provider)

    async def test_a_backend_that_is_down_ends_no_session(self, provider: AuthProvider) -> None:
        """Rejected would log everybody out because a cable was pulled."""
        identity = await self.authenticated(provider, self.credentials()[0])
        await self.backend_down()
        outcome = await self.refreshed(provider, identity)
        assert isinstance(outcome, Unavailable), f"the backend is down, and refresh answered {outcome!r}"

    async def test_a_backend_that_comes_back_is_used_again(self, provider: AuthProvider) -> None:
        """Without a restart of the host."""
        await self._log_in_all(provider)
        await self.backend_down()
        await self.log_in(provider, self.credentials()[0])
        await self.backend_up()
        await self._log_in_all(provider)

    async def test_closing_twice_is_harmless(self, provider: AuthProvider) -> None:
        """Closing happens on every way out, also on the one out of a half-finished start."""
        await self._log_in_all(provider)
        await provider.close()
        await provider.close()

    async def test_closing_without_opening_is_harmless(self, make_provider: MakeProvider | None) -> None:
        """The start may have failed before."""
        await self._made(make_provider).close()

    async def test_closing_releases_threads_and_files(self, make_provider: MakeProvider | None) -> None:
        """After many lives there are no more threads, tasks, open files and sockets than after one."""
        first = await self._live(make_provider)
        for _ in range(LIVES - 1):
            last = await self._live(make_provider)
        assert last[0] <= first[0], f"{last[0] - first[0]} more threads than after the first time"
        assert last[1] <= first[1], f"{last[1] - first[1]} more tasks than after the first time"
        assert last[2] <= first[2] + 2, f"{last[2] - first[2]} more open files than after the first time"

    async def test_two_in_one_process_do_not_share_their_life(self, make_provider: MakeProvider | None) -> None:
        """What one host closes stays open for another."""
        one, two = self._made(make_provider), self._made(make_provider)
        await one.open()
        await two.open()
        await asyncio.gather(self._log_in_all(one), self._log_in_all(two))
        await one.close()
        await self._log_in_all(two)
        await two.close()

    async def _log_in_all(self, provider: AuthProvider) -> None:
        for credential in self.credentials():
            await self.authenticated(provider, credential)

    async def _is_unavailable(self, provider: AuthProvider) -> None:
        for credential in self.credentials():
            outcome = await self.log_in(provider, credential)
            assert isinstance(outcome, Unavailable), f"the backend does not answer, and the provider said {outcome!r}"

    def _made(self, make_provider: MakeProvider | None) -> AuthProvider:
        if make_provider is None:
            self.lacks("more than one provider", "make_provider")
        return make_provider()

    async def _live(self, make_provider: MakeProvider | None) -> tuple[int, int, int]:
        """One life; how many threads, tasks and files there are after it."""
        before = set(threading.enumerate())
        provider = self._made(make_provider)
        await provider.open()
        await self._log_in_all(provider)
        await provider.close()
        # The loop's own pool (`asyncio.to_thread`) ends with the loop; others may be on their last instructions.
        for thread in set(threading.enumerate()) - before:
            if not thread.name.startswith("asyncio_"):
                await asyncio.to_thread(thread.join, LAST_BREATH_S)
        own = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
        return len(own), len(asyncio.all_tasks()), _open_files()


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0
