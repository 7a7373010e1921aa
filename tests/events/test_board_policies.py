"""Events about boards under policies of plugins, and under such that fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from sqlalchemy import false, literal_column, true

from invoke_host.api import Action, Actor, Grant, Policy, ResourceType
from invoke_host.events.subscription import RESYNC
from tests.events.conftest import BOB
from tests.events.studio import CAROL, EVERYBODY, Studio, replayed
from tests.events.test_hub import take


class OfficeHours(Policy):
    """Nobody sees boards while it is closed; who it is closed for has to be looked up."""

    name: ClassVar[str] = "office_hours"

    def __init__(self, closed_for: str) -> None:
        self.closed_for = closed_for

    async def facts(self, actor: Actor) -> Mapping[str, Any]:
        return {"closed": actor.id == self.closed_for}

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        return Grant(restrict=false() if facts["closed"] else true())


async def test_policies_of_plugins_and_what_they_look_up_are_obeyed(studio: Studio) -> None:
    await studio.board(visibility="public")
    await studio.tell(board_id="a")
    hours = OfficeHours("bob")
    assert await replayed(studio, *EVERYBODY, policies=(hours,)) == {"alice", "carol", "dave", "root"}
    hours.closed_for = "carol"
    assert await replayed(studio, *EVERYBODY, policies=(hours,)) == {"alice", "bob", "dave", "root"}


class Broken(Policy):
    """Fails for one user: when it looks something up, when it answers, or in the database."""

    name: ClassVar[str] = "broken"

    def __init__(self, how: str) -> None:
        self.how = how

    async def facts(self, actor: Actor) -> Mapping[str, Any]:
        if actor.id == "bob" and self.how == "facts":
            raise RuntimeError("the directory is away")
        return {"how": self.how if actor.id == "bob" else "not"}

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        if facts["how"] == "grant":
            raise RuntimeError("a mistake")
        if facts["how"] == "sql":
            return Grant(deny=literal_column("no_such_column = 1"))
        return None


@pytest.mark.parametrize("how", ["facts", "grant", "sql"])
async def test_a_policy_that_fails_for_one_holds_up_only_that_one_until_it_works_again(
    studio: Studio, how: str
) -> None:
    await studio.board(visibility="public")
    broken = Broken(how)
    async with studio.hub(broken) as hub:
        hub._lookout._again_s = 0.01
        with await hub.subscribe(BOB) as his, await hub.subscribe(CAROL) as hers:
            await studio.tell(board_id="a")
            await studio.tell("end", None)
            assert [event.kind for event in await take(hers, 2)] == ["images_changed", "end"]
            assert (his.waiting, his.held) == (0, True)
            assert (await hub.health()).status == "degraded"
            broken.how = "not"
            [resync] = await take(his, 1)
            assert (resync.kind, resync.id) == (RESYNC, 2)
            assert (await hub.health()).status == "ok"
            await studio.tell(board_id="a")
            assert [event.kind for event in await take(his, 1)] == ["images_changed"]
