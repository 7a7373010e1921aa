"""A sound job admission, and broken ones by the test that must find each. All ask one `Backend`."""

from __future__ import annotations

import asyncio
import itertools
import time

from invoke_host.api import JobAdmission, Refusal


class Backend:
    """Who has how many seconds left; can fail and fall silent."""

    def __init__(self) -> None:
        self.left_s = 60.0
        self.down = False
        self.silent = False
        self.memory: dict[str, float] = {}

    async def left(self) -> float:
        await asyncio.sleep(0)
        if self.silent:
            await asyncio.Event().wait()
        if self.down:
            raise ConnectionError("refused")
        return self.left_s


class HonestAdmission(JobAdmission):
    name = "honest"

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    async def admit(self, request):
        return self.answer(request, await self.backend.left())

    def answer(self, request, left_s):
        return None if request.engine_s <= left_s else Refusal("Not so much.", 60)


class HasADifferentNameEachTime(HonestAdmission):
    count = itertools.count()

    def __init__(self, backend):
        super().__init__(backend)
        self.name = f"honest{next(self.count)}"


class SaysTrue(HonestAdmission):
    def answer(self, request, left_s):
        return super().answer(request, left_s) or True


class SaysFalse(HonestAdmission):
    def answer(self, request, left_s):
        return super().answer(request, left_s) and False


class RefusesWithoutAWord(HonestAdmission):
    def answer(self, request, left_s):
        return super().answer(request, left_s) and Refusal("  ", 60)


class ShowsATraceback(HonestAdmission):
    def answer(self, request, left_s):
        return super().answer(request, left_s) and Refusal("Traceback (most recent call last): ...", 60)


class SaysSecondsWithAFraction(HonestAdmission):
    def answer(self, request, left_s):
        return super().answer(request, left_s) and Refusal("Not now.", 59.5)


class SaysAtOnce(HonestAdmission):
    def answer(self, request, left_s):
        return super().answer(request, left_s) and Refusal("Not now.", 0)


class BooksWhatItIsAsked(HonestAdmission):
    def answer(self, request, left_s):
        self.backend.left_s -= request.engine_s
        return super().answer(request, left_s)


class ThinksThatEverybodyIsInAGroup(HonestAdmission):
    def answer(self, request, left_s):
        _ = min(request.actor.groups)
        return super().answer(request, left_s)


class ThinksThatThereIsAPrompt(HonestAdmission):
    def answer(self, request, left_s):
        _ = request.prompts[0]
        return super().answer(request, left_s)


class AsksOneAfterAnother(HonestAdmission):
    def __init__(self, backend):
        super().__init__(backend)
        self.turn = asyncio.Lock()

    async def admit(self, request):
        async with self.turn:
            await asyncio.sleep(0.1)
            return await super().admit(request)


class BlocksTheLoop(HonestAdmission):
    def answer(self, request, left_s):
        time.sleep(0.2)
        return super().answer(request, left_s)


class RemembersTheFirst(HonestAdmission):
    first: object = None

    def __init__(self, backend):
        super().__init__(backend)
        if type(self).first is None:
            type(self).first = self

    def answer(self, request, left_s):
        return super().answer(request, left_s) if type(self).first is self else None


class LetsInWhenItsBackendIsDown(HonestAdmission):
    async def admit(self, request):
        try:
            return await super().admit(request)
        except ConnectionError:
            return None


class LetsInWhenItIsGivenUp(HonestAdmission):
    async def admit(self, request):
        try:
            return await asyncio.wait_for(super().admit(request), 0.1)
        except TimeoutError:
            return None


KILLED_BY = {
    HasADifferentNameEachTime: "test_it_has_a_plain_name_that_stays",
    SaysTrue: "test_what_is_welcome_is_answered_none",
    SaysFalse: "test_what_is_unwelcome_is_refused_in_words",
    RefusesWithoutAWord: "test_what_is_unwelcome_is_refused_in_words",
    ShowsATraceback: "test_what_is_unwelcome_is_refused_in_words",
    SaysSecondsWithAFraction: "test_when_to_come_back_is_in_whole_seconds",
    SaysAtOnce: "test_when_to_come_back_is_in_whole_seconds",
    BooksWhatItIsAsked: "test_asking_changes_nothing",
    ThinksThatEverybodyIsInAGroup: "test_every_request_is_answered",
    ThinksThatThereIsAPrompt: "test_every_request_is_answered",
    AsksOneAfterAnother: "test_many_are_answered_at_once",
    BlocksTheLoop: "test_it_does_not_hold_up_the_event_loop",
    RemembersTheFirst: "test_two_in_one_process_answer_alike",
    LetsInWhenItsBackendIsDown: "test_a_backend_that_is_down_lets_nobody_in",
    LetsInWhenItIsGivenUp: "test_a_silent_backend_lets_nobody_in_and_can_be_given_up",
}
