"""What the configuration chose among what plugins hand out; clashes and missing things are errors with a place."""

from __future__ import annotations

import pytest

from invoke_host.api import ConfigError, PluginError
from invoke_host.plugins import BUILT_IN, HostServices, Makers, Offers, PluginRegistry, builtin, guarded
from invoke_host.vocabulary import RESOURCES

POLICY = """
class Mine(Policy):
    def __init__(self, name): self.name = name
    def grant(self, actor, action, resource, facts): return None
@hookimpl
def invoke_policies(): return [{policies}]
"""


@pytest.fixture
def offers(load_plugins, host):
    return lambda *names, **more: Offers(load_plugins(*names, **more), host)


def test_policies_come_in_toml_order_and_only_those_named(distributions, offers):
    distributions.add("acme", POLICY.format(policies="Mine('acme'), Mine('unnamed')"))
    chosen = offers("acme", toml="[access]\npolicies = ['owner', 'acme', 'admin']").policies()
    assert [policy.name for policy in chosen] == ["owner", "acme", "admin"]


def test_a_plugin_in_load_may_hand_out_a_policy_under_another_name(distributions, offers):
    manifest = "manifest = PluginManifest('acme', '>=1.0,<2', frozenset({'policy'}))"
    distributions.add("acme", POLICY.format(policies="Mine('weekends')"), manifest=manifest)
    chosen = offers("acme", toml="[access]\npolicies = ['weekends']").policies()
    assert [policy.name for policy in chosen] == ["weekends"]


def test_a_name_that_no_loaded_plugin_hands_out_is_an_error_with_place_and_close_match(distributions, offers):
    manifest = "manifest = PluginManifest('acme', '>=1.0,<2', frozenset({'policy'}))"
    distributions.add("acme", POLICY.format(policies="Mine('weekends')"), manifest=manifest)
    chosen = offers("acme", toml="[access]\npolicies = ['weekend']")
    with pytest.raises(ConfigError, match=r"invoke-host.toml:2: access.policies: .*did you mean 'weekends'"):
        chosen.policies()


def test_two_plugins_handing_out_the_same_policy_name_are_an_error_naming_both(distributions, offers):
    distributions.add("acme", POLICY.format(policies="Mine('owner')"))
    with pytest.raises(PluginError, match=r"plugin 'acme': .*'owner' is handed out by plugin 'builtin' already"):
        offers("acme").policies()


def test_equal_actions_of_two_plugins_count_once_and_different_ones_are_an_error(distributions, offers):
    hook = "@hookimpl\ndef invoke_actions(): return [Action('look', 'image', {text!r})]"
    distributions.add("one", hook.format(text="a"))
    distributions.add("same", hook.format(text="a"))
    distributions.add("other", hook.format(text="b"))
    assert [action.name for action in offers("one", "same").actions()].count("look") == 1
    with pytest.raises(PluginError, match=r"plugin 'other'.*'look' is handed out by plugin 'one' already"):
        offers("one", "other").actions()


ROUTES = """
async def handler(request): ...
@hookimpl
def invoke_routes(host): return [Route("GET", path, handler, PUBLIC) for path in {paths}]
"""


def test_routes_come_by_plugin_for_the_web_app_to_mount(distributions, offers):
    distributions.add("acme", ROUTES.format(paths=["/", "/greeting"]))
    distributions.add("other", ROUTES.format(paths=["/greeting"]))
    routes = offers("acme", "other").routes()
    assert {plugin: [route.path for route in own] for plugin, own in routes.items()} == {
        "acme": ["/", "/greeting"],
        "other": ["/greeting"],
    }


def test_models_with_the_same_key_are_an_error(distributions, offers):
    hook = "@hookimpl\ndef invoke_models(host): return [ModelOffer('m', 'M', Path('/nowhere'))]"
    distributions.add("one", hook)
    distributions.add("two", hook)
    assert [model.key for model in offers("one").models()] == ["m"]
    with pytest.raises(PluginError, match="'m' is handed out by plugin 'one' already"):
        offers("one", "two").models()


def test_built_in_names_are_what_the_built_in_plugin_hands_out(host, log, tmp_path):
    from invoke_host.generation.local import LocalExecutor
    from invoke_host.storage.blobs import FilesystemBlobStore

    makers = Makers(
        executor=lambda view: LocalExecutor.__new__(LocalExecutor),
        blob_store=lambda view: FilesystemBlobStore(tmp_path / "blobs"),
    )
    registry = PluginRegistry([builtin(makers)], log.logger)
    roles = {
        "auth": "invoke_auth_providers",
        "policy": "invoke_policies",
        "blobs": "invoke_blob_stores",
        "executor": "invoke_executors",
        "storage": "invoke_storage_backends",
    }
    for role, hook in roles.items():
        assert {outcome.value.name for outcome in registry.collect(hook, host)} == BUILT_IN[role], role


def test_the_vocabulary_of_the_slices_is_handed_out_by_the_built_in_plugin(offers):
    chosen = offers()
    assert {resource.name for resource in chosen.resource_types()} == {each.name for each in RESOURCES}
    assert {"image.view", "board.share", "workflow.publish", "queue_item.cancel"} <= {
        action.name for action in chosen.actions()
    }


TASKS = """
async def sweep(): ...
async def look(): return Health("x", "ok")
@hookimpl
def invoke_background_tasks(host): return [BackgroundTask("sweep", sweep, 60)]
@hookimpl
def invoke_health_checks(host): return [HealthCheck("look", look)]
"""


async def test_tasks_and_checks_keep_their_plugins_name(distributions, offers, log):
    distributions.add("acme", TASKS)
    chosen = offers("acme")
    assert [(each.plugin, each.value.name) for each in chosen.background_tasks()] == [("acme", "sweep")]
    (check,) = guarded(chosen.health_checks(), log.logger, clock=None)
    assert (await check.run()).name == "acme.look"


def test_services_exist_for_plugins_only_after_the_host_attached_them(distributions, load_plugins, tmp_path, log):
    registry = load_plugins()
    host = HostServices(tmp_path, log.logger)
    view = host.view(registry.plugins[-1], {})
    sent = []
    with pytest.raises(Exception, match=r"'teststore' called host.emit\(\) before the host started"):
        view.emit("greeting", {}, None)
    host.attach(emit=lambda *arguments: sent.append(arguments))
    view.emit("greeting", {"text": "hi"}, "alice")
    assert sent == [("greeting", {"text": "hi"}, "alice")]
    view.log.info("hello")
    assert log.events("hello")[0]["plugin"] == "teststore"
