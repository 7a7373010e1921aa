"""The plugins of one app: registered with one pluggy manager, checked against the specifications, in TOML order."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import pluggy
from structlog.typing import FilteringBoundLogger

from invoke_host.api import PROJECT_NAME, Event, PluginError, hookspecs
from invoke_host.plugins.bounded import bounded, say
from invoke_host.plugins.dispatch import Arguments, Dispatcher
from invoke_host.plugins.facade import HostServices
from invoke_host.plugins.hooks import TIMEOUTS_S, HookSpec, hook_specs
from invoke_host.plugins.loaded import Failure, Implementation, LoadedPlugin, Outcome
from invoke_host.plugins.selection import Selection

_REFUSED = ("tryfirst", "trylast", "wrapper", "hookwrapper", "optionalhook")


class PluginRegistry:
    """Loaded plugins and their hooks. Two registries in one process share nothing.

    `selection` is what the configuration chose them for; `warnings` are sentences for the start banner.
    """

    def __init__(
        self,
        plugins: Iterable[LoadedPlugin],
        log: FilteringBoundLogger,
        *,
        selection: Selection | None = None,
        warnings: Iterable[str] = (),
    ) -> None:
        """Registers all hooks. Raises PluginError for an implementation that does not fit its specification."""
        self.plugins = list(plugins)
        self.selection = selection
        self.warnings = list(warnings)
        self._by_name = {plugin.name: plugin for plugin in self.plugins}
        self._log = log
        self._manager = pluggy.PluginManager(PROJECT_NAME)
        self._manager.add_hookspecs(hookspecs)
        for plugin in self.plugins:
            self._register(plugin)
        self._implementations = {name: self._in_order(name) for name in hook_specs()}
        self._dispatcher = Dispatcher(self._implementations, log)
        self._collected: dict[str, list[Outcome[Any]]] = {}
        self._started: list[LoadedPlugin] = []

    @property
    def dispatcher(self) -> Dispatcher:
        """Calls the registered implementations."""
        return self._dispatcher

    def hooks_of(self, plugin: str) -> list[str]:
        """Names of the hooks that the plugin implements, in the order of the reference."""
        return [name for name, found in self._implementations.items() if any(each.plugin == plugin for each in found)]

    def collect(self, hook: str, host: HostServices) -> list[Outcome[Any]]:
        """Everything that plugins hand out in a registration hook, in call order, each with its plugin's name.

        Implementations are called at the first request only; the same objects are returned from then on. Raises
        PluginError for an implementation that raises or hands out something of the wrong type.
        """
        if hook not in self._collected:
            self._collected[hook] = self._dispatcher.register(hook_specs()[hook], self._arguments(host))
        return self._collected[hook]

    async def startup(self, host: HostServices) -> None:
        """Start all plugins in order, 30 s each.

        Raises:
            PluginError: one raised or ran out of time; those started before it have been shut down, in reverse order.
        """
        arguments = self._arguments(host)
        starting = {each.plugin: each for each in self._implementations["invoke_startup"]}
        for plugin in self.plugins:
            if plugin.name in starting:
                try:
                    work = starting[plugin.name].call(**arguments(plugin.name))
                    await bounded(work, TIMEOUTS_S["invoke_startup"])
                except BaseException as error:
                    await self.shutdown(host)
                    if not isinstance(error, Exception):
                        raise
                    raise PluginError(plugin.name, f"invoke_startup failed: {say(error)}") from error
            self._started.append(plugin)

    async def shutdown(self, host: HostServices) -> list[Failure]:
        """Shut down the plugins that were started, in reverse order, 10 s each; failures are logged and returned."""
        dispatcher = self._of_started("invoke_shutdown")
        self._started.clear()
        return await dispatcher.broadcast(
            "invoke_shutdown", self._arguments(host), timeout_s=TIMEOUTS_S["invoke_shutdown"], reverse=True
        )

    @property
    def hears_events(self) -> bool:
        """Whether any plugin wants to be told of events."""
        return bool(self._implementations["invoke_event"])

    async def broadcast_event(self, event: Event, host: HostServices) -> list[Failure]:
        """Tell the plugins that are started about an event, one after another, 5 s each.

        Failures are logged and returned. Before startup and after shutdown nobody is told.
        """
        return await self._of_started("invoke_event").broadcast(
            "invoke_event", self._arguments(host, event=event), timeout_s=TIMEOUTS_S["invoke_event"]
        )

    def _of_started(self, hook: str) -> Dispatcher:
        started = {plugin.name for plugin in self._started}
        return Dispatcher({hook: [each for each in self._implementations[hook] if each.plugin in started]}, self._log)

    def _arguments(self, host: HostServices, **more: Any) -> Arguments:
        def of(plugin: str) -> Mapping[str, Any]:
            return {"host": host.view(self._by_name[plugin], self._by_name), **more}

        return of

    def _register(self, plugin: LoadedPlugin) -> None:
        _refuse_unmarked(plugin)
        try:
            self._manager.register(plugin.object, plugin.name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(plugin.name, self._translate(plugin)) from error
        for caller in self._manager.get_hookcallers(plugin.object) or ():
            for implementation in caller.get_hookimpls():
                if implementation.plugin_name == plugin.name:
                    _check(plugin, hook_specs()[caller.name], implementation)

    def _translate(self, plugin: LoadedPlugin) -> str:
        """pluggy's complaint in the words of the reference: which hook, which argument, what was probably meant."""
        for attribute in dir(plugin.object):
            options = self._manager.parse_hookimpl_opts(plugin.object, attribute)
            if options is None:
                continue
            hook = options.get("specname") or attribute
            spec = hook_specs().get(hook)
            if spec is None:
                return f"unknown hook {hook!r}{_hint(hook, hook_specs())}"
            for argument, parameter in inspect.signature(getattr(plugin.object, attribute)).parameters.items():
                if argument not in spec.arguments and parameter.default is parameter.empty:
                    return f"{hook} takes an unknown argument {argument!r}; it may take: {', '.join(spec.arguments)}"
            if options.get("wrapper") or options.get("hookwrapper"):
                return _refusal(hook, "wrapper")
        return "its hooks do not fit the specifications"

    def _in_order(self, hook: str) -> list[Implementation]:
        found = {each.plugin_name: each for each in getattr(self._manager.hook, hook).get_hookimpls()}
        return [
            Implementation(
                plugin.name,
                hook,
                found[plugin.name].function,
                frozenset((*found[plugin.name].argnames, *found[plugin.name].kwargnames)),
            )
            for plugin in self.plugins
            if plugin.name in found
        ]


def _check(plugin: LoadedPlugin, spec: HookSpec, implementation: pluggy.HookImpl) -> None:
    for option in _REFUSED:
        if getattr(implementation, option):
            raise PluginError(plugin.name, _refusal(spec.name, option))
    is_async = inspect.iscoroutinefunction(implementation.function)
    if spec.is_async and not is_async:
        raise PluginError(plugin.name, f"{spec.name} must be `async def`: the host awaits it")
    if is_async and not spec.is_async:
        raise PluginError(
            plugin.name, f"{spec.name} must be a plain `def`: it hands out objects once, before the start"
        )


def _refuse_unmarked(plugin: LoadedPlugin) -> None:
    for name in dir(plugin.object):
        if name in hook_specs():
            function = inspect.getattr_static(plugin.object, name)
            function = getattr(function, "__func__", function)
            if inspect.isfunction(function) and not hasattr(function, f"{PROJECT_NAME}_impl"):
                raise PluginError(plugin.name, f"{name} lacks the decorator `@hookimpl`, so it would never be called")


def _refusal(hook: str, option: str) -> str:
    return f"{hook} uses {option}=True, which the host refuses: call order is the order of the names in the TOML"


def _hint(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(known))}"
