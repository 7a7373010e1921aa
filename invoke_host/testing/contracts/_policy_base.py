"""What the parts of the policy suite share: what a test class sets, who asks, and how a policy is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn

import pytest
import pytest_asyncio
from sqlalchemy import Connection, Engine, MetaData, create_engine
from sqlalchemy.pool import StaticPool

from invoke_host.access import Verdict
from invoke_host.api import ANONYMOUS, Action, Actor, Grant, Policy, ResourceType, UserId
from invoke_host.identity.none import SYSTEM_ACTOR
from invoke_host.testing.contracts._policy_world import PolicyRow, World, make_world
from invoke_host.vocabulary import ACTIONS, RESOURCES

MakePolicy = Callable[[], Policy]

ALICE = Actor(UserId("alice"), "user", "Alice", groups=frozenset({"team"}), provider="test", session_id="s-1")
BOB = Actor(UserId("bob"), "user", "Bob", provider="test", session_id="s-2")
ADMIN = Actor(UserId("admin"), "user", "Admin", is_admin=True, provider="test", session_id="s-3")

#: One of each sort of caller that a host knows.
CALLERS: Sequence[Actor] = (
    ANONYMOUS,
    ALICE,
    BOB,
    Actor(UserId("carol"), "user", "Carol", groups=frozenset({"guests", "team", "others"})),
    ADMIN,
    SYSTEM_ACTOR,
    replace(BOB, is_suspended=True),
    replace(ADMIN, is_suspended=True),
    replace(ALICE, token_scopes=frozenset({"read"})),
    replace(ALICE, token_scopes=frozenset({"read", "manage-own"})),
    replace(ADMIN, token_scopes=frozenset({"admin"})),
    replace(BOB, token_scopes=frozenset()),
)


class PolicySuite:
    """What a test class of a policy sets. A hook that is not overridden skips its tests, and the skip names it."""

    #: Actions and resource types of the plugin's own, besides the host's.
    actions: ClassVar[Sequence[Action]] = ()
    resources: ClassVar[Sequence[ResourceType]] = ()
    #: Tables of the plugin's own that the policy reads; `prepare` fills them.
    tables: ClassVar[MetaData | None] = None
    #: What a published column may hold, by its name or `resource.column`, where it matters to the policy.
    values: ClassVar[Mapping[str, Sequence[Any]]] = {}
    #: Callers who matter to the policy, besides the usual ones.
    callers: ClassVar[Sequence[Actor]] = ()
    #: Set it for a policy that means to let people in who are not logged in.
    allows_anonymous: ClassVar[bool] = False

    @pytest.fixture
    def make_policy(self) -> MakePolicy | None:
        """Override this: each call returns a new policy, on one and the same backend where there is one."""
        return None

    def prepare(self, conn: Connection) -> None:
        """Fill the tables of `tables`, which are empty; on each database anew."""

    def expected(self, actor: Actor, action: Action, row: PolicyRow, facts: Mapping[str, Any]) -> Verdict | None:
        """What the policy has to say about one row, in plain Python; None if it has no opinion at all."""
        self.lacks("a plain account of itself", "expected")

    @pytest.fixture
    def world(self) -> World:
        """Every kind of thing, and rows of each."""
        bare = ResourceType("contract_bare", RESOURCES[0].table, RESOURCES[0].id)
        own = (*RESOURCES, bare, *self.resources)
        actions = (
            *ACTIONS,
            Action("contract_bare.view", "contract_bare", "See a thing with nothing but an id", see=True),
            Action("contract_bare.change", "contract_bare", "Change it"),
            *self.actions,
        )
        return make_world(own, actions, self.values)

    @pytest_asyncio.fixture
    async def asked(self, make_policy: MakePolicy | None) -> AsyncIterator[Asked]:
        """The policy, with what it has to know about each caller."""
        if make_policy is None:
            raise NotImplementedError("override the fixture `make_policy`")
        yield await ask(make_policy(), [*CALLERS, *self.callers])

    @pytest.fixture(params=["sqlite", "postgresql"])
    def database(self, request: pytest.FixtureRequest, world: World) -> Any:
        """The rows in a database, once on SQLite and once on PostgreSQL."""
        engine = self.filled(request.getfixturevalue("postgres_url") if request.param == "postgresql" else None, world)
        yield engine
        engine.dispose()

    def filled(self, url: str | None, world: World) -> Engine:
        """Everything that the policy reads, in an empty database: the one at `url`, or SQLite in memory."""
        # Some tests read two tables side by side on purpose.
        if url is None:
            engine = create_engine("sqlite://", poolclass=StaticPool, enable_from_linting=False)
        else:
            engine = create_engine(url, enable_from_linting=False)
        with engine.begin() as conn:
            world.fill(conn)
            if self.tables is not None:
                self.tables.create_all(conn)
            self.prepare(conn)
        return engine

    def lacks(self, capability: str, hook: str) -> NoReturn:
        """Skip the test by the name of what is missing."""
        pytest.skip(f"{type(self).__name__} does not declare the capability {capability!r}: it overrides no `{hook}`")


class Asked:
    """A policy and callers as it has learned of them: `facts` are part of each."""

    def __init__(self, policy: Policy, callers: Sequence[Actor]) -> None:
        self.policy = policy
        self.callers = callers

    def facts(self, actor: Actor) -> Mapping[str, Any]:
        """What the policy learned about this caller."""
        return actor.facts.get(self.policy.name, {})

    def grant(self, actor: Actor, action: Action, resource: ResourceType) -> Grant | None:
        """The policy's word, asked as the host asks: without session, token and name of the caller."""
        known = replace(actor, session_id=None, token_id=None, display_name="")
        return self.policy.grant(known, action, resource, self.facts(actor))


async def ask(policy: Policy, callers: Sequence[Actor]) -> Asked:
    """Let the policy learn about the callers what it wants to know."""
    known = []
    for actor in callers:
        facts = MappingProxyType(dict(await policy.facts(actor)))
        known.append(replace(actor, facts=MappingProxyType({policy.name: facts})))
    return Asked(policy, known)
