"""What every plugin and every login provider must keep, and what this one does besides."""

from __future__ import annotations

import pytest
from invoke_auth_proxy_header import ProxyHeaderConfig, ProxyHeaderPlugin, ProxyHeaderProvider
from pydantic import ValidationError

from invoke_host.api import Authenticated, RequestView
from invoke_host.testing.contracts import AuthProviderContract, ManifestContract
from invoke_host.testing.fakes import FakeHost

OPTIONS = ProxyHeaderConfig(
    trusted_peers=["10.0.0.0/24", "fd00::/64"],
    email_header="X-Remote-Email",
    name_header="X-Remote-Name",
    groups_header="X-Remote-Groups",
    admin_group="admins",
)


def request(user="alice", peer="10.0.0.5", /, **headers):
    told = {f"x-remote-{key}": value for key, value in {"user": user, **headers}.items()}
    return RequestView("GET", "/api/v1/images/", told, peer, secure=True)


class TestManifest(ManifestContract):
    plugin = "proxy_header"


class TestProvider(AuthProviderContract):
    header = "x-remote-user"

    @pytest.fixture
    def make_provider(self):
        return lambda: ProxyHeaderProvider(OPTIONS)

    def good_request(self):
        return request("alice", groups="painters", email="alice@example.org")

    async def many(self, count):
        return [request(f"person{number}", groups=f"team{number}") for number in range(count)]


async def identity(*args, options=OPTIONS, **headers):
    outcome = await ProxyHeaderProvider(options).from_request(request(*args, **headers))
    assert isinstance(outcome, Authenticated), outcome
    return outcome.identity


async def test_the_proxys_headers_become_an_identity():
    alice = await identity("Alice", name="Alice A.", email="alice@example.org", groups="painters, admins")
    assert (alice.subject, alice.login, alice.display_name) == ("alice", "alice", "Alice A.")
    assert alice.email == "alice@example.org"
    assert alice.groups == {"painters", "admins"}
    assert alice.admin is True


async def test_whoever_is_not_in_the_admin_group_is_no_administrator():
    assert (await identity("bob", groups="painters")).admin is False
    assert (await identity("bob")).admin is False


async def test_without_an_admin_group_the_host_decides():
    assert (await identity(options=ProxyHeaderConfig(trusted_peers=["10.0.0.5"]))).admin is None


async def test_headers_that_are_not_configured_are_not_read():
    plain = await identity(options=ProxyHeaderConfig(trusted_peers=["10.0.0.5"]), groups="admins", email="a@b.org")
    assert (plain.groups, plain.email) == (frozenset(), None)


@pytest.mark.parametrize("email", ["", "alice", "a@b@c.org", "a@b.org, c@d.org", "a@b\u00ad.org", "a@" + "b" * 320])
async def test_an_address_that_is_none_is_left_out(email):
    assert (await identity(email=email)).email is None


@pytest.mark.parametrize("peer", ["10.0.0.5", "::ffff:10.0.0.5", "fd00::7"])
async def test_trusted_peers_are_known_in_each_way_to_write_them(peer):
    assert (await identity("alice", peer)).subject == "alice"


def test_every_wrong_option_is_named():
    with pytest.raises(ValidationError) as raised:
        ProxyHeaderConfig(
            trusted_peers=["0.0.0.0/0", "::/0", "10.0.0.5/24", "proxy"],
            header="Cookie",
            email_header="X Mail",
            name_header="X-Name",
            groups_header="x-name",
        )
    assert [each["loc"] for each in raised.value.errors()] == [
        ("trusted_peers", 0),
        ("trusted_peers", 1),
        ("trusted_peers", 2),
        ("trusted_peers", 3),
        ("header",),
        ("email_header",),
        ("groups_header",),
    ]


@pytest.mark.parametrize("peers", [{}, {"trusted_peers": []}])
def test_nobody_is_trusted_by_default(peers):
    with pytest.raises(ValidationError, match="trusted_peers"):
        ProxyHeaderConfig(**peers)


def test_an_admin_group_needs_a_header_that_tells_the_groups():
    with pytest.raises(ValidationError, match="set groups_header too"):
        ProxyHeaderConfig(trusted_peers=["10.0.0.5"], admin_group="admins")


def test_the_plugin_hands_out_its_provider(tmp_path):
    (provider,) = ProxyHeaderPlugin().invoke_auth_providers(FakeHost(tmp_path, {"proxy_header": OPTIONS}))
    assert provider.name == "proxy_header"
