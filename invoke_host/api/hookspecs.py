"""Every hook, nothing else. Implement them in the module or object that your entry point names, with `@hookimpl`.

Hooks named `invoke_startup`, `invoke_shutdown` and `invoke_event` are coroutines; all others are plain functions that
hand out typed objects once, at registration. Implementations may take fewer arguments than the specification. Order is
the order of the names in the TOML; `tryfirst`, `trylast` and wrappers are refused.
"""

# mypy: disable-error-code="empty-body"
# A specification is a signature and a docstring; pluggy never calls its body.

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pluggy

from invoke_host.api.access import Action, Policy, ResourceType
from invoke_host.api.admission import JobAdmission
from invoke_host.api.events import Event
from invoke_host.api.execution import Executor, ModelOffer
from invoke_host.api.identity import AuthProvider
from invoke_host.api.manifest import PluginConfig
from invoke_host.api.storage import BlobStore, StorageBackend
from invoke_host.api.web import BackgroundTask, HealthCheck, Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

PROJECT_NAME = "invoke_host"

C = TypeVar("C", bound=PluginConfig)

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)


class HostView(Protocol):
    """The narrow part of the host that a plugin sees."""

    @property
    def root(self) -> Path:
        """The folder that holds everything this host owns."""
        ...

    @property
    def database_path(self) -> Path | None:
        """`[storage] path`: where a file-based storage backend keeps its file; None = its own choice under `root`."""
        ...

    @property
    def log(self) -> FilteringBoundLogger:
        """A logger bound to the plugin's name."""
        ...

    def options(self, model: type[C]) -> C:
        """The plugin's own validated options; `model` is its manifest's `config`."""
        ...

    def config(self, plugin: str) -> PluginConfig:
        """The validated options of a plugin, an instance of its manifest's `config`."""
        ...

    async def read(self, unit: Callable[..., Any], *args: Any) -> Any:
        """Run `unit(connection, *args)` in a read transaction on a database thread."""
        ...

    async def write(self, unit: Callable[..., Any], *args: Any) -> Any:
        """Run `unit(connection, *args)` in a write transaction; returns after commit."""
        ...

    def emit(self, kind: str, payload: Mapping[str, Any], audience: str | None) -> None:
        """Send a passing event (not kept) to one user's streams, or to everybody's with None."""
        ...


@hookspec
def invoke_storage_backends(host: HostView) -> Iterable[StorageBackend]:
    """Offer database backends; the one whose name is `[storage] backend` is used. Called first of all hooks."""


@hookspec
def invoke_blob_stores(host: HostView) -> Iterable[BlobStore]:
    """Offer places for image files; the one whose name is `[storage] blobs` is used."""


@hookspec
def invoke_auth_providers(host: HostView) -> Iterable[AuthProvider]:
    """Offer ways to log in; those named in `[auth] providers` are asked, in that order."""


@hookspec
def invoke_actions(host: HostView) -> Iterable[Action]:
    """Add actions; two plugins may declare the same name only with equal values."""


@hookspec
def invoke_resource_types(host: HostView) -> Iterable[ResourceType]:
    """Add kinds of things that policies can speak about; names are unique."""


@hookspec
def invoke_policies(host: HostView) -> Iterable[Policy]:
    """Offer access policies; those named in `[access] policies` are combined, order does not matter."""


@hookspec
def invoke_executors(host: HostView) -> Iterable[Executor]:
    """Offer executors; the one whose name is `[generation] executor` is used."""


@hookspec
def invoke_admit_job(host: HostView) -> Iterable[JobAdmission]:
    """Have a word in what is enqueued, beside the host's limits; all are asked, 2 s each, and each can refuse."""


@hookspec
def invoke_models(host: HostView) -> Iterable[ModelOffer]:
    """Offer models that come with the plugin; keys are unique."""


@hookspec
def invoke_routes(host: HostView) -> Iterable[Route]:
    """Add HTTP routes; they are mounted under `/x/<plugin>/` and each must carry its Access."""


@hookspec
def invoke_background_tasks(host: HostView) -> Iterable[BackgroundTask]:
    """Add repeated work; each task is supervised and its failures show in health."""


@hookspec
def invoke_health_checks(host: HostView) -> Iterable[HealthCheck]:
    """Add answers to `/readyz`."""


@hookspec
async def invoke_startup(host: HostView) -> None:
    """Called after migrations, before the host listens, in TOML order. Raising or taking over 30 s stops the start."""


@hookspec
async def invoke_shutdown(host: HostView) -> None:
    """Called after the last request, in reverse order, with 10 s each; a failure is logged and the others go on."""


@hookspec
async def invoke_event(host: HostView, event: Event) -> None:
    """Called after commit for each kept event while the host runs, in order; may repeat. 5 s, failures are logged."""
