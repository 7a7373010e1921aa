"""What the loaded plugins hand out, narrowed to what the configuration chose: by name, in TOML order, no duplicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from invoke_host.api import (
    Action,
    AuthProvider,
    BackgroundTask,
    BlobStore,
    ConfigError,
    ConfigProblem,
    Executor,
    HealthCheck,
    JobAdmission,
    ModelOffer,
    PluginError,
    Policy,
    ResourceType,
    Route,
    StorageBackend,
)
from invoke_host.api.manifest import Provides
from invoke_host.plugins.facade import HostServices
from invoke_host.plugins.loaded import Outcome
from invoke_host.plugins.registry import PluginRegistry
from invoke_host.plugins.selection import KEYS, Selection, Want


class Offers:
    """The composition root's view of the registry. Each method calls its hook at first use and may raise PluginError.

    A name in the configuration that no plugin hands out raises ConfigError, naming file and line and what is offered.
    """

    def __init__(self, registry: PluginRegistry, host: HostServices) -> None:
        if registry.selection is None:
            raise ValueError("this registry was built without a Selection, so nothing is chosen")
        self._registry = registry
        self._selection: Selection = registry.selection
        self._host = host

    def storage_backend(self) -> StorageBackend:
        """The database backend of `[storage] backend`. Call this before any other: it is the first hook."""
        chosen: list[StorageBackend] = self._chosen("invoke_storage_backends", "storage")
        return chosen[0]

    def blob_store(self) -> BlobStore:
        """The place for image files of `[storage] blobs`."""
        chosen: list[BlobStore] = self._chosen("invoke_blob_stores", "blobs")
        return chosen[0]

    def executor(self) -> Executor:
        """The executor of `[generation] executor`."""
        chosen: list[Executor] = self._chosen("invoke_executors", "executor")
        return chosen[0]

    def providers(self) -> list[AuthProvider]:
        """The login providers of `[auth] providers`, in that order."""
        return self._chosen("invoke_auth_providers", "auth")

    def policies(self) -> list[Policy]:
        """The policies of `[access] policies`."""
        return self._chosen("invoke_policies", "policy")

    def actions(self) -> list[Action]:
        """All actions; equal declarations of one name count once, different ones are an error."""
        return self._unique("invoke_actions", lambda action: action.name, equal=True)

    def resource_types(self) -> list[ResourceType]:
        """All resource types."""
        return self._unique("invoke_resource_types", lambda resource: resource.name)

    def job_admissions(self) -> list[Outcome[JobAdmission]]:
        """Who has a word in what is enqueued, with the plugin they belong to."""
        return self._registry.collect("invoke_admit_job", self._host)

    def models(self) -> list[ModelOffer]:
        """Models that come with plugins."""
        return self._unique("invoke_models", lambda model: model.key)

    def background_tasks(self) -> list[Outcome[BackgroundTask]]:
        """Repeated work, with the plugin it belongs to."""
        return self._registry.collect("invoke_background_tasks", self._host)

    def health_checks(self) -> list[Outcome[HealthCheck]]:
        """Questions for `/readyz`, with the plugin they belong to."""
        return self._registry.collect("invoke_health_checks", self._host)

    def routes(self) -> dict[str, list[Route]]:
        """Routes by plugin, paths as the plugin wrote them; the web app mounts and judges them."""
        routes: dict[str, list[Route]] = {}
        for outcome in self._registry.collect("invoke_routes", self._host):
            routes.setdefault(outcome.plugin, []).append(outcome.value)
        return routes

    def _chosen(self, hook: str, role: Provides) -> list[Any]:
        """Objects of the wanted names, in the order wanted; the dispatcher has checked of what kind they are."""
        offered = self._by_key(hook, lambda value: value.name)
        names = self._selection.names(role)
        missing = [name for name in names if name not in offered]
        if missing:
            raise ConfigError([self._not_offered(name, role, offered) for name in missing])
        return [offered[name].value for name in names]

    def _not_offered(self, name: str, role: Provides, offered: Mapping[str, object]) -> ConfigProblem:
        key = Want(name, role).key
        close = get_close_matches(name, offered, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        known = ", ".join(sorted(offered)) or "nothing"
        text = f"no loaded plugin offers {name!r} here; {hint}(offered: {known})"
        return ConfigProblem(self._selection.where(key), KEYS[role], text)

    def _unique(self, hook: str, key: Callable[[Any], str], *, equal: bool = False) -> list[Any]:
        return [outcome.value for outcome in self._by_key(hook, key, equal=equal).values()]

    def _by_key(self, hook: str, key: Callable[[Any], str], *, equal: bool = False) -> Mapping[str, Outcome[Any]]:
        found: dict[str, Outcome[Any]] = {}
        outcomes: Sequence[Outcome[Any]] = self._registry.collect(hook, self._host)
        for outcome in outcomes:
            first = found.setdefault(key(outcome.value), outcome)
            if first is not outcome and not (equal and first.value == outcome.value):
                raise PluginError(
                    outcome.plugin,
                    f"{hook}: {key(outcome.value)!r} is handed out by plugin {first.plugin!r} already; "
                    "rename it, or load only one of them",
                )
        return found
