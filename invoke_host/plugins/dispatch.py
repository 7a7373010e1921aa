"""Calling hooks: one implementation after another in TOML order, always knowing whose it is.

pluggy only registers. Its own calls would stop a `firstresult` chain at an async abstention, return values without the
plugin's name, and abort the whole call when one implementation raises (docs/adr/0200).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from structlog.typing import FilteringBoundLogger

from invoke_host.api import HookFailed, PluginError
from invoke_host.plugins.bounded import bounded, say
from invoke_host.plugins.contracts import wrong_methods
from invoke_host.plugins.hooks import HookSpec
from invoke_host.plugins.loaded import Failure, Implementation, Outcome

#: Gives the arguments of a hook call for one plugin: its own `host`, and what the hook hands to all.
Arguments = Callable[[str], Mapping[str, Any]]


class Dispatcher:
    """Calls the implementations it is given, in the order it is given them."""

    def __init__(self, implementations: Mapping[str, Sequence[Implementation]], log: FilteringBoundLogger) -> None:
        self._implementations = implementations
        self._log = log

    def register(self, spec: HookSpec, arguments: Arguments) -> list[Outcome[Any]]:
        """Call a registration hook and return every object handed out, each with its plugin's name.

        Raises:
            PluginError: an implementation raised, or returned something else than an iterable of `spec.item`.
        """
        outcomes: list[Outcome[Any]] = []
        for implementation in self._implementations.get(spec.name, ()):
            plugin = implementation.plugin
            try:
                answer = implementation.call(**arguments(plugin))
                iterable = isinstance(answer, Iterable) and not isinstance(answer, (str, bytes, Mapping))
                values = list(answer) if iterable else None
            except Exception as error:
                raise PluginError(plugin, f"{spec.name} raised {say(error)}") from error
            if values is None:
                raise PluginError(plugin, f"{spec.name} returned {type(answer).__name__}, want a list")
            for value in values:
                _check_item(plugin, spec, value)
                outcomes.append(Outcome(plugin, value))
        return outcomes

    async def gather(self, hook: str, arguments: Arguments, *, timeout_s: float) -> list[Outcome[Any]]:
        """Await all implementations; every value counts, None included.

        Raises:
            HookFailed: an implementation raised or took longer than `timeout_s`; later ones are not called.
        """
        return [outcome async for outcome in self._answers(hook, arguments, timeout_s)]

    async def first(self, hook: str, arguments: Arguments, *, timeout_s: float) -> Outcome[Any] | None:
        """The first value that is not None, with its plugin's name; None if all abstain.

        Raises:
            HookFailed: an implementation raised or ran out of time before any answered: nobody after it may decide.
        """
        async for outcome in self._answers(hook, arguments, timeout_s):
            if outcome.value is not None:
                return outcome
        return None

    async def broadcast(
        self, hook: str, arguments: Arguments, *, timeout_s: float, reverse: bool = False
    ) -> list[Failure]:
        """Await all implementations, whatever each does. Failures are logged with the plugin's name, and returned."""
        failures: list[Failure] = []
        implementations = self._implementations.get(hook, ())
        for implementation in reversed(implementations) if reverse else implementations:
            try:
                await bounded(implementation.call(**arguments(implementation.plugin)), timeout_s)
            except Exception as error:  # noqa: BLE001 - one plugin must not keep the others from hearing it
                failures.append(Failure(implementation.plugin, say(error)))
                self._log.error("hook_failed", plugin=implementation.plugin, hook=hook, reason=say(error))
        return failures

    async def _answers(self, hook: str, arguments: Arguments, timeout_s: float) -> AsyncIterator[Outcome[Any]]:
        for implementation in self._implementations.get(hook, ()):
            try:
                value = await bounded(implementation.call(**arguments(implementation.plugin)), timeout_s)
            except Exception as error:
                raise HookFailed(implementation.plugin, hook, say(error)) from error
            yield Outcome(implementation.plugin, value)


def _check_item(plugin: str, spec: HookSpec, value: object) -> None:
    if spec.item is None or not isinstance(value, spec.item):
        wanted = spec.item.__name__ if spec.item else "nothing"
        raise PluginError(plugin, f"{spec.name} handed out {type(value).__name__} {value!r:.80}, want {wanted}")
    if problems := wrong_methods(value, spec.item):
        raise PluginError(plugin, f"{spec.name} handed out {type(value).__name__}: {'; '.join(problems)}")
