"""What the host itself brings, as a plugin among plugins: named `builtin`, registered first, through the same checks.

The only place in `plugins/` that knows slices. Each hook imports what it hands out, so that listing plugins is cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import invoke_host
from invoke_host.api import (
    API_VERSION,
    Action,
    AuthProvider,
    BlobStore,
    Executor,
    HostView,
    PluginManifest,
    Policy,
    ResourceType,
    hookimpl,
)
from invoke_host.plugins.loaded import LoadedPlugin


@dataclass(frozen=True, slots=True)
class Makers:
    """How to make the built-in objects that need values of the configuration; called at most once, when needed."""

    executor: Callable[[HostView], Executor]
    blob_store: Callable[[HostView], BlobStore]
    allow_remote: bool = False


class BuiltinPlugin:
    """Policies, login `none`, blob store `filesystem`, executor `local`, and the slices' actions and resource types."""

    manifest = PluginManifest(
        name="builtin",
        api=f"=={API_VERSION[0]}.{API_VERSION[1]}",
        provides=frozenset({"auth", "policy", "blobs", "executor"}),
        description="What the host brings itself",
    )

    def __init__(self, makers: Makers) -> None:
        self._makers = makers

    @hookimpl
    def invoke_blob_stores(self, host: HostView) -> Iterable[BlobStore]:
        """Files in a folder below the host's root."""
        return [self._makers.blob_store(host)]

    @hookimpl
    def invoke_auth_providers(self) -> Iterable[AuthProvider]:
        """Single-user mode."""
        from invoke_host.identity.none import NoneProvider

        return [NoneProvider(allow_remote=self._makers.allow_remote)]

    @hookimpl
    def invoke_actions(self) -> Iterable[Action]:
        """What can be done in each slice."""
        from invoke_host.vocabulary import ACTIONS

        return ACTIONS

    @hookimpl
    def invoke_resource_types(self) -> Iterable[ResourceType]:
        """The kinds of things of each slice."""
        from invoke_host.vocabulary import RESOURCES

        return RESOURCES

    @hookimpl
    def invoke_policies(self) -> Iterable[Policy]:
        """What `docs/explanation/access.md` tells, one policy for each paragraph."""
        from invoke_host.access.policies import BUILTIN

        return [policy() for policy in BUILTIN]

    @hookimpl
    def invoke_executors(self, host: HostView) -> Iterable[Executor]:
        """One worker process per device of this machine."""
        return [self._makers.executor(host)]


def builtin(makers: Makers) -> LoadedPlugin:
    """The host's own plugin, ready to register."""
    return LoadedPlugin(
        name="builtin",
        version=invoke_host.__version__,
        distribution="invoke-host",
        manifest=BuiltinPlugin.manifest,
        object=BuiltinPlugin(makers),
    )
