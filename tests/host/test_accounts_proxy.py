"""Logins that a reverse proxy vouches for, on whole hosts with the example plugin `auth_proxy_header`.

S-D10: such headers count from configured peers only, whatever else a client sends.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .accounts import AUTH, LOCAL, PASSWORD, by_command, configure, in_the_database, logged, set_up
from .client import QUEUE, Client
from .conftest import NewHost
from .listener import Listener
from .process import NO_DEVICES, HostProcess

EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "examples" / "auth_proxy_header"

Behind = Callable[..., HostProcess]


@pytest.fixture
def behind(new_host: NewHost, root: Path, tmp_path: Path) -> Behind:
    """`behind("127.0.0.1", "proxy_header")`: a host with these trusted peers and login providers."""
    site = tmp_path / "site"
    info = site / "invoke_host_auth_proxy_header-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: invoke-host-auth-proxy-header\nVersion: 1.0\n")
    entry = "proxy_header = invoke_auth_proxy_header:ProxyHeaderPlugin"
    (info / "entry_points.txt").write_text(f"[invoke_host.plugins]\n{entry}\n")
    shutil.copy(EXAMPLE / "invoke_auth_proxy_header.py", site)

    def start(peer: str, *providers: str) -> HostProcess:
        options = f'\n[plugins.proxy_header]\ntrusted_peers = ["{peer}"]\nemail_header = "X-Remote-Email"\n'
        configure(root, login=False, more=LOCAL.replace('["local"]', str(list(providers)).replace("'", '"')) + options)
        return new_host({**NO_DEVICES, "PYTHONPATH": str(site)})

    return start


def told(url: str, user: str, **headers: str) -> Client:
    """What the proxy sends for a user."""
    return Client(url, {"X-Remote-User": user, "X-Remote-Email": f"{user}@example.org", **headers})


def test_the_proxys_user_has_an_account_here_with_all_that_follows(behind: Behind):
    host = behind("127.0.0.1", "proxy_header")
    url = host.client.url
    assert logged(host, "setup_required") == []
    assert any("users mod --email EMAIL --admin" in line["detail"] for line in logged(host, "startup_warning"))
    assert not host.client.get(f"{AUTH}/status").json()["setup_required"]
    assert host.client.get(f"{AUTH}/me").status == 401
    login = {"email": "alice@example.org", "password": PASSWORD}
    assert host.client.post(f"{AUTH}/login", login).status == 401

    alice, bob = told(url, "alice"), told(url, "bob")
    first = alice.get(f"{AUTH}/me").json()
    assert (first["email"], first["is_admin"]) == ("alice@example.org", False)
    assert alice.get(f"{AUTH}/me").json()["user_id"] == first["user_id"] != bob.get(f"{AUTH}/me").json()["user_id"]
    assert told(url, "alice", Authorization="Bearer nonsense").get(f"{AUTH}/me").status == 401

    with Listener(alice) as stream:
        by_command(host, "mod", "--email", "alice@example.org", "--admin")
        assert alice.get(f"{AUTH}/users").status == 200
        stream.until("to read everything anew", lambda event: event.kind == "resync")
        [item_id] = bob.generate()["item_ids"]
        bob.put(f"{QUEUE}/i/{item_id}/cancel")
        stream.status(item_id, "canceled")
        in_the_database(host, "UPDATE users SET is_active = 0 WHERE id = ?", first["user_id"])
        assert alice.get(f"{AUTH}/me").status == 401
        assert stream.ended(within_s=1.0)
    assert alice.get("/api/v1/events").status == 401


def test_s_d10_the_headers_of_other_peers_name_nobody(behind: Behind):
    host = behind("192.0.2.1", "proxy_header", "local")
    admin = set_up(host)
    for more in ({}, {"X-Forwarded-For": "192.0.2.1"}, {"X-Real-IP": "192.0.2.1"}, {"Forwarded": "for=192.0.2.1"}):
        assert told(host.client.url, "alice", **more).get(f"{AUTH}/me").status == 401
        assert told(host.client.url, "alice", **more, **admin.client.headers).get(f"{AUTH}/me").json()["user_id"] == (
            admin.id
        )
    assert in_the_database(host, "SELECT count(*) FROM users WHERE id <> 'system'") == [(1,)]
