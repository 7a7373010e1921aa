"""Stand-ins for the parts of the host that a plugin meets, and for plugins that the host meets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Engine
from structlog.testing import LogCapture
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from invoke_host.api import (
    Action,
    Actor,
    Authenticated,
    AuthOutcome,
    AuthProvider,
    Grant,
    Identity,
    InvokeHostError,
    LoginContext,
    PluginConfig,
    Policy,
    Rejected,
    RequestView,
    ResourceType,
    Secret,
)

C = TypeVar("C", bound=PluginConfig)


class FakeHost:
    """A `HostView` for one plugin: options as given, `emitted` and `logged` record, units of work run on `engine`.

    Without an engine `read` and `write` raise, as they do in a real host before it has started.
    """

    def __init__(self, root: Path, options: Mapping[str, PluginConfig], *, engine: Engine | None = None) -> None:
        self._root = root
        self._options = options
        self._engine = engine
        capture = LogCapture()
        self._log: FilteringBoundLogger = structlog.wrap_logger(
            None, processors=[_to_stdlib, capture], wrapper_class=structlog.make_filtering_bound_logger(10)
        )
        self.logged = capture.entries
        self.emitted: list[tuple[str, Mapping[str, Any], str | None]] = []

    @property
    def root(self) -> Path:
        """The folder given."""
        return self._root

    @property
    def database_path(self) -> None:
        """Not configured."""
        return None

    @property
    def log(self) -> FilteringBoundLogger:
        """Writes to `logged`, and to the standard library's logger of this module, where `caplog` finds it."""
        return self._log

    def options(self, model: type[C]) -> C:
        """The options given that are of this type; StopIteration if there are none."""
        return next(options for options in self._options.values() if isinstance(options, model))

    def config(self, plugin: str) -> PluginConfig:
        """The options given for that plugin."""
        return self._options[plugin]

    async def read(self, unit: Callable[..., Any], *args: Any) -> Any:
        """Run the unit in a transaction that is rolled back, so that a unit which writes shows as one that forgets."""
        with self._opened().connect() as connection:
            return unit(connection, *args)

    async def write(self, unit: Callable[..., Any], *args: Any) -> Any:
        """Run the unit in a transaction that is committed."""
        with self._opened().begin() as connection:
            return unit(connection, *args)

    def emit(self, kind: str, payload: Mapping[str, Any], audience: str | None) -> None:
        """Recorded in `emitted`."""
        self.emitted.append((kind, payload, audience))

    def _opened(self) -> Engine:
        if self._engine is None:
            raise InvokeHostError("this FakeHost was made without an engine")
        return self._engine


def _to_stdlib(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    logging.getLogger(__name__).debug("%s %r", method, event)
    return event


class FakeProvider(AuthProvider):
    """A login provider that knows the people it is given, by password, and by the header `x-user` on a request.

    `outcome` overrides every answer: an AuthOutcome is returned, an exception raised.
    """

    def __init__(self, name: str = "fake", people: Mapping[str, str] | None = None) -> None:
        self.name = name  # type: ignore[misc]  # a class variable by contract; each fake is a provider of its own
        self.people = dict(people or {"alice": "secret", "bob": "geheim"})
        self.outcome: AuthOutcome | Exception | None = None

    async def from_request(self, request: RequestView) -> AuthOutcome | None:
        """Whoever `x-user` names, if known."""
        return self._answer(request.headers.get("x-user"))

    async def from_password(self, name: str, password: Secret, context: LoginContext) -> AuthOutcome | None:
        """Known name and right password; a wrong password is not told from an unknown name."""
        return self._answer(name if self.people.get(name) == password.reveal() else None)

    async def refresh(self, identity: Identity) -> AuthOutcome:
        """Good as long as the person is known."""
        return self._answer(identity.subject) or Rejected("gone")

    def _answer(self, person: str | None) -> AuthOutcome | None:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome is not None:
            return self.outcome
        if person is None or person not in self.people:
            return None
        return Authenticated(Identity(self.name, person, login=person, display_name=person.title()))


class StaticPolicy(Policy):
    """A policy that answers the same whoever asks about whatever; `asked` records who asked."""

    def __init__(self, name: str, grant: Grant | None) -> None:
        self.name = name  # type: ignore[misc]  # a class variable by contract; each fake is a policy of its own
        self._grant = grant
        self.asked: list[tuple[Actor, str]] = []

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        """The grant given."""
        self.asked.append((actor, action.name))
        return self._grant
