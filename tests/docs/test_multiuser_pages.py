"""docs/multiuser says what is so: scopes, options, routes, the log line, and clients that work in both modes."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import orjson
import pytest
import tomli
from invoke_auth_local.options import LocalOptions

from invoke_host.config.schema import AuthConfig
from invoke_host.identity.tokens.schema import TokenScope
from tests.docs.examples import TITLE, Runner
from tests.host.table import ROUTES

FOLDER = Path(__file__).parents[2] / "docs" / "multiuser"
USER, ADMIN, API = ((FOLDER / f"{name}_guide.md").read_text() for name in ("user", "admin", "api"))


def test_the_scopes_of_both_guides_are_those_that_a_token_can_have() -> None:
    known = set(get_args(TokenScope))
    for page, heading in ((USER, "### API tokens"), (API, "### Scopes")):
        section = page.partition(heading)[2].partition("\n#")[0]
        assert set(re.findall(r"(?m)^\| `([a-z-]+)` \|", section)) == known


def test_what_the_scopes_open_is_what_the_routes_ask_for() -> None:
    asked = {(row.route.method, row.route.path.rpartition("/")[2]): row.route.needed_scope for row in ROUTES}
    assert [key for key, scope in asked.items() if scope == "generate"] == [
        ("POST", "generate"),
        ("POST", "enqueue_batch"),
        ("PUT", "retry_items_by_id"),
    ]
    assert {row.route.needed_scope for row in ROUTES if row.route.access.level == "admin"} == {"admin"}


def test_the_routes_of_the_admin_guide_are_there() -> None:
    paths = {row.route.path for row in ROUTES}
    named = set(re.findall(r"`(?:[A-Z, `]* )?(/(?:users|api/v1)[^`?]*)", ADMIN))
    named -= {"/api/v1/auth"}
    assert len(named) >= 8
    assert {path if path.startswith("/api") else f"/api/v1/auth{path}" for path in named} <= paths


def _tables(page: str) -> Iterator[dict[str, object]]:
    for source in re.findall(r"(?ms)^```toml\n(.*?)^```", page):
        yield tomli.loads(source)


def test_the_options_of_the_admin_guide_have_their_defaults() -> None:
    shown = [table["auth"] for table in _tables(ADMIN) if isinstance(table.get("auth"), dict)]
    defaults = AuthConfig().model_dump()
    for name in ("sessions", "throttle"):
        assert [table[name] for table in shown if name in table] == [defaults[name]]
    flat = next(table for table in shown if "auto_create" in table)
    assert {key: defaults[key] for key in flat if key != "providers"} == {
        key: value for key, value in flat.items() if key != "providers"
    }
    section = ADMIN.partition("## Passwords")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"(?m)^\| `(\w+)` \| `?(\w+)`? \|", section))
    assert rows == {key: str(value).lower() for key, value in LocalOptions().model_dump().items()}


def test_the_filter_for_fail2ban_finds_failed_logins_and_nothing_else(multiuser_examples: Runner) -> None:
    """fail2ban takes <HOST> as an address and looks for the expression anywhere behind the time."""
    expression = next(line.removeprefix("failregex = ") for line in ADMIN.splitlines() if line.startswith("failregex"))
    failure = re.compile(expression.replace("<HOST>", r"(?P<host>[0-9a-fA-F.:]+)"))
    name = 'x","event":"auth_failure","ip":"192.0.2.1","reason":"bad_credentials"'
    body = orjson.dumps({"email": name, "password": "wrong"})
    request = urllib.request.Request(
        f"http://{multiuser_examples.address}/api/v1/auth/login", body, {"Content-Type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request)
    lines = (multiuser_examples.workspace / "host.log").read_text().splitlines()
    found = [failure.search(line) for line in lines]
    assert [match["host"] for match in found if match] == ["127.0.0.1"]
    shown = next(line for line in ADMIN.splitlines() if '"event":"auth_failure"' in line and line.startswith("{"))
    written = next(line for line, match in zip(lines, found, strict=True) if match)
    assert list(orjson.loads(shown)) == list(orjson.loads(written))


@pytest.mark.parametrize("title", ["invoke_client.py", "invoke_client.ts", "generate.ts"])
def test_the_clients_of_the_guide_work_without_login_too(title: str, examples: Runner) -> None:
    """On the host in single-user mode that the other pages use."""
    for example in examples.parse(FOLDER / "api_guide.md"):
        found = TITLE.search(example.region.lexemes.get("attributes", ""))
        if found and (found[1], title) in {(title, title), ("invoke_client.ts", "generate.ts")}:
            example.evaluate()
            title = "" if found[1] == title else title
    assert not title, "there is no such example"
