"""Login with the company directory: the plugin object that the entry point `ldap` names."""

from __future__ import annotations

from collections.abc import Iterable

from invoke_auth_ldap.options import LdapOptions
from invoke_auth_ldap.provider import LdapProvider
from invoke_host.api import AuthProvider, HostView, PluginManifest, hookimpl

__all__ = ["LdapOptions", "LdapProvider", "plugin"]


class LdapPlugin:
    """What the entry point `ldap` names."""

    manifest = PluginManifest(
        name="ldap",
        api=">=1.0,<2",
        provides=frozenset({"auth"}),
        config=LdapOptions,
        description="Login with the company directory: OpenLDAP, Active Directory, FreeIPA, 389-DS.",
    )

    @hookimpl
    def invoke_auth_providers(self, host: HostView) -> Iterable[AuthProvider]:
        """The provider `ldap`."""
        return [LdapProvider(host, host.options(LdapOptions))]


plugin = LdapPlugin()
