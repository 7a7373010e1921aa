"""Rows of the failure table about `[plugins.NAME]`: wrong options are errors with a place, unused tables warnings."""

from __future__ import annotations

import pytest

from invoke_host.api import ConfigError, InvokeHostError, PluginConfig

OPTIONS = """
class Nested(PluginConfig):
    depth: int = 1
class Options(PluginConfig):
    text: str
    size: int = 12
    nested: Nested = Nested()
manifest = PluginManifest("acme", ">=1.0,<2", frozenset({"extension"}), config=Options)
"""


@pytest.fixture
def acme(distributions):
    distributions.add("acme", OPTIONS, manifest="")


def problems(load_plugins, toml):
    with pytest.raises(ConfigError) as raised:
        load_plugins("acme", toml=toml)
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.usefixtures("acme")
def test_every_wrong_option_is_reported_with_file_line_key_and_what_was_expected(load_plugins):
    toml = "# options\n[plugins.acme]\nsize = 'big'\n\n[plugins.acme.nested]\ndepth = 'deep'\n"
    assert sorted(problems(load_plugins, toml)) == [
        "invoke-host.toml:2: plugins.acme.text: is required",
        'invoke-host.toml:3: plugins.acme.size: expected an integer, got "big"',
        'invoke-host.toml:6: plugins.acme.nested.depth: expected an integer, got "deep"',
    ]


@pytest.mark.usefixtures("acme")
def test_an_unknown_option_suggests_the_closest_one(load_plugins):
    (problem,) = problems(load_plugins, "[plugins.acme]\ntext = 'x'\nsiez = 3\n")
    assert problem == "invoke-host.toml:3: plugins.acme.siez: unknown key; did you mean `size`?"


@pytest.mark.usefixtures("acme")
def test_the_wrong_options_of_all_plugins_are_reported_at_once(distributions, load_plugins):
    distributions.add("other")
    with pytest.raises(ConfigError) as raised:
        load_plugins("acme", "other", toml="[plugins.acme]\nsize = 1\n[plugins.other]\nwhat = 1\n")
    assert [problem.key for problem in raised.value.problems] == ["plugins.acme.text", "plugins.other.what"]


@pytest.mark.usefixtures("acme")
def test_a_plugin_reads_its_options_through_the_host(load_plugins, host):
    registry = load_plugins("acme", toml="[plugins.acme]\ntext = 'hello'")
    view = host.view(registry.plugins[-1], {each.name: each for each in registry.plugins})
    assert (view.config("acme").text, view.config("acme").size) == ("hello", 12)
    assert view.options(type(view.config("acme"))).text == "hello"
    with pytest.raises(InvokeHostError, match="asked for options of type Other, its manifest says config=Options"):
        view.options(type("Other", (PluginConfig,), {}))
    with pytest.raises(InvokeHostError, match="asked for the options of 'acne', not loaded"):
        view.config("acne")


@pytest.mark.usefixtures("acme")
def test_a_table_for_a_plugin_that_is_not_loaded_is_a_warning_with_its_place(load_plugins):
    registry = load_plugins("acme", toml="[plugins.acme]\ntext = 'x'\n[plugins.acne]\ntext = 'y'\n")
    assert registry.warnings == [
        "invoke-host.toml:3: [plugins.acne] has no effect, no plugin 'acne' is loaded; did you mean 'acme'?"
    ]
