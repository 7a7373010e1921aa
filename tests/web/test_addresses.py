"""Whose word about the client is believed: that of configured proxies, counted from the right, and nobody else's."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from invoke_host.api import PUBLIC, Route
from invoke_host.web import address_of, json_response, origin_of, secure_of
from invoke_host.web.addresses import TrustedProxies, client_address, is_secure
from invoke_host.web.settings import WebSettings

PROXIES = TrustedProxies(("10.0.0.0/8", "192.0.2.1", "2001:db8::/32"))


def a_request(peer, forwarded=(), proto=()):
    headers = CIMultiDict()
    for value in [forwarded] if isinstance(forwarded, str) else forwarded:
        headers.add("X-Forwarded-For", value)
    for value in [proto] if isinstance(proto, str) else proto:
        headers.add("x-forwarded-proto", value)
    return make_mocked_request("GET", "/", headers=headers).clone(remote=peer)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.5", (), "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("10.1.1.1", (), "10.1.1.1"),
        ("10.1.1.1", "203.0.113.5", "203.0.113.5"),
        ("10.1.1.1", "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("10.1.1.1", "198.51.100.1, 203.0.113.5, 192.0.2.1", "203.0.113.5"),
        ("10.1.1.1", "10.9.9.9, 203.0.113.5, 10.2.2.2, 192.0.2.1", "203.0.113.5"),
        ("10.1.1.1", ["203.0.113.5", "10.2.2.2"], "203.0.113.5"),
        ("10.1.1.1", ["198.51.100.1", "203.0.113.5, 10.2.2.2"], "203.0.113.5"),
        ("10.1.1.1", "10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("10.1.1.1", "203.0.113.5,unknown", "10.1.1.1"),
        ("10.1.1.1", "203.0.113.5, unknown, 10.2.2.2", "10.2.2.2"),
        ("10.1.1.1", "203.0.113.5,", "10.1.1.1"),
        ("10.1.1.1", "", "10.1.1.1"),
        ("10.1.1.1", "203.0.113.5:4711", "203.0.113.5"),
        ("10.1.1.1", "[2001:db9::5]:4711", "2001:db9::5"),
        ("10.1.1.1", "2001:DB9:0::5", "2001:db9::5"),
        ("10.1.1.1", "::ffff:203.0.113.5", "203.0.113.5"),
        ("::ffff:10.1.1.1", "203.0.113.5", "203.0.113.5"),
        ("::ffff:203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("2001:db8::1", "203.0.113.5", "203.0.113.5"),
        ("2001:db9::1", "203.0.113.5", "2001:db9::1"),
        ("fe80::1%eth0", "203.0.113.5", "fe80::1"),
        ("10.1.1.1", "<script>, 203.0.113.5", "203.0.113.5"),
        ("10.1.1.1", "127.0.0.1\\n", "10.1.1.1"),
        (None, "203.0.113.5", None),
        ("", "203.0.113.5", None),
    ],
)
def test_the_client_is_the_first_address_from_the_right_that_is_no_proxy_of_ours(peer, forwarded, client):
    assert client_address(a_request(peer, forwarded), PROXIES) == client


def test_without_configured_proxies_nobody_is_believed():
    assert client_address(a_request("10.1.1.1", "203.0.113.5"), TrustedProxies()) == "10.1.1.1"
    assert client_address(a_request("::ffff:10.1.1.1", "203.0.113.5"), TrustedProxies()) == "10.1.1.1"
    assert not is_secure(a_request("10.1.1.1", (), "https"), TrustedProxies(), None)


def test_a_header_without_end_costs_little_and_its_right_end_counts():
    forwarded = ", ".join(["198.51.100.1"] * 500 + ["10.2.2.2"] * 5)
    assert client_address(a_request("10.1.1.1", forwarded), PROXIES) == "198.51.100.1"
    assert client_address(a_request("10.1.1.1", ",".join(["10.2.2.2"] * 500)), PROXIES) == "10.2.2.2"


@pytest.mark.parametrize(
    ("peer", "forwarded", "proto", "secure"),
    [
        ("10.1.1.1", (), "https", True),
        ("10.1.1.1", (), "HTTPS", True),
        ("10.1.1.1", (), "http", False),
        ("10.1.1.1", (), (), False),
        ("10.1.1.1", (), "", False),
        ("203.0.113.5", (), "https", False),
        ("10.1.1.1", "203.0.113.5", "https", True),
        ("10.1.1.1", "203.0.113.5, 10.2.2.2", "https, http", True),
        ("10.1.1.1", "203.0.113.5, 10.2.2.2", "http, https", False),
        ("10.1.1.1", "203.0.113.5, 10.2.2.2", "https", True),
        ("10.1.1.1", "203.0.113.5", "https, http", False),
        ("10.1.1.1", "203.0.113.5", "http, https", True),
        ("10.1.1.1", "203.0.113.5, 10.2.2.2", ["https", "http"], True),
    ],
)
def test_tls_is_believed_of_the_proxy_that_the_client_spoke_to(peer, forwarded, proto, secure):
    assert is_secure(a_request(peer, forwarded, proto), PROXIES, None) is secure


@pytest.mark.parametrize(
    ("public_url", "secure"), [("https://a.example", True), ("HTTPS://a.example", True), ("http://a.example", False)]
)
def test_a_public_url_with_tls_says_that_users_come_by_tls(public_url, secure):
    assert is_secure(a_request("203.0.113.5"), TrustedProxies(), public_url) is secure


async def where(request):
    origin = origin_of(request)
    return json_response(
        {
            "address": address_of(request),
            "secure": secure_of(request),
            "origin": [origin.actor_id, origin.address, origin.via],
        }
    )


WHERE = Route("GET", "/api/v1/where", where, PUBLIC)
ANOTHER = Route("POST", "/api/v1/where", where, PUBLIC)
FORWARDED = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https"}


async def test_handlers_and_the_audit_log_get_the_clients_address(make_app):
    config = WebSettings(single_user=False, trusted_proxies=("127.0.0.0/8",))
    client = await make_app([WHERE], config=config)
    found = (await client.get("/api/v1/where", headers=FORWARDED)).json()
    assert found == {"address": "203.0.113.5", "secure": True, "origin": [None, "203.0.113.5", "api"]}


async def test_clients_that_are_no_proxies_can_not_say_where_they_come_from(make_app):
    client = await make_app([WHERE])
    found = (await client.get("/api/v1/where", headers=FORWARDED)).json()
    assert found == {"address": "127.0.0.1", "secure": False, "origin": [None, "127.0.0.1", "api"]}


async def test_a_page_that_a_trusted_proxy_serves_by_tls_is_the_same_origin(make_app):
    config = WebSettings(single_user=False, trusted_proxies=("127.0.0.1",))
    client = await make_app([ANOTHER], config=config)
    host = client.url.partition("://")[2]
    statuses = [
        (await client.post("/api/v1/where", headers={"Origin": f"{scheme}://{host}", "X-Forwarded-Proto": told})).status
        for scheme, told in (("https", "https"), ("http", "https"), ("https", "http"), ("http", "http"))
    ]
    assert statuses == [200, 403, 403, 200]
