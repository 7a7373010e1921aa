"""Which boards the callers of open streams see: asked when events are sent, never kept longer than for one batch.

Rights change between the commit of an event and its way to a client, so what an event says of its audience is compared
with the boards as they are now. Whom the answer is missing for gets nothing kept any more, until it can be told again;
then one `resync` stands for all that was held back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from invoke_host.api import Actor, Event
from invoke_host.events.audience import Sees, may_see, unknown
from invoke_host.events.subscription import Subscription

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

#: Longest time to wait for an answer; all streams wait with it.
TIMEOUT_S = 2.0

#: How soon to ask again for the streams that are held.
AGAIN_S = 1.0

#: So often at most is asked for callers who came, or changed, while the others were asked for.
_ROUNDS = 5

#: For each caller, in order, those of the boards that they see; None for whom that can't be told.
Sight: TypeAlias = Callable[[Sequence[Actor], Sequence[str]], Awaitable[Sequence[frozenset[str] | None]]]


class Seen:
    """The answer for one batch of events."""

    def __init__(self, boards: Collection[str], answers: Mapping[Actor, frozenset[str] | None]) -> None:
        self._boards = frozenset(boards)
        self._answers = answers

    def by(self, actor: Actor) -> Sees:
        """What this caller sees."""
        if not self._answers:
            return unknown
        known = self._answers.get(actor)
        if known is None:
            return unknown
        return lambda board_id: board_id in known if board_id in self._boards else None


class Nobody(Seen):
    """Where there is nobody to ask: no board is seen by anybody."""

    def by(self, actor: Actor) -> Sees:
        """Nothing."""
        return lambda board_id: False


class Lookout:
    """Asks `sight` for the streams of one hub. All methods belong to the event loop.

    `changed` is called with a stream that was held, once it can be told again what its caller sees.
    """

    def __init__(
        self,
        sight: Sight | None,
        streams: Collection[Subscription],
        changed: Callable[[Subscription], None],
        log: FilteringBoundLogger,
        *,
        timeout_s: float = TIMEOUT_S,
        again_s: float = AGAIN_S,
    ) -> None:
        self._sight = sight
        self._streams = streams
        self._changed = changed
        self._log = log
        self._timeout_s = timeout_s
        self._again_s = again_s
        self._boards: tuple[str, ...] = ()  # of the last question that had no answer
        self._failed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after streams that are held."""
        self._task = asyncio.create_task(self._run(), name="event stream sight")

    async def stop(self) -> None:
        """End; harmless when called twice."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    @property
    def alive(self) -> bool:
        """False when nothing looks after held streams any more."""
        return self._task is not None and not self._task.done()

    @property
    def trouble(self) -> str:
        """What is wrong now, for the operator; empty while all is well."""
        held = sum(stream.held for stream in self._streams)
        return f"{held} event streams are held: it can't be told what their callers may see" if held else ""

    async def look(self, events: Sequence[Event], streams: Collection[Subscription]) -> Seen:
        """What the callers of these streams see of these events' boards; nothing is asked where nothing hangs on it.

        When it returns, it is known for every stream that there is by then, as it is by then, or can't be told.
        """
        asking = [event for event in events if event.board_id or event.except_board_id]
        if self._sight is None:
            return _NOBODY
        if not asking:
            return _NOTHING
        boards = tuple({each: None for event in asking for each in (event.board_id, event.except_board_id) if each})
        answers: dict[Actor, frozenset[str] | None] = {}
        for _ in range(_ROUNDS):
            actors = {stream.actor for stream in streams if not stream.held} - answers.keys()
            undecided = [actor for actor in actors if any(may_see(actor, event) is None for event in asking)]
            if not undecided:
                break
            answers |= await self._ask(self._sight, undecided, boards)
        else:
            self._remember(boards)  # they change faster than they can be asked for
        return Seen(boards, answers)

    async def _ask(
        self, sight: Sight, actors: Collection[Actor], boards: tuple[str, ...]
    ) -> dict[Actor, frozenset[str] | None]:
        people = {actor: _person(actor) for actor in actors}
        asked = list(dict.fromkeys(people.values()))
        try:
            async with asyncio.timeout(self._timeout_s):
                found = dict(zip(asked, await sight(asked, boards), strict=True))
        except Exception as error:  # noqa: BLE001 - whatever it is: who can't be told of gets nothing
            self._log.warning("what callers of event streams see can't be told, trying again", error=repr(error))
            found = dict.fromkeys(asked)
        if None in found.values():
            self._remember(boards)
        return {actor: found[person] for actor, person in people.items()}

    def _remember(self, boards: tuple[str, ...]) -> None:
        self._boards = boards
        self._failed.set()

    async def _run(self) -> None:
        while True:
            await self._failed.wait()
            await asyncio.sleep(self._again_s)
            held = [stream for stream in self._streams if stream.held]
            if not held or self._sight is None:
                self._failed.clear()
                continue
            answers = await self._ask(self._sight, {stream.actor for stream in held}, self._boards)
            for stream in held:
                if stream.held and answers.get(stream.actor) is not None:
                    self._changed(stream)


_NOTHING = Seen((), {})
_NOBODY = Nobody((), {})


def _person(actor: Actor) -> Actor:
    """The caller by whichever session or token they came, so that a person with ten tabs is asked about once."""
    return replace(actor, session_id=None, token_id=None, display_name="")
