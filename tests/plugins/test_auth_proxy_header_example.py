"""The example of a login provider: its own tests pass with it installed; on a real port it believes its peers only."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from invoke_host.api import LOGGED_IN, Actor, ConfigError, Route, UserId, actor_of, json_response
from invoke_host.identity.authenticate import Authenticator
from invoke_host.plugins import Offers

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "auth_proxy_header"

TOML = """
[auth]
providers = ["proxy_header"]
[plugins.proxy_header]
trusted_peers = ["{}"]
groups_header = "X-Remote-Groups"
admin_group = "admins"
"""


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
        timeout=120,
        check=False,
    )


def test_the_examples_own_tests_pass():
    done = run_pytest(EXAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b[4-9][0-9] passed", done.stdout), done.stdout


@pytest.fixture
def serve(load_plugins, host, log, make_app):
    """A route that tells who calls, behind the plugin as the configuration chooses it."""

    async def whoami(request):
        actor = actor_of(request)
        return json_response({"id": actor.id, "admin": actor.is_admin})

    async def resolve(identity):
        return Actor(UserId(f"{identity.provider}/{identity.subject}"), "user", is_admin=identity.admin is True)

    async def start(trusted):
        providers = Offers(load_plugins(toml=TOML.format(trusted)), host).providers()
        authenticator = Authenticator(providers, log=log.logger, resolve=resolve)
        route = Route("GET", "/api/v1/whoami", whoami, LOGGED_IN, summary="Who calls", tag="test")
        return await make_app([route], authenticator=authenticator)

    return start


async def status_and_body(client, *headers):
    """Over a socket, because a client library would not send a header twice."""
    _, _, address = client.url.partition("//")
    name, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    lines = ["GET /api/v1/whoami HTTP/1.1", f"Host: {address}", "Connection: close", *headers, "", ""]
    writer.write("\r\n".join(lines).encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


async def test_a_trusted_proxy_says_who_calls(serve):
    client = await serve("127.0.0.0/8")
    assert await status_and_body(client, "X-Remote-User: Alice", "X-Remote-Groups: admins") == (
        200,
        '{"id":"proxy_header/alice","admin":true}',
    )
    assert await status_and_body(client, "X-Remote-User: bob") == (200, '{"id":"proxy_header/bob","admin":false}')


async def test_nobody_else_does_whatever_they_say_about_themselves(serve):
    client = await serve("10.0.0.5")
    for said in ((), ("X-Forwarded-For: 10.0.0.5", "X-Real-IP: 10.0.0.5", "Forwarded: for=10.0.0.5")):
        status, _ = await status_and_body(client, "X-Remote-User: alice", *said)
        assert status == 401


@pytest.mark.parametrize("second", ["X-Remote-User", "x-remote-user", "X-REMOTE-USER"])
async def test_a_header_that_the_caller_sends_besides_the_proxys_is_refused(serve, second):
    client = await serve("127.0.0.0/8")
    for names in (("alice", "mallory"), ("mallory", "alice")):
        status, _ = await status_and_body(client, f"X-Remote-User: {names[0]}", f"{second}: {names[1]}")
        assert status == 401


def test_every_wrong_option_is_reported_with_its_line(load_plugins):
    toml = (
        '[auth]\nproviders = ["proxy_header"]\n[plugins.proxy_header]\n'
        'trusted_peers = ["0.0.0.0/0", "10.0.0.5/8"]\nheader = "Cookie"\nadmin_group = "admins"\n'
    )
    with pytest.raises(ConfigError) as raised:
        load_plugins(toml=toml)
    problems = [str(problem) for problem in raised.value.problems]
    assert sorted(problem.split(": ")[1] for problem in problems) == [
        "plugins.proxy_header.admin_group",
        "plugins.proxy_header.header",
        "plugins.proxy_header.trusted_peers[0]",
        "plugins.proxy_header.trusted_peers[1]",
    ]
    assert "would let anybody say who they are" in problems[0]
    assert problems[0].startswith("invoke-host.toml:4:")


def test_the_page_for_authors_shows_the_example_word_for_word():
    page = (DOCS / "howto" / "write-auth-provider.md").read_text()
    for name in ("invoke_auth_proxy_header.py", "tests/test_proxy_header.py"):
        assert (EXAMPLE / name).read_text().strip() in page, f"docs/howto/write-auth-provider.md is out of step: {name}"


def test_the_other_provider_of_that_page_passes_its_suite(tmp_path):
    page = (DOCS / "howto" / "write-auth-provider.md").read_text()
    provider, tests = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "test_acme.py").write_text(provider + tests)
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b[23][0-9] passed", done.stdout), done.stdout
