"""What everybody who has a word in what is enqueued must keep. People wait for each of these answers.

```python
import pytest
from invoke_host.testing.contracts import JobAdmissionContract

class TestBudget(JobAdmissionContract):
    @pytest.fixture
    def make_admission(self, budget_service):
        return lambda: Budget(BudgetConfig(url=budget_service.url))

    def welcome(self):
        return self.request(engine_s=1.0)

    def unwelcome(self):
        return self.request(engine_s=1e6)

    async def backend_down(self): ...
    async def backend_silent(self): ...
```

A hook that is not overridden skips its tests, and the skip names it; docs/howto/write-job-admission.md has a whole
example.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, NoReturn

import pytest

from invoke_host.api import Actor, AdmissionRequest, JobAdmission, Refusal, UserId
from invoke_host.identity.none import SYSTEM_ACTOR
from invoke_host.testing.loop import watched_loop

MakeAdmission = Callable[[], JobAdmission]

#: What the host gives each admission.
DEADLINE_S = 2.0

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LONGEST_MESSAGE = 1000
_LONGEST_WAIT_S = 366 * 86400

ALICE = Actor(UserId("alice"), "user", "Alice", groups=frozenset({"team"}), provider="test", session_id="s-1")


class JobAdmissionContract:
    """The whole suite; a test class of a plugin inherits it and sets what its admission is about."""

    #: Callers who matter to the admission, besides the usual ones.
    callers: ClassVar[tuple[Actor, ...]] = ()

    @pytest.fixture
    def make_admission(self) -> MakeAdmission | None:
        """Override this: each call returns a new admission, on one and the same backend where there is one."""
        return None

    @pytest.fixture
    def admission(self, make_admission: MakeAdmission | None) -> JobAdmission:
        """One of them."""
        if make_admission is None:
            raise NotImplementedError("override the fixture `make_admission`")
        return make_admission()

    def welcome(self) -> AdmissionRequest:
        """A request that is just let in: the more it asks for, the more a test finds."""
        self.lacks("a request that it lets in", "welcome")

    def unwelcome(self) -> AdmissionRequest:
        """A request that is refused."""
        self.lacks("a request that it refuses", "unwelcome")

    async def backend_down(self) -> None:
        """From now on whatever the admission asks refuses connections, or answers errors."""
        self.lacks("a backend that can fail", "backend_down")

    async def backend_silent(self) -> None:
        """From now on it takes connections and never says anything."""
        self.lacks("a backend that can fall silent", "backend_silent")

    def request(self, **changes: Any) -> AdmissionRequest:
        """An ordinary request of Alice's for one image, with these changes."""
        plain = AdmissionRequest(ALICE, "default", 1, 2.5, frozenset({"sd-1/toy"}), ("a red apple",))
        return replace(plain, **changes)

    # What the host relies on -------------------------------------------------------------------------------------

    async def test_it_has_a_plain_name_that_stays(self, make_admission: MakeAdmission | None) -> None:
        """The log names it when it fails."""
        if make_admission is None:
            raise NotImplementedError("override the fixture `make_admission`")
        names = {make_admission().name for _ in range(3)}
        assert len(names) == 1, f"another name each time: {sorted(names)}"
        assert _NAME.fullmatch(next(iter(names))), f"{names} is no plain word"

    async def test_what_is_welcome_is_answered_none(self, admission: JobAdmission) -> None:
        """True, 0 or a dict are no answers."""
        answer = await self.answered(admission, self.welcome())
        assert answer is None, f"should be let in, and the answer was {answer!r}"

    async def test_what_is_unwelcome_is_refused_in_words(self, admission: JobAdmission) -> None:
        """A person reads the message, on one line."""
        answer = await self.answered(admission, self.unwelcome())
        assert isinstance(answer, Refusal), f"should be refused, and the answer was {answer!r}"
        message = answer.message
        assert message.strip(), "refused without a word"
        assert len(message) <= _LONGEST_MESSAGE, f"a message of {len(message)} characters"
        assert "\n" not in message.strip(), "a message of several lines"
        assert "Traceback" not in message

    async def test_when_to_come_back_is_in_whole_seconds(self, admission: JobAdmission) -> None:
        """Or None: never, which the client reads as forbidden."""
        answer = await self.answered(admission, self.unwelcome())
        assert isinstance(answer, Refusal)
        wait_s = answer.retry_after_s
        whole = isinstance(wait_s, int) and not isinstance(wait_s, bool)
        assert wait_s is None or (whole and 1 <= wait_s <= _LONGEST_WAIT_S), f"retry_after_s is {wait_s!r}"

    async def test_asking_changes_nothing(self, admission: JobAdmission) -> None:
        """What is let in here may still be refused by a limit of the host: who books here books what never runs."""
        for request, wanted in ((self.welcome(), type(None)), (self.unwelcome(), Refusal)):
            kinds = [type(await self.answered(admission, request)) for _ in range(30)]
            assert kinds == [wanted] * 30, "the same request is answered another way after a while"

    async def test_every_request_is_answered(self, admission: JobAdmission) -> None:
        """Whoever asks for whatever; an exception here is an outage for its caller."""
        for request in self._requests():
            answer = await self.answered(admission, request)
            assert answer is None or isinstance(answer, Refusal), f"{request!r} is answered {answer!r}"

    async def test_many_are_answered_at_once(self, admission: JobAdmission) -> None:
        """One slow request must not hold up the others."""
        requests = [self.welcome() for _ in range(50)]
        async with asyncio.timeout(DEADLINE_S):
            answers = await asyncio.gather(*(admission.admit(request) for request in requests))
        assert answers == [None] * 50

    async def test_it_does_not_hold_up_the_event_loop(self, admission: JobAdmission) -> None:
        """While it does, nobody on the host is served."""
        await self.answered(admission, self.welcome())  # what is imported at first use is not what is meant
        async with watched_loop():
            for _ in range(5):
                await self.answered(admission, self.welcome())

    async def test_two_in_one_process_answer_alike(self, make_admission: MakeAdmission | None) -> None:
        """Hosts of several tests, or of a reload, live side by side."""
        if make_admission is None:
            raise NotImplementedError("override the fixture `make_admission`")
        for _ in range(2):
            assert await self.answered(make_admission(), self.welcome()) is None
            assert isinstance(await self.answered(make_admission(), self.unwelcome()), Refusal)

    async def test_a_backend_that_is_down_lets_nobody_in(self, admission: JobAdmission) -> None:
        """It raises, and the host answers 503: nobody knows whether the request is welcome."""
        await self.answered(admission, self.welcome())
        await self.backend_down()
        await self._fails(admission)

    async def test_a_silent_backend_lets_nobody_in_and_can_be_given_up(self, admission: JobAdmission) -> None:
        """It raises in time, or ends when the host cancels it after 2 s."""
        await self.answered(admission, self.welcome())
        await self.backend_silent()
        begun = time.monotonic()
        await self._fails(admission)
        took_s = time.monotonic() - begun
        assert took_s < DEADLINE_S + 1, f"could not be given up for {took_s:.1f} s"

    # Helpers -----------------------------------------------------------------------------------------------------

    async def answered(self, admission: JobAdmission, request: AdmissionRequest) -> Refusal | None:
        """The answer, within the time that the host gives."""
        async with asyncio.timeout(DEADLINE_S):
            return await admission.admit(request)

    async def _fails(self, admission: JobAdmission) -> None:
        try:
            answer = await self.answered(admission, self.welcome())
        except Exception:  # noqa: BLE001 - any will do
            return
        pytest.fail(f"its backend does not answer, and it said {answer!r}")

    def _requests(self) -> list[AdmissionRequest]:
        plain = self.request()
        odd = ("", "\N{COLLISION SYMBOL} \u202e", "'; DROP TABLE users; --", "../../etc/passwd", "x" * 10_000)
        callers = (
            SYSTEM_ACTOR,
            replace(ALICE, is_admin=True),
            replace(ALICE, token_scopes=frozenset({"generate"})),
            replace(ALICE, id=UserId("../ü?#/"), display_name="\N{COLLISION SYMBOL}\nX", groups=frozenset()),
            *self.callers,
        )
        return [
            *(replace(plain, actor=actor) for actor in callers),
            replace(plain, images=10_000, engine_s=1e9, prompts=tuple(f"apple {n}" for n in range(10_000))),
            replace(plain, images=1, engine_s=0.0, prompts=()),
            replace(plain, prompts=odd, models=frozenset({"a", "b"})),
            replace(plain, board_id="b-1", origin="x" * 255, destination="y" * 255),
            replace(plain, retry=True, queue_id="another"),
        ]

    def lacks(self, capability: str, hook: str) -> NoReturn:
        """Skip the test by the name of what is missing."""
        pytest.skip(f"{type(self).__name__} does not declare the capability {capability!r}: it overrides no `{hook}`")
