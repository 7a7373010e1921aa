"""The provider chain: each outcome, and every way in which a provider can break."""

from __future__ import annotations

import asyncio

import pytest

from invoke_host.api import (
    ANONYMOUS,
    Actor,
    Authenticated,
    AuthProvider,
    Identity,
    NotAuthenticated,
    Rejected,
    RequestView,
    ServiceUnavailable,
    StartupError,
    Unavailable,
    UserId,
)
from invoke_host.identity.authenticate import Authenticator

VIEW = RequestView("GET", "/api/v1/images/", {}, "127.0.0.1", secure=False)


class Scripted(AuthProvider):
    """Answers what it is told to; an exception is raised, an awaitable awaited."""

    def __init__(self, name: str, answer: object = None, *, opens: Exception | None = None) -> None:
        self.name = name
        self.answer = answer
        self.opens = opens
        self.calls: list[str] = []

    async def open(self):
        self.calls.append("open")
        if self.opens:
            raise self.opens

    async def close(self):
        self.calls.append("close")
        if isinstance(self.answer, OSError):
            raise self.answer

    async def from_request(self, request):
        self.calls.append("ask")
        if isinstance(self.answer, Exception):
            raise self.answer
        if asyncio.iscoroutinefunction(self.answer):
            return await self.answer()
        return self.answer

    async def refresh(self, identity):
        return Authenticated(identity)


def somebody(provider: str) -> Authenticated:
    return Authenticated(Identity(provider, "s-1", login="alice"))


async def resolve(identity: Identity) -> Actor:
    return Actor(UserId(f"{identity.provider}/{identity.subject}"), "user")


@pytest.fixture
def chain(log):
    def make(*providers, **options):
        options.setdefault("resolve", resolve)
        return Authenticator(providers, log=log.logger, **options)

    return make


async def hang():
    await asyncio.Event().wait()


async def test_nobody_claims_the_request_and_the_caller_is_anonymous(chain):
    assert await chain(Scripted("a"), Scripted("b")).actor(VIEW) is ANONYMOUS


async def test_the_first_provider_that_knows_the_credential_decides(chain):
    late = Scripted("late", somebody("late"))
    actor = await chain(Scripted("shy"), Scripted("first", somebody("first")), late).actor(VIEW)
    assert actor.id == "first/s-1"
    assert late.calls == []


async def test_a_rejected_credential_is_401_and_the_chain_stops(chain):
    late = Scripted("late", somebody("late"))
    with pytest.raises(NotAuthenticated) as raised:
        await chain(Scripted("strict", Rejected("expired")), late).actor(VIEW)
    assert late.calls == []
    assert "expired" not in str(raised.value)


async def test_an_unavailable_provider_stops_the_chain_with_503_and_its_retry_time(chain):
    late = Scripted("late", somebody("late"))
    with pytest.raises(ServiceUnavailable) as raised:
        await chain(Scripted("down", Unavailable("refused", retry_after_s=11.2)), late).actor(VIEW)
    assert raised.value.headers == {"Retry-After": "12"}
    assert late.calls == []


async def test_with_next_an_unavailable_provider_leaves_the_answer_to_the_others(chain):
    down = Scripted("down", Unavailable("refused"))
    actor = await chain(down, Scripted("late", somebody("late")), on_unavailable="next").actor(VIEW)
    assert actor.id == "late/s-1"


async def test_with_next_nobody_answering_is_503_and_not_anonymous(chain):
    with pytest.raises(ServiceUnavailable):
        await chain(Scripted("down", Unavailable("x")), Scripted("shy"), on_unavailable="next").actor(VIEW)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ConnectionError("no route"), "ConnectionError: no route"),
        (hang, "took too long"),
        (True, "answered bool, want an AuthOutcome or None"),
        ({"user": "alice"}, "answered dict"),
        (somebody("none"), "answered with an identity of provider 'none'"),
    ],
)
async def test_a_provider_that_raises_hangs_or_answers_nonsense_is_unavailable_counted_and_logged(
    chain, log, answer, reason
):
    late = Scripted("late", somebody("late"))
    authenticator = chain(Scripted("broken", answer), late, timeout_s=0.01)
    with pytest.raises(ServiceUnavailable):
        await authenticator.actor(VIEW)
    assert late.calls == []
    assert authenticator.failures == {"broken": 1}
    (entry,) = log.entries
    assert (entry["event"], entry["provider"]) == ("auth_provider_failed", "broken")
    assert entry["reason"].startswith(reason)


async def test_no_provider_can_pass_somebody_off_as_the_local_administrator(log):
    impostor = Scripted("acme", Authenticated(Identity("none", "system", admin=True)))
    with pytest.raises(ServiceUnavailable):
        await Authenticator([impostor], log=log.logger).actor(VIEW)


async def test_a_host_without_accounts_knows_nobody_but_the_local_administrator(log):
    with pytest.raises(NotAuthenticated, match="no user accounts"):
        await Authenticator([Scripted("acme", somebody("acme"))], log=log.logger).actor(VIEW)


async def test_twenty_interleaved_callers_never_mix(chain):
    class Header(Scripted):
        async def from_request(self, request):
            await asyncio.sleep(0)
            return Authenticated(Identity(self.name, request.headers["user"]))

    authenticator = chain(Header("header"))
    names = [f"user-{index}" for index in range(20)]
    views = [RequestView("GET", "/", {"user": name}, None, secure=False) for name in names]
    actors = await asyncio.gather(*(authenticator.actor(view) for view in views))
    assert [actor.id for actor in actors] == [f"header/{name}" for name in names]


async def test_a_provider_that_cannot_be_opened_stops_the_start_and_closes_those_before_it(chain):
    first, last = Scripted("first"), Scripted("last")
    broken = Scripted("broken", opens=OSError("certificate expired"))
    with pytest.raises(StartupError, match="'broken' could not be opened: OSError: certificate expired"):
        await chain(first, broken, last).open()
    assert (first.calls, last.calls) == (["open", "close"], [])


async def test_providers_close_in_reverse_and_a_failure_does_not_keep_the_others_open(chain, log):
    first, broken = Scripted("first"), Scripted("broken", OSError("gone"))
    await chain(first, broken).close()
    assert first.calls == ["close"]
    assert [entry["event"] for entry in log.entries] == ["auth_provider_close_failed"]
