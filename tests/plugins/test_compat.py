"""Rows of the failure table about manifests and the API range."""

from __future__ import annotations

import pytest

from invoke_host.api import PluginError, PluginManifest
from invoke_host.plugins.compat import check_api


def manifest(api: str) -> PluginManifest:
    return PluginManifest("acme", api, frozenset({"extension"}))


def test_an_api_range_that_excludes_the_host_names_version_range_and_what_is_offered(distributions, load_plugins):
    distributions.add(
        "acme",
        "manifest = PluginManifest('acme', '>=2,<3', frozenset({'extension'}))",
        manifest="",
        version="2.1",
    )
    with pytest.raises(PluginError, match=r"version 2\.1 supports API >=2,<3; this host offers 1\.0"):
        load_plugins("acme")


@pytest.mark.parametrize(("api", "offered"), [(">=1.0,<2", (1, 0)), (">=1.2,<2", (1, 10)), ("~=1.3", (1, 3))])
def test_ranges_compare_numbers_not_text(api, offered):
    check_api(manifest(api), "1", offered)


@pytest.mark.parametrize(("api", "offered"), [(">=1.3,<2", (1, 2)), (">=1.0,<2", (2, 0)), ("==1.1", (1, 0))])
def test_a_range_that_does_not_contain_the_offered_version_is_refused(api, offered):
    with pytest.raises(PluginError, match="supports API"):
        check_api(manifest(api), "1", offered)


@pytest.mark.parametrize("api", ["one", "1.0", ""])
def test_something_that_is_no_range_is_refused(api):
    with pytest.raises(PluginError, match=r"range|supports API"):
        check_api(manifest(api), "1")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("", "has no `manifest = PluginManifest"),
        ("manifest = {'name': 'acme'}", "has no `manifest = PluginManifest"),
        ("manifest = PluginManifest('other', '>=1.0', frozenset())", "must equal the entry point's name"),
        ("manifest = PluginManifest('acme', '>=1.0', frozenset(), config=dict)", "want a subclass of PluginConfig"),
    ],
)
def test_a_manifest_that_is_missing_or_wrong_is_refused(distributions, load_plugins, body, complaint):
    distributions.add("acme", body, manifest="")
    with pytest.raises(PluginError, match=complaint):
        load_plugins("acme")


def test_names_that_the_configuration_needs_itself_are_refused(distributions, load_plugins):
    distributions.add("load")
    with pytest.raises(PluginError, match="not `load` or `builtin`"):
        load_plugins("load")
