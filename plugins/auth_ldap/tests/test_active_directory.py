"""Preset `active-directory` against samba as a domain controller. It takes a while to make a domain."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from invoke_auth_ldap import LdapOptions
from optional_servers import SAMBA, needs
from samba_ad import AD_BASE, ADMIN, ADMIN_PASSWORD, DomainController, free_address

from conftest import Certificates, login
from invoke_host.api import Authenticated, Identity, Rejected, Unavailable

pytestmark = pytest.mark.soak

ALICE, PASSWORD = "alice", "Wren-41-saffron"


@pytest.fixture(scope="module")
def domain(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[DomainController]:
    needs(*SAMBA)
    address = free_address()
    folder = tmp_path_factory.mktemp("ad")
    pair = certificates.server(folder / "certificate", address)
    server = DomainController(folder / "dc", address, pair, certificates.ca)
    try:
        server.start()
        alice = server.person(ALICE, PASSWORD)
        inner = server.group("painters", alice)
        outer = server.group("artists", inner)
        server.change(inner, member=[alice, outer])  # a circle
        yield server
    finally:
        server.stop()


def options(domain: DomainController, **more: Any) -> LdapOptions:
    values = {
        "preset": "active-directory",
        "servers": [domain.uri],
        "ca_file": str(domain.ca),
        "base": AD_BASE,
        "service_dn": ADMIN,
        "service_password": ADMIN_PASSWORD,
        **more,
    }
    return LdapOptions.model_validate({name: value for name, value in values.items() if value is not None})


async def test_the_preset_logs_in_by_account_name_and_mail_under_the_guid(
    domain: DomainController, open_provider: Any
) -> None:
    provider = await open_provider(options(domain, group_map={f"cn=ARTISTS, cn=users,{AD_BASE}": "Artists"}))
    for name in (ALICE, "ALICE", "alice@ad.example.org", "alice@example.org"):
        outcome = await login(provider, name, PASSWORD)
        assert isinstance(outcome, Authenticated), name
        identity = outcome.identity
        assert str(uuid.UUID(identity.subject)) == identity.subject
        assert (identity.login, identity.display_name, identity.email) == (ALICE, "Alice", "alice@example.org")
        assert identity.groups == {f"cn={name},cn=users,{AD_BASE.lower()}" for name in ("painters", "artists")}
        assert identity.host_groups == {"Artists"}
    again = await provider.refresh(Identity("ldap", identity.subject, ALICE))
    assert again == Authenticated(identity)


async def test_names_that_samba_takes_for_others_are_unknown(domain: DomainController, open_provider: Any) -> None:
    provider = await open_provider(options(domain))
    for name in ("ali*", "alice\0", "al\u200bice", "ａlice", "alice)(objectClass=*", "nobody"):
        assert await login(provider, name, PASSWORD) is None, name
    assert await login(provider, ALICE, "wrong") == Rejected("bad_credentials")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"userAccountControl": ["514"]}, "disabled", id="disabled"),
        pytest.param({"accountExpires": ["131000000000000000"]}, "account_expired", id="account expired"),
        pytest.param({"pwdLastSet": ["0"]}, "must_change_password", id="must change"),
    ],
)
async def test_an_account_that_may_not_be_used_is_refused_by_its_reason(
    domain: DomainController, open_provider: Any, change: dict[str, list[str]], code: str
) -> None:
    name = f"p-{code.replace('_', '')[:12]}"
    dn = domain.person(name, PASSWORD)
    provider = await open_provider(options(domain))
    known = await login(provider, name, PASSWORD)
    assert isinstance(known, Authenticated)
    domain.change(dn, **change)
    assert await login(provider, name, PASSWORD) == Rejected(code)
    again = await provider.refresh(Identity("ldap", known.identity.subject, name))
    if code == "must_change_password":
        assert isinstance(again, Authenticated), "who must change a password has not lost the right to be here"
    else:
        assert again == Rejected(code)


@pytest.mark.parametrize("strategy", ["ad_in_chain", "search_nested", "search", "member_of"])
async def test_groups_of_groups_are_found_as_the_strategy_says(
    domain: DomainController, open_provider: Any, strategy: str
) -> None:
    outcome = await login(await open_provider(options(domain, groups=strategy)), ALICE, PASSWORD)
    assert isinstance(outcome, Authenticated)
    found = {dn.partition(",")[0] for dn in outcome.identity.groups}
    assert found == ({"cn=painters"} if strategy in ("search", "member_of") else {"cn=painters", "cn=artists"})


async def test_a_principal_name_as_template_needs_no_service_account(
    domain: DomainController, open_provider: Any
) -> None:
    template = {"bind": "template", "bind_templates": ["{login}@ad.example.org"], "recheck": False}
    provider = await open_provider(options(domain, **template, service_dn=None, service_password=None))
    outcome = await login(provider, ALICE, PASSWORD)
    assert isinstance(outcome, Authenticated)
    assert outcome.identity.login == ALICE
    assert await login(provider, ALICE, "wrong") == Rejected("bad_credentials")


async def test_somebody_elses_principal_name_is_not_the_login_name_in_it(
    domain: DomainController, open_provider: Any
) -> None:
    domain.person("carol", "Carols-own-77", userPrincipalName="eve@corp.example.org")
    domain.person("eve", "Eves-own-77", userPrincipalName="evelyn@corp.example.org")
    template = {"bind": "template", "bind_templates": ["{login}@corp.example.org"]}
    for more in ({}, {"service_dn": None, "service_password": None, "recheck": False}):
        provider = await open_provider(options(domain, **template, user_filter="(sAMAccountName={login})", **more))
        outcome = await login(provider, "eve", "Carols-own-77")
        assert outcome == Rejected("bad_credentials"), "carol logs in as eve"


async def test_without_tls_the_domain_controller_can_not_say(domain: DomainController, open_provider: Any) -> None:
    chosen = options(domain, tls="plain", allow_plaintext=True, ca_file=None)
    assert isinstance(await login(await open_provider(chosen), ALICE, PASSWORD), Unavailable)


async def test_a_million_letters_do_not_make_it_unavailable(domain: DomainController, open_provider: Any) -> None:
    assert await login(await open_provider(options(domain)), ALICE, "x" * 1_000_000) == Rejected("bad_credentials")
