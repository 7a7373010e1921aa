"""The example of a policy: its own tests pass with it installed; in a host it acts on the next request."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, String, Table, insert

from invoke_host.api import Action, ConfigError, ResourceType, Route, json_response, requires
from invoke_host.plugins import Offers

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "policy_office_hours"

TOML = """
[access]
policies = ["admin", "owner", "visibility", "grants", "tokens", "suspended", "office_hours"]
[plugins.office_hours]
days = ["mon", "tue", "wed", "thu", "fri"]
opens = "08:00"
closes = "18:00"
time_zone = "Europe/Berlin"
"""

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NIGHT = datetime(2026, 11, 23, 22, tzinfo=UTC)

notes = Table("notes", MetaData(), Column("id", String(8), primary_key=True), Column("owner", String(36)))
NOTE = ResourceType("note", notes, notes.c.id, {"owner": notes.c.owner})
ACTIONS = (Action("note.view", "note", "See a note", see=True), Action("note.edit", "note", "Change a note"))


@pytest.fixture(autouse=True)
def installed(distributions):
    distributions.add_checkout(EXAMPLE)


def run_pytest(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", str(folder)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=DOCS.parent,
        timeout=300,
        check=False,
    )


def test_the_examples_own_tests_pass():
    done = run_pytest(EXAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b[7-9][0-9] passed", done.stdout), done.stdout
    assert "skipped" not in done.stdout


@pytest.fixture
async def served(load_plugins, host, make_app, storage):
    """Two routes about notes, under the policies of the configuration, and a clock that the test sets."""
    policies = Offers(load_plugins(toml=TOML), host).policies()

    async def answer(request):
        return json_response({})

    routes = [
        Route(method, "/api/v1/notes/{id}", answer, requires(action, id_from="id"), summary="A note", tag="test")
        for method, action in (("GET", "note.view"), ("PUT", "note.edit"))
    ]

    def make(conn):
        notes.create(conn)
        conn.execute(insert(notes), {"id": "one", "owner": "alice"})

    await storage.write(make)
    client = await make_app(routes, actions=ACTIONS, resources=[NOTE], policies=policies)
    (office,) = [policy for policy in policies if policy.name == "office_hours"]
    return client, office


async def statuses(served, moment):
    """What Alice, who owns the note, and the administrator get for looking and for changing."""
    client, office = served
    office._now = lambda: moment
    found = {}
    for name in ("alice", "admin"):
        caller = client.as_caller(name)
        found[name] = [(await caller.request(method, "/api/v1/notes/one")).status for method in ("GET", "PUT")]
    return found


async def test_it_closes_and_opens_with_the_next_request(served):
    assert await statuses(served, NOON) == {"alice": [200, 200], "admin": [200, 200]}
    assert await statuses(served, NIGHT) == {"alice": [200, 403], "admin": [200, 200]}
    assert await statuses(served, NOON) == {"alice": [200, 200], "admin": [200, 200]}


def test_every_wrong_option_is_reported_with_its_line(load_plugins):
    toml = '[access]\npolicies = ["admin", "office_hours"]\n[plugins.office_hours]\ndays = ["monday"]\nopens = "9 am"\n'
    with pytest.raises(ConfigError) as raised:
        load_plugins(toml=toml)
    problems = sorted(str(problem) for problem in raised.value.problems)
    assert [problem.split(": ")[:2] for problem in problems] == [
        ["invoke-host.toml:4", "plugins.office_hours.days[0]"],
        ["invoke-host.toml:5", "plugins.office_hours.opens"],
    ]


def test_the_page_for_authors_shows_the_example_word_for_word():
    page = (DOCS / "howto" / "write-policy.md").read_text()
    for name in ("invoke_policy_office_hours.py", "tests/test_office_hours.py"):
        assert (EXAMPLE / name).read_text().strip() in page, f"docs/howto/write-policy.md is out of step: {name}"
