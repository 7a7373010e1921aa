"""The provider chain of a password login: each outcome, and every way in which a provider can break."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from invoke_host.api import (
    Authenticated,
    AuthOutcome,
    AuthProvider,
    Identity,
    LoginContext,
    Rejected,
    Secret,
    Unavailable,
)
from invoke_host.identity.login.chain import PasswordChain
from tests.identity.conftest import Log


class Scripted(AuthProvider):
    """Answers what it is told to; an exception is raised, a function awaited."""

    def __init__(self, name: str, answer: Any = None) -> None:
        self.name = name  # type: ignore[misc]  # each one is a provider of its own
        self.answer = answer
        self.contexts: list[LoginContext] = []

    async def from_password(self, name: str, password: Secret, context: LoginContext) -> AuthOutcome | None:
        self.contexts.append(context)
        if isinstance(self.answer, Exception):
            raise self.answer
        if callable(self.answer):
            await self.answer()
            return None
        answer: AuthOutcome | None = self.answer
        return answer

    async def refresh(self, identity: Identity) -> AuthOutcome:
        return Authenticated(identity)


Make = Callable[..., PasswordChain]


@pytest.fixture
def chain(log: Log) -> Make:
    def make(*providers: AuthProvider, on_unavailable: Any = "stop", timeout_s: float = 5.0) -> PasswordChain:
        return PasswordChain(providers, log=log.logger, on_unavailable=on_unavailable, timeout_s=timeout_s)

    return make


async def ask(chain: PasswordChain) -> AuthOutcome | None:
    return await chain.ask("alice", Secret("pa55word"), "192.0.2.7")


def somebody(provider: str) -> Authenticated:
    return Authenticated(Identity(provider, "s-1", login="alice"))


async def hang() -> None:
    await asyncio.Event().wait()


async def test_nobody_knows_the_name(chain: Make) -> None:
    assert await ask(chain(Scripted("a"), Scripted("b"))) is None


async def test_the_first_that_authenticates_decides(chain: Make) -> None:
    late = Scripted("late", somebody("late"))
    assert await ask(chain(Scripted("shy"), Scripted("first", somebody("first")), late)) == somebody("first")
    assert late.contexts == []


async def test_a_rejected_password_is_not_shown_to_the_next_provider(chain: Make) -> None:
    late = Scripted("late", somebody("late"))
    assert await ask(chain(Scripted("strict", Rejected("bad_credentials")), late)) == Rejected("bad_credentials")
    assert late.contexts == []


async def test_an_unavailable_provider_stops_the_chain(chain: Make) -> None:
    late = Scripted("late", somebody("late"))
    assert await ask(chain(Scripted("down", Unavailable("refused", 7)), late)) == Unavailable("refused", 7)
    assert late.contexts == []


@pytest.mark.parametrize(
    ("then", "outcome"),
    [
        (somebody("late"), somebody("late")),
        (Rejected("bad_credentials"), Rejected("bad_credentials")),
        (None, Unavailable("refused")),
    ],
)
async def test_with_next_the_others_are_asked_and_silence_is_not_a_no(chain: Make, then: Any, outcome: Any) -> None:
    down = Scripted("down", Unavailable("refused"))
    assert await ask(chain(down, Scripted("late", then), on_unavailable="next")) == outcome


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ConnectionError("no route for alice / pa55word"), "raised ConnectionError"),
        (hang, "took too long"),
        (True, "answered bool, want an AuthOutcome or None"),
        ({"user": "alice"}, "answered dict, want an AuthOutcome or None"),
        (somebody("none"), "answered with an identity of provider 'none'"),
    ],
)
@pytest.mark.parametrize("on_unavailable", ["stop", "next"])
async def test_a_broken_provider_is_unavailable_and_never_not_mine(
    chain: Make, log: Log, answer: Any, reason: str, on_unavailable: str
) -> None:
    late = Scripted("late")
    broken = chain(Scripted("broken", answer), late, on_unavailable=on_unavailable, timeout_s=0.05)

    assert isinstance(await ask(broken), Unavailable)

    assert len(late.contexts) == (on_unavailable == "next")
    assert log.entries[0] == {
        "event": "auth_provider_failed",
        "log_level": "error",
        "provider": "broken",
        "reason": reason,
    }


async def test_one_deadline_is_for_all_providers_together(chain: Make) -> None:
    slow, late = Scripted("slow", hang), Scripted("late", hang)

    async with asyncio.timeout(2):
        await ask(chain(slow, late, on_unavailable="next", timeout_s=0.1))

    assert slow.contexts[0].deadline_s == pytest.approx(0.1, abs=0.01)
    assert late.contexts[0].deadline_s < 0.02, "the first has used it up"
    assert slow.contexts[0].peer == "192.0.2.7"


async def test_a_login_that_is_canceled_is_canceled(chain: Make) -> None:
    task = asyncio.ensure_future(ask(chain(Scripted("slow", hang))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
