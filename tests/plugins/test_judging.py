"""All that is wrong is told at once: by the schema, the rules, the names of plugins, the plugins, and their options."""

from __future__ import annotations

import pytest

from invoke_host.api import ConfigError, PluginError
from invoke_host.config import read
from invoke_host.plugins import Judgement, judge

from .conftest import MAKERS

SIZED = """
class Options(PluginConfig):
    size: int = 12
manifest = PluginManifest("acme", ">=1.0,<2", frozenset({"extension"}), config=Options)
"""


@pytest.fixture
def judged(tmp_path, log, distributions):
    """Judge a file; plugins `teststore` and `acme` are installed, the latter with an option `size`."""
    distributions.add("teststore")
    distributions.add("acme", SIZED, manifest="")

    def judge_text(text: str, env: dict[str, str] | None = None) -> Judgement:
        (tmp_path / "invoke-host.toml").write_text(text)
        return judge(read(tmp_path, env=env or {}), log=log.logger, makers=MAKERS)

    return judge_text


def short(judgement: Judgement) -> list[str]:
    """Line, key and the first words of each problem."""
    return [
        f"{each.where.removeprefix('invoke-host.toml:')} {each.key}: {' '.join(each.message.split()[:4])}"
        for each in judgement.problems
    ]


def test_every_judge_is_heard_in_the_order_of_the_file(judged):
    judgement = judged(
        "[plugins]\nload = ['acme', 'nope']\n[plugins.acme]\nsize = 'big'\n"
        "[storage]\nbackend = 'teststor'\n[access]\npolicies = []\n[server]\nport = 'abc'\n"
        "[auth]\nproviders = ['kerberos']\n",
        env={"INVOKE_HOST_PLUGINS__ACME__SIEZ": "1", "INVOKE_HOST_SERVER__HOTS": "x"},
    )
    assert short(judgement) == [
        "2 plugins.load: plugin 'nope' is not",
        "4 plugins.acme.size: expected an integer, got",
        "6 storage.backend: plugin 'teststor' is not",
        "8 access.policies: names no policy, so",
        "10 server.port: expected an integer, got",
        "12 auth.providers: plugin 'kerberos' is not",
        "environment INVOKE_HOST_SERVER__HOTS : unknown variable; did you",
        "environment INVOKE_HOST_PLUGINS__ACME__SIEZ plugins.acme.siez: unknown key; did you",
    ]
    assert judgement.registry is None


def test_a_plugin_that_can_not_be_used_is_told_at_the_key_that_names_it_beside_the_rest(judged, distributions):
    distributions.add("broken", "raise ValueError('no licence')")
    judgement = judged("[storage]\nbackend = 'teststore'\n[plugins]\nload = ['broken']\n[server]\nport = 'abc'\n")
    assert short(judgement) == [
        "4 plugins.load: plugin 'broken': invoke-host-broken 1.2.3",
        "6 server.port: expected an integer, got",
    ]
    error = judgement.error()
    assert isinstance(error, ConfigError)
    assert isinstance(error.__cause__, PluginError)


def test_a_plugin_that_is_all_that_is_wrong_is_raised_as_it_is_with_its_cause_and_the_warnings(judged, distributions):
    distributions.add("broken", "raise ValueError('no licence')")
    judgement = judged("[storage]\nbackend = 'teststore'\n[plugins]\nload = ['broken']\n[plugins.other]\n")
    error = judgement.error()
    assert isinstance(error, PluginError)
    assert isinstance(error.__cause__, ValueError)
    assert [each.split()[0] for each in error.warnings] == ["invoke-host.toml:5:"]
    assert judgement.problems[0].where == "invoke-host.toml:4"


def test_a_plugin_with_a_wrong_hook_is_told_at_the_key_that_names_it(judged, distributions):
    distributions.add("hooked", "@hookimpl\ndef invoke_rutes(): ...")
    judgement = judged("[storage]\nbackend = 'teststore'\n[plugins]\nload = ['hooked']\n")
    assert [each.split(":")[0] for each in short(judgement)] == ["4 plugins.load"]
    assert isinstance(judgement.error(), PluginError)


def test_options_of_the_plugin_that_a_misspelt_name_meant_are_judged(judged):
    judgement = judged("[storage]\nbackend = 'teststore'\n[plugins]\nload = ['acmee']\n[plugins.acme]\nsiez = 1\n")
    assert short(judgement) == ["4 plugins.load: plugin 'acmee' is not", "6 plugins.acme.siez: unknown key; did you"]
    assert judgement.warnings == ()


@pytest.mark.parametrize("load", ["'acmee'", "'other'"])
def test_a_plugin_is_not_imported_for_a_name_unlike_its_own_or_without_a_table(judged, distributions, load):
    table = "[plugins.acme]\nsiez = 1\n" if load == "'other'" else ""
    judged(f"[storage]\nbackend = 'teststore'\n[plugins]\nload = [{load}]\n{table}")
    assert distributions.imported() == ["invoke_host_teststore_teststore"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[storage]\nbackend = 5\n[plugins]\nload = ['nope']\n[plugins.x]\n", ["2 storage.backend", "4 plugins.load"]),
        ("storage = 5\n[plugins]\nload = []\n", ["1 storage"]),
        ("[storage]\nbackend = 'teststore'\n[plugins]\nload = 5\n[auth]\nproviders = ['x']\n", ["4 plugins.load"]),
        ("[storage]\nbackend = 'teststore'\n[plugins]\nload = ['acme']\nacme = 5\n", ["5 plugins.acme"]),
        ("[storage\nbackend = 'nope'\n[plugins]\nload = ['nope']\n", ["1 "]),
    ],
)
def test_what_rests_on_a_wrong_value_is_neither_told_nor_warned_of(judged, text, told):
    judgement = judged(text)
    assert [each.split(":")[0] for each in short(judgement)] == told
    assert judgement.warnings == ()


def test_options_that_are_no_table_are_not_called_missing_as_well(judged, distributions):
    distributions.add("needy", SIZED.replace("acme", "needy").replace(" = 12", ""), manifest="")
    named = "[storage]\nbackend = 'teststore'\n[plugins]\nload = ['needy']\n"
    assert short(judged(named)) == ["3 plugins.needy.size: is required"]
    assert [each.split(":")[0] for each in short(judged(f"{named}needy = 5\n"))] == ["5 plugins.needy"]


def test_a_login_that_a_plugin_may_hand_out_is_not_called_missing_while_that_plugin_can_not_be_used(
    judged, distributions
):
    distributions.add("broken", "raise ValueError('no licence')")
    judgement = judged(
        "[storage]\nbackend = 'teststore'\n[plugins]\nload = ['broken', 'nope']\n[auth]\nproviders = ['company']\n"
    )
    assert [each.split(":")[0] for each in short(judgement)] == ["4 plugins.load", "4 plugins.load"]


def test_without_problems_there_is_a_registry_and_the_warnings(judged):
    judgement = judged("[storage]\nbackend = 'teststore'\n[plugins]\nload = ['acme']\n[plugins.acne]\n")
    assert judgement.problems == ()
    assert judgement.registry is not None
    assert list(judgement.warnings) == judgement.registry.warnings
    assert "did you mean 'acme'" in judgement.warnings[0]
