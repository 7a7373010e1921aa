"""What a plugin sees of the host. One facade per plugin, so that logs carry its name; services arrive as they start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from structlog.typing import FilteringBoundLogger

from invoke_host.api import HostView, InvokeHostError, PluginConfig
from invoke_host.plugins.loaded import LoadedPlugin


class UnitsOfWork(Protocol):
    """The part of `Storage` that plugins get."""

    async def read(self, unit: Callable[..., Any], /, *args: Any) -> Any:
        """Run a unit that only reads."""
        ...

    async def write(self, unit: Callable[..., Any], /, *args: Any) -> Any:
        """Run a unit that writes; returns after commit."""
        ...


C = TypeVar("C", bound=PluginConfig)

Emit = Callable[[str, Mapping[str, Any], str | None], object]


class HostServices:
    """The services behind all facades. Made before storage exists; the composition root attaches what has started."""

    def __init__(self, root: Path, log: FilteringBoundLogger, *, database_path: Path | None = None) -> None:
        self.root = root
        self.database_path = database_path
        self.log = log
        self.storage: UnitsOfWork | None = None
        self.emit: Emit | None = None
        self._views: dict[str, HostFacade] = {}

    def attach(self, *, storage: UnitsOfWork | None = None, emit: Emit | None = None) -> None:
        """Make started services reachable for plugins; what is None stays as it was."""
        self.storage = storage or self.storage
        self.emit = emit or self.emit

    def view(self, plugin: LoadedPlugin, plugins: Mapping[str, LoadedPlugin]) -> HostView:
        """The facade of that plugin, the same object every time."""
        if plugin.name not in self._views:
            self._views[plugin.name] = HostFacade(plugin.name, self, plugins)
        return self._views[plugin.name]


class HostFacade:
    """Implements `HostView` for one plugin."""

    def __init__(self, plugin: str, services: HostServices, plugins: Mapping[str, LoadedPlugin]) -> None:
        self._plugin = plugin
        self._services = services
        self._plugins = plugins
        self._log: FilteringBoundLogger = services.log.bind(plugin=plugin)

    @property
    def root(self) -> Path:
        """The host's folder."""
        return self._services.root

    @property
    def database_path(self) -> Path | None:
        """`[storage] path`, if it is set."""
        return self._services.database_path

    @property
    def log(self) -> FilteringBoundLogger:
        """A logger whose lines carry the plugin's name."""
        return self._log

    def options(self, model: type[C]) -> C:
        """This plugin's own options. Raises InvokeHostError if `model` is not the one in its manifest."""
        options = self.config(self._plugin)
        if not isinstance(options, model):
            raise InvokeHostError(
                f"plugin {self._plugin!r} asked for options of type {model.__name__}, "
                f"its manifest says config={type(options).__name__}"
            )
        return options

    def config(self, plugin: str) -> PluginConfig:
        """A loaded plugin's validated options. Raises InvokeHostError for a plugin that is not loaded."""
        try:
            return self._plugins[plugin].options
        except KeyError:
            raise InvokeHostError(f"plugin {self._plugin!r} asked for the options of {plugin!r}, not loaded") from None

    async def read(self, unit: Callable[..., Any], *args: Any) -> Any:
        """Run a unit that only reads. Raises InvokeHostError before `invoke_startup`: storage is not open yet."""
        return await self._storage("read").read(unit, *args)

    async def write(self, unit: Callable[..., Any], *args: Any) -> Any:
        """Run a unit that writes; returns after commit. Raises InvokeHostError before `invoke_startup`."""
        return await self._storage("write").write(unit, *args)

    def emit(self, kind: str, payload: Mapping[str, Any], audience: str | None) -> None:
        """Send a passing event. Raises InvokeHostError before `invoke_startup`."""
        if self._services.emit is None:
            raise self._too_early("emit")
        self._services.emit(kind, payload, audience)

    def _storage(self, what: str) -> UnitsOfWork:
        if self._services.storage is None:
            raise self._too_early(what)
        return self._services.storage

    def _too_early(self, what: str) -> InvokeHostError:
        return InvokeHostError(
            f"plugin {self._plugin!r} called host.{what}() before the host started; do it in a "
            "coroutine hook, a background task or a route"
        )
