"""The manifest suite proves itself: an honest plugin passes all of it, each broken one fails the test meant for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from invoke_host.api import PluginError
from invoke_host.testing.contracts import ManifestContract
from invoke_host.testing.distributions import Distributions

OPTIONS = """
class Options(PluginConfig):
    text: str = "hello"
    size: int = 12
"""
MANIFEST = 'manifest = PluginManifest("acme", ">=1.0,<2", frozenset({"extension"}), config=Options)\n'
HOOK = "@hookimpl\ndef invoke_routes(host): return []\n"
THREAD = "import threading\nthreading.Thread(target=threading.Event().wait, args=(5,), daemon=True).start()\n"
COMPUTE = "import time\nuntil = time.process_time() + 0.6\nwhile time.process_time() < until: pass\n"
README = "Options: `text` is what to say, `size` how large."


class Acme(ManifestContract):
    plugin = "acme"
    import_budget_s = 0.5


TESTS: list[str] = [name for name, _ in inspect.getmembers(Acme, inspect.isfunction) if name.startswith("test_")]


@pytest.fixture
def distributions(tmp_path, monkeypatch):
    made = Distributions(tmp_path / "site", monkeypatch)
    yield made
    made.remove()


@pytest.fixture
def install(distributions) -> Callable[..., None]:
    def make(options=OPTIONS, manifest=MANIFEST, body=HOOK, readme=README, name="acme"):
        distributions.add(name, body, manifest=options + manifest, readme=readme)

    return make


@pytest.mark.parametrize("test", TESTS)
def test_an_honest_plugin_passes(install, test):
    install()
    getattr(Acme(), test)()


LOADS = "test_it_loads_by_its_entry_point_and_fits_this_host"
RANGE = "test_its_api_range_ends_before_the_next_major_version"
UNKNOWN = "test_its_options_refuse_unknown_keys"
FROZEN = "test_its_options_cannot_change_after_the_start"
DOCUMENTED = "test_its_readme_lists_every_option"
HOOKS = "test_its_hooks_match_their_specifications"
PROVIDES = "test_it_implements_what_its_manifest_provides"
EFFECTS = "test_importing_it_has_no_side_effects"
CHEAP = "test_importing_it_is_cheap"
INSIDE = "test_it_imports_nothing_of_the_host_but_the_api"

#: Mutant: the test that must kill it, words of the complaint, and what is different about it.
MUTANTS = {
    "is installed under another name": (LOADS, "did you mean 'acne'", {"name": "acne"}),
    "has another name in its manifest": (LOADS, "must equal", {"manifest": MANIFEST.replace('"acme"', '"acne"')}),
    "has no manifest": (LOADS, "has no `manifest", {"manifest": ""}),
    "is for the next major version": (LOADS, "supports API", {"manifest": MANIFEST.replace(">=1.0,<2", ">=2,<3")}),
    "promises to work for ever": (RANGE, "must exclude 2.0", {"manifest": MANIFEST.replace(">=1.0,<2", ">=1.0")}),
    "ignores typos in its options": (
        UNKNOWN,
        "misspelt",
        {"options": OPTIONS + "    model_config = {'extra': 'ignore'}\n"},
    ),
    "keeps unknown options": (UNKNOWN, "misspelt", {"options": OPTIONS + "    model_config = {'extra': 'allow'}\n"}),
    "changes its options": (FROZEN, "frozen=True", {"options": OPTIONS + "    model_config = {'frozen': False}\n"}),
    "leaves an option out of its README": (DOCUMENTED, "mention: size", {"readme": "Options: `text` and the size."}),
    "has no README": (DOCUMENTED, "mention: text, size", {"readme": ""}),
    "has a typo in a hook": (HOOKS, "did you mean 'invoke_routes'", {"body": HOOK.replace("routes", "rotues")}),
    "forgets the decorator": (HOOKS, "lacks the decorator", {"body": HOOK.replace("@hookimpl", "")}),
    "wraps others": (HOOKS, "wrapper", {"body": "@hookimpl(wrapper=True)\ndef invoke_routes(host): return (yield)\n"}),
    "pushes itself forward": (HOOKS, "tryfirst", {"body": HOOK.replace("@hookimpl", "@hookimpl(tryfirst=True)")}),
    "registers asynchronously": (HOOKS, "plain `def`", {"body": HOOK.replace("def ", "async def ")}),
    "blocks in startup": (HOOKS, "async def", {"body": "@hookimpl\ndef invoke_startup(host): pass\n"}),
    "asks for what hooks do not give": (HOOKS, "argument 'app'", {"body": HOOK.replace("host", "app")}),
    "promises a login that it lacks": (PROVIDES, "invoke_auth_p", {"manifest": MANIFEST.replace("extension", "auth")}),
    "hides that it brings policies": (PROVIDES, "'policy'", {"body": "@hookimpl\ndef invoke_policies(): return []\n"}),
    "provides nothing": (
        PROVIDES,
        "say what",
        {"manifest": MANIFEST.replace('frozenset({"extension"})', "frozenset()")},
    ),
    "opens a socket": (EFFECTS, "bind", {"body": HOOK + "import socket\nsocket.create_server(('127.0.0.1', 0))\n"}),
    "starts a process": (EFFECTS, "Popen", {"body": HOOK + "import subprocess\nsubprocess.run(['true'])\n"}),
    "starts a thread": (EFFECTS, "threads", {"body": HOOK + THREAD}),
    "writes a file": (EFFECTS, "for writing", {"body": HOOK + "Path(__file__).with_suffix('.log').write_text('hi')\n"}),
    "opens a database": (EFFECTS, "sqlite3", {"body": HOOK + "import sqlite3\nsqlite3.connect(':memory:')\n"}),
    "computes while being imported": (CHEAP, "CPU time", {"body": HOOK + COMPUTE}),
    "imports a heavy library": (CHEAP, "pytest", {"body": HOOK + "import pytest\n"}),
    "reaches into the host": (INSIDE, "invoke_host.clock", {"body": HOOK + "import invoke_host.clock\n"}),
}


@pytest.mark.parametrize(("test", "complaint", "changes"), MUTANTS.values(), ids=MUTANTS)
def test_a_plugin_fails_that(install, test, complaint, changes):
    install(**changes)
    with pytest.raises((AssertionError, PluginError)) as raised:
        getattr(Acme(), test)()
    assert complaint in str(raised.value)


def test_every_test_of_the_suite_kills_a_mutant():
    assert {test for test, _, _ in MUTANTS.values()} == set(TESTS)
