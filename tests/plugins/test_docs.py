"""The pages for plugin authors say what the code does: every hook with its exact signature, order and time limit."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from invoke_host.api import hookspecs
from invoke_host.plugins.hooks import TIMEOUTS_S, hook_specs
from invoke_host.plugins.selection import KEYS

DOCS = Path(__file__).parents[2] / "docs"
HOOKS = (DOCS / "reference" / "hooks.md").read_text()
SECTIONS = dict(re.findall(r"^## (invoke_\w+)\n(.*?)(?=^## |\Z)", HOOKS, re.MULTILINE | re.DOTALL))


def test_every_hook_has_a_section_in_the_order_of_the_specifications_and_nothing_else_has():
    assert list(SECTIONS) == list(hook_specs())


@pytest.mark.parametrize("name", hook_specs())
def test_a_hooks_section_shows_its_exact_signature(name):
    function = getattr(hookspecs, name)
    start = "async def" if inspect.iscoroutinefunction(function) else "def"
    signature = str(inspect.signature(function)).replace("'", "")
    assert f"```text\n{start} {name}{signature}\n```" in SECTIONS[name]


@pytest.mark.parametrize(("name", "seconds"), TIMEOUTS_S.items())
def test_a_coroutine_hooks_time_limit_is_in_the_table_in_its_section_and_in_its_docstring(name, seconds):
    assert re.search(rf"^\| `{name}` \| coroutine \| [^|]+ \| {seconds:g} s \|", HOOKS, re.MULTILINE)
    assert f"{seconds:g} s" in SECTIONS[name]
    assert f"{seconds:g} s" in inspect.getdoc(getattr(hookspecs, name))


def test_the_call_order_is_written_down():
    order = HOOKS[HOOKS.index("in this order") :]
    positions = [
        re.search(rf"\[{section}\]\s+{key}`", order).start()
        for section, key in (key.split(".") for key in KEYS.values())
    ]
    assert positions == sorted(positions)


@pytest.mark.parametrize("option", ["tryfirst", "trylast", "wrapper", "hookwrapper", "optionalhook"])
def test_what_is_refused_is_written_down(option):
    assert f"`{option}`" in HOOKS
