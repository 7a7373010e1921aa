"""Rows of the failure table about names: what is in the TOML, what is installed, and what gets imported."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from invoke_host.api import ENTRY_POINT_GROUP, ConfigError, PluginError, StartupError
from invoke_host.plugins import Installed, report


def test_a_name_in_the_toml_without_entry_point_names_installed_plugins_and_close_match(distributions, load_plugins):
    distributions.add("watermark")
    with pytest.raises(StartupError) as raised:
        load_plugins(toml='[plugins]\n# the picture plugins\nload = ["watermrk"]')
    text = str(raised.value)
    assert text.startswith("invoke-host.toml:3: plugins.load: ")
    assert "did you mean 'watermark'?" in text
    assert text.endswith("teststore, watermark)")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sqlit", "'sqlit' is not installed; did you mean 'sqlite'? (installed: acme, sqlite)"),
        ("zzz", "'zzz' is not installed (installed: acme, sqlite)"),
        ("invoke-host-sqlite", "'invoke-host-sqlite' is not installed (installed: acme, sqlite)"),
    ],
)
def test_no_pip_line_names_a_distribution_that_the_project_does_not_publish(name, told):
    assert Installed([entry("sqlite"), entry("acme")]).missing(name) == told


def test_a_misspelt_name_of_the_project_gets_the_pip_line_of_the_plugin_that_it_meant():
    told = Installed([entry("acme")]).missing("sqlit")
    assert told.startswith("'sqlit' is not installed; did you mean 'sqlite'? (installed: acme); to install 'sqlite': ")
    assert told.endswith("pip install invoke-host-storage-sqlite")


def entry(name: str) -> EntryPoint:
    return EntryPoint(name, "nothing.to_import", ENTRY_POINT_GROUP)


@pytest.mark.parametrize(
    ("section", "key", "name", "distribution"),
    [
        ("auth", "providers", "local", "invoke-host-auth-local"),
        ("auth", "providers", "ldap", "invoke-host-auth-ldap"),
        ("storage", "backend", "sqlite", "invoke-host-storage-sqlite"),
        ("plugins", "load", "model_emoji", "invoke-host-model-emoji"),
    ],
)
def test_a_known_plugin_that_is_not_installed_is_named_with_its_own_distribution(
    load_plugins, monkeypatch, section, key, name, distribution
):
    monkeypatch.setattr(Installed, "__contains__", lambda self, each: each == "teststore")
    value = name if key == "backend" else [name]
    toml = f"[{section}]\n{key} = {value!r}"
    with pytest.raises(ConfigError) as raised:
        load_plugins(toml=toml)
    assert [(problem.key, problem.message.split()[-1]) for problem in raised.value.problems] == [
        (f"{section}.{key}", distribution)
    ]


def test_all_names_that_nothing_serves_are_reported_at_once(load_plugins):
    with pytest.raises(ConfigError) as raised:
        load_plugins(toml="[auth]\nproviders = ['kerberos', 'saml']\n[access]\npolicies = ['owner', 'weekends']")
    assert [problem.key for problem in raised.value.problems] == ["auth.providers", "auth.providers", "access.policies"]


def test_built_in_names_are_among_the_suggestions(load_plugins):
    with pytest.raises(ConfigError, match="did you mean 'owner'"):
        load_plugins(toml="[access]\npolicies = ['owners']")


def test_two_distributions_with_the_same_entry_point_name_are_an_error_naming_both(distributions, load_plugins):
    distributions.add("watermark", distribution="acme-watermark", version="1.0")
    distributions.add("watermark", distribution="other-watermark", version="2.0")
    with pytest.raises(PluginError, match=r"acme-watermark 1\.0 and other-watermark 2\.0 both install") as raised:
        load_plugins("watermark")
    assert raised.value.plugin == "watermark"
    assert "acme_watermark_watermark" not in distributions.imported()


def test_a_plugin_that_is_installed_but_not_named_is_not_imported(distributions, load_plugins):
    distributions.add("watermark")
    distributions.add("unwanted", "raise RuntimeError('imported although nobody asked')")
    registry = load_plugins("watermark")
    assert distributions.imported() == ["invoke_host_teststore_teststore", "invoke_host_watermark_watermark"]
    assert [(each.name, each.state) for each in report(registry)][-1] == ("unwanted", "installed")


def test_a_failing_import_names_the_first_line_of_the_cause_and_the_version(distributions, load_plugins):
    distributions.add("broken", "raise ValueError('no licence\\nsecond line')", version="4.5.6")
    with pytest.raises(PluginError, match=r"invoke-host-broken 4\.5\.6 can't be imported: ValueError: no licence;"):
        load_plugins("broken")


def test_plugins_are_listed_in_call_order_with_version_hooks_and_options(distributions, load_plugins):
    distributions.add(
        "watermark",
        """
        class Options(PluginConfig):
            text: str = "x"
        manifest = PluginManifest(
            "watermark", ">=1.0,<2", frozenset({"extension"}), config=Options, description="marks"
        )
        @hookimpl
        def invoke_routes(): return []
        """,
        manifest="",
    )
    rows = [row for row in report(load_plugins("watermark")) if row.state == "loaded"]
    assert [row.name for row in rows] == ["builtin", "teststore", "watermark"]
    assert rows[2].to_dict() == {
        "name": "watermark",
        "state": "loaded",
        "distribution": "invoke-host-watermark",
        "version": "1.2.3",
        "api": ">=1.0,<2",
        "provides": ("extension",),
        "hooks": ("invoke_routes",),
        "options": ("text",),
        "description": "marks",
        "homepage": "",
    }
