"""May this plugin run in this host? Judged from its manifest, before any of its hooks is registered."""

from __future__ import annotations

import re
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from invoke_host.api import API_VERSION, PluginConfig, PluginError, PluginManifest

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def manifest_of(name: str, plugin: Any, version: str) -> PluginManifest:
    """The manifest of an imported plugin. Raises PluginError if it lacks one, or the one it has does not fit."""
    manifest = getattr(plugin, "manifest", None)
    if not isinstance(manifest, PluginManifest):
        raise PluginError(
            name, f"its entry point names {_describe(plugin)}, which has no `manifest = PluginManifest(...)`"
        )
    if manifest.name != name:
        raise PluginError(name, f"its manifest says name={manifest.name!r}; it must equal the entry point's name")
    if not _NAME.fullmatch(name) or name in ("load", "builtin"):
        raise PluginError(name, "a plugin's name is lower-case letters, digits and _, and not `load` or `builtin`")
    if not (isinstance(manifest.config, type) and issubclass(manifest.config, PluginConfig)):
        raise PluginError(name, f"manifest.config is {manifest.config!r}, want a subclass of PluginConfig")
    check_api(manifest, version)
    return manifest


def check_api(manifest: PluginManifest, version: str, offered: tuple[int, int] = API_VERSION) -> None:
    """Raise PluginError unless the manifest's range contains the API version that this host offers."""
    here = ".".join(map(str, offered))
    try:
        fits = SpecifierSet(manifest.api).contains(here)
    except InvalidSpecifier:
        raise PluginError(manifest.name, f'manifest.api is {manifest.api!r}, want a range such as ">=1.0,<2"') from None
    if not manifest.api.strip() or not fits:
        raise PluginError(
            manifest.name,
            f"version {version} supports API {manifest.api or '(none)'}; this host offers {here}; "
            "install a version of the plugin, or of the host, that fits",
        )


def _describe(plugin: Any) -> str:
    return f"module {plugin.__name__}" if hasattr(plugin, "__name__") else type(plugin).__name__
