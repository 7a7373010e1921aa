"""Login with e-mail and password: the plugin object that the entry point `local` names."""

from __future__ import annotations

from collections.abc import Iterable

from invoke_auth_local.options import LocalOptions
from invoke_auth_local.provider import LocalProvider
from invoke_auth_local.tables import lineage
from invoke_host.api import AuthProvider, HostView, PluginManifest, hookimpl

__all__ = ["LocalOptions", "LocalProvider", "plugin"]


class LocalPlugin:
    """What the entry point `local` names."""

    manifest = PluginManifest(
        name="local",
        api=">=1.0,<2",
        provides=frozenset({"auth"}),
        config=LocalOptions,
        lineage=lineage,
        description="Login with e-mail and password, kept in this host's database.",
    )

    @hookimpl
    def invoke_auth_providers(self, host: HostView) -> Iterable[AuthProvider]:
        """The provider `local`."""
        return [LocalProvider(host, host.options(LocalOptions))]


plugin = LocalPlugin()
