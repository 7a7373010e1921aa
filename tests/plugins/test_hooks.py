"""Rows of the failure table about hooks: each implementation fits its specification or the host does not start."""

from __future__ import annotations

import inspect

import pytest

from invoke_host.api import PROJECT_NAME, PluginError, hookspecs
from invoke_host.plugins.hooks import TIMEOUTS_S, hook_specs


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("@hookimpl\ndef invoke_rotues(): return []", "unknown hook 'invoke_rotues'; did you mean 'invoke_routes'"),
        (
            "@hookimpl\ndef invoke_routes(app): return []",
            "invoke_routes takes an unknown argument 'app'; it may take: host",
        ),
        ("@hookimpl\nasync def invoke_routes(): return []", "invoke_routes must be a plain `def`"),
        ("@hookimpl\ndef invoke_startup(host): pass", "invoke_startup must be `async def`"),
        ("@hookimpl(tryfirst=True)\ndef invoke_routes(): return []", "tryfirst=True, which the host refuses"),
        ("@hookimpl(trylast=True)\ndef invoke_routes(): return []", "trylast=True, which the host refuses"),
        ("@hookimpl(wrapper=True)\ndef invoke_routes(): return (yield)", "wrapper=True, which the host refuses"),
        ("@hookimpl(hookwrapper=True)\ndef invoke_routes(): yield", "hookwrapper=True, which the host refuses"),
        ("@hookimpl(wrapper=True)\nasync def invoke_startup(): yield", "wrapper=True, which the host refuses"),
        ("@hookimpl(optionalhook=True)\ndef invoke_routes(): return []", "optionalhook=True, which the host refuses"),
        ("@hookimpl(firstresult=True)\ndef invoke_routes(): return []", "can't be imported: TypeError"),
        ("def invoke_routes(host): return []", "invoke_routes lacks the decorator `@hookimpl`"),
    ],
    ids=lambda value: value.splitlines()[-1][:40],
)
def test_a_hook_that_does_not_fit_its_specification_stops_the_start(distributions, load_plugins, body, complaint):
    distributions.add("acme", body)
    with pytest.raises(PluginError) as raised:
        load_plugins("acme")
    assert complaint in str(raised.value)
    assert raised.value.plugin == "acme"


def test_implementations_may_take_fewer_arguments_and_have_defaults_of_their_own(distributions, load_plugins, host):
    distributions.add(
        "acme",
        """
        @hookimpl
        def invoke_actions(extra="acme.look"): return [Action(extra, "image", "")]
        @hookimpl(specname="invoke_models")
        def models_of_mine(host): return []
        """,
    )
    registry = load_plugins("acme")
    assert registry.hooks_of("acme") == ["invoke_actions", "invoke_models"]
    assert registry.collect("invoke_actions", host)[-1].value.name == "acme.look"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("raise KeyError('lost')", "invoke_actions raised KeyError: 'lost'"),
        ("return None", "invoke_actions returned NoneType, want a list"),
        ("return 'acme.look'", "invoke_actions returned str, want a list"),
        ("return ['acme.look']", "invoke_actions handed out str 'acme.look', want Action"),
        ("yield Action('acme.look', 'image', '')\n    raise OSError('half way')", "invoke_actions raised OSError"),
    ],
)
def test_a_registration_hook_that_raises_or_returns_the_wrong_type_names_plugin_and_hook(
    distributions, load_plugins, host, body, complaint
):
    distributions.add("acme", f"@hookimpl\ndef invoke_actions():\n    {body}\n")
    with pytest.raises(PluginError, match="plugin 'acme'") as raised:
        load_plugins("acme").collect("invoke_actions", host)
    assert complaint in str(raised.value)


@pytest.mark.parametrize(
    ("method", "complaint"),
    [
        ("def refresh(self, identity): ...", "its method refresh must be `async def`"),
        (
            "async def refresh(self, identity): ...\n    def from_request(self, request): ...",
            "its method from_request must be `async def`",
        ),
        (
            "async def refresh(self, identity): ...\n    async def check_bind(self, host): ...",
            "its method check_bind must be a plain `def`",
        ),
        ("async def refresh(self, identity): ...\n    name = ''", "it has no `name`"),
    ],
)
def test_an_async_method_written_as_plain_function_or_the_other_way_round_is_refused(
    distributions, load_plugins, host, method, complaint
):
    source = f"class Login(AuthProvider):\n    name = 'acme'\n    {method}\n"
    distributions.add("acme", source + "@hookimpl\ndef invoke_auth_providers(): return [Login()]\n")
    with pytest.raises(PluginError) as raised:
        load_plugins("acme").collect("invoke_auth_providers", host)
    assert complaint in str(raised.value)


def test_registration_hooks_are_called_once(distributions, load_plugins, host):
    distributions.add(
        "acme",
        "made = []\n@hookimpl\ndef invoke_models():\n    made.append(1)\n    return []\ndef count(): return len(made)",
    )
    registry = load_plugins("acme")
    registry.collect("invoke_models", host)
    registry.collect("invoke_models", host)
    assert registry.plugins[-1].object.count() == 1


def test_outcomes_come_in_toml_order_and_carry_the_plugins_name(distributions, load_plugins, host):
    for name in ("zebra", "alpha", "middle"):
        distributions.add(name, f"@hookimpl\ndef invoke_actions(): return [Action('{name}.see', 'image', '')]")
    registry = load_plugins("middle", "zebra", "alpha")
    found = [(each.plugin, each.value.name) for each in registry.collect("invoke_actions", host)]
    assert found[-3:] == [("middle", "middle.see"), ("zebra", "zebra.see"), ("alpha", "alpha.see")]


def test_two_apps_in_one_process_do_not_meet(distributions, load_plugins, host):
    distributions.add("one", "@hookimpl\ndef invoke_models(): return []")
    distributions.add("two", "@hookimpl\ndef invoke_models(): raise ValueError('belongs to the other app')")
    first, second = load_plugins("one"), load_plugins("two")
    assert first.collect("invoke_models", host) == []
    assert [plugin.name for plugin in first.plugins] == ["builtin", "teststore", "one"]
    assert [plugin.name for plugin in second.plugins] == ["builtin", "teststore", "two"]
    with pytest.raises(PluginError):
        second.collect("invoke_models", host)


def test_an_entry_point_that_names_a_class_gives_each_app_its_own_object(distributions, load_plugins, host):
    distributions.add(
        "acme",
        """
        class Acme:
            manifest = PluginManifest("acme", ">=1.0,<2", frozenset({"extension"}))
            def __init__(self): self.calls = []
            @hookimpl
            def invoke_models(self):
                self.calls.append(1)
                return []
        """,
        manifest="",
        attribute="Acme",
    )
    first, second = load_plugins("acme"), load_plugins("acme")
    first.collect("invoke_models", host)
    assert (first.plugins[-1].object.calls, second.plugins[-1].object.calls) == ([1], [])


def test_no_specification_uses_firstresult_or_history():
    for name in hook_specs():
        options = getattr(getattr(hookspecs, name), f"{PROJECT_NAME}_spec")
        assert not options["firstresult"]
        assert not options["historic"]


def test_every_coroutine_hook_has_a_timeout_and_every_other_says_what_it_hands_out():
    assert {spec.name for spec in hook_specs().values() if spec.is_async} == set(TIMEOUTS_S)
    for spec in hook_specs().values():
        assert (spec.item is None) == spec.is_async
        assert inspect.getdoc(getattr(hookspecs, spec.name))
