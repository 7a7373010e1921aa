"""`diagnose` walks the stages of a login, ends at the one that fails, says what to do, and never shows a secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from slapd import BASE, READER_DN, READER_PASSWORD, Slapd
from stub import BIND, result, stub

from conftest import Certificates, plain, protected
from invoke_host.api import Finding, Secret

PASSWORD = "Wren-41-saffron"
WRONG = "Wr0ng-Godwit-52"
GROUPS = f"ou=groups,{BASE}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Slapd]:
    server = Slapd(tmp_path_factory.mktemp("check") / "slapd", tls=certificates.pair).start()
    try:
        alice = server.person("alice", PASSWORD, mail=["a@example.org", "b@example.org"])
        server.group("painters", alice)
        for number in range(25):
            server.group(f"team{number:02}", server.person(f"p{number}", PASSWORD), alice)
        yield server
    finally:
        server.stop()


async def found(
    open_provider: Any, options: Any, name: str | None = None, password: str | None = None
) -> list[Finding]:
    provider = await open_provider(options)
    findings: Sequence[Finding] = await provider.diagnose(name, None if password is None else Secret(password))
    text = "\n".join(f"{each.stage} {each.ok} {each.text} {each!r}" for each in findings)
    for secret in (PASSWORD, WRONG, READER_PASSWORD):
        assert secret not in text
    return list(findings)


def last(findings: list[Finding]) -> tuple[str, bool | None]:
    return findings[-1].stage, findings[-1].ok


def text_of(findings: list[Finding], stage: str) -> str:
    return "\n".join(each.text for each in findings if each.stage == stage)


async def test_a_good_directory_shows_each_stage(server: Slapd, certificates: Certificates, open_provider: Any) -> None:
    findings = await found(open_provider, protected(server, certificates))
    assert [each.stage for each in findings] == ["settings", "connect", "service_bind", "server", "base", "outcome"]
    assert all(each.ok is not False for each in findings)
    assert "TLSv1.3" in text_of(findings, "connect")
    assert "localhost" in text_of(findings, "connect")
    assert "valid until" in text_of(findings, "connect")
    assert READER_DN in text_of(findings, "service_bind")
    assert "5 or more" in text_of(findings, "base")


async def test_a_persons_login_shows_what_was_found_and_what_follows(
    server: Slapd, certificates: Certificates, open_provider: Any
) -> None:
    chosen = {"admin_groups": [f"cn=painters,{GROUPS}"], "group_map": {f"cn=team00,{GROUPS}": "Zero"}}
    for password in (None, PASSWORD):
        findings = await found(open_provider, protected(server, certificates, **chosen), " alice ", password)
        assert "(uid=alice)" in text_of(findings, "search")
        assert text_of(findings, "user") == f"uid=alice,ou=people,{BASE}"
        assert "entryUUID = " in text_of(findings, "identity")
        assert "mail has 2 values, so it is not used" in text_of(findings, "attributes")
        assert text_of(findings, "password") == ("" if password is None else "right")
        assert text_of(findings, "groups").count("cn=") == 20
        assert "and 6 more" in text_of(findings, "groups")
        assert findings[-1] == Finding("outcome", True, "may log in, as administrator; in the groups Zero")


@pytest.mark.parametrize(
    ("more", "name", "password", "stage", "says"),
    [
        ({"servers": ["ldap://127.0.0.1:1"]}, None, None, "connect", "refused"),
        ({"service_password": WRONG}, None, None, "service_bind", "check service_dn and service_password"),
        ({"base": "dc=elsewhere"}, None, None, "search", "has no such place"),
        ({"id_attribute": "employeeNumber"}, None, None, "base", "check user_base, user_filter, id_attribute"),
        ({"user_base": GROUPS}, None, None, "base", "0 entries have entryUUID and match user_filter, (&"),
        ({"groups": "ad_in_chain"}, None, None, "server", "finds none here"),
        ({}, "nobody", None, "user", "check user_filter and user_base"),
        ({}, "a\0b", None, "user", "nobody can have that name"),
        ({}, "", None, "user", "nobody can have that name"),
        ({}, "alice", WRONG, "password", "bad_credentials"),
        ({}, "alice", "", "password", "no login gets that far"),
        ({"id_attribute": "employeeNumber"}, "alice", None, "search", "set id_attribute"),
        ({"user_filter": "(|(uid={login})(objectClass=person))"}, "alice", None, "user", "several entries match"),
        ({"group_base": f"ou=nowhere,{BASE}"}, "alice", None, "search", "has no such place"),
        ({"required_groups": [f"cn=none,{GROUPS}"]}, "alice", PASSWORD, "outcome", "required_group"),
        ({"denied_groups": [f"cn=painters,{GROUPS}"]}, "alice", None, "outcome", "denied_group"),
        ({"account_filter": "(title=x)"}, "alice", None, "outcome", "account_filter"),
    ],
)
async def test_the_walk_ends_at_what_is_wrong(
    server: Slapd,
    open_provider: Any,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, Any],
    name: str | None,
    password: str | None,
    stage: str,
    says: str,
) -> None:
    from invoke_auth_ldap import LdapProvider

    async def unchecked(self: Any, directory: Any) -> None:
        """As when the directory was down when the host started."""

    monkeypatch.setattr(LdapProvider, "_check_in_chain", unchecked)
    findings = await found(open_provider, plain(server, **more), name, password)
    assert last(findings) == (stage, False)
    assert says in findings[-1].text


async def test_certificates_that_prove_nothing_are_named(server: Slapd, open_provider: Any) -> None:
    findings = await found(open_provider, plain(server, tls="starttls", allow_plaintext=False))
    assert last(findings) == ("tls", False)
    assert "certificate verify failed" in findings[-1].text


async def test_what_is_not_safe_is_pointed_out(server: Slapd, certificates: Certificates, open_provider: Any) -> None:
    assert "clear text" in text_of(await found(open_provider, plain(server)), "settings")
    unverified = protected(server, certificates, ca_file=None, verify=False)
    findings = await found(open_provider, unverified)
    assert "not checked" in text_of(findings, "settings")
    assert "certificate not checked" in text_of(findings, "connect")


async def test_each_server_is_tried(server: Slapd, open_provider: Any) -> None:
    findings = await found(open_provider, plain(server, servers=["ldap://127.0.0.1:1", server.uri, server.uri]))
    assert [each.ok for each in findings if each.stage == "connect"] == [False, True, True]
    assert last(findings) == ("outcome", True)


async def test_template_bind_needs_the_password(server: Slapd, open_provider: Any) -> None:
    options = plain(
        server,
        bind="template",
        bind_templates=[f"uid={{login}},ou=people,{BASE}"],
        service_dn=None,
        service_password=None,
        recheck=False,
        groups="none",
    )
    assert last(await found(open_provider, options, "alice")) == ("user", False)
    assert last(await found(open_provider, options, "alice", PASSWORD)) == ("outcome", True)
    assert last(await found(open_provider, options, "alice", WRONG)) == ("outcome", False)


async def test_a_server_that_tells_nothing_about_itself_is_no_problem(server: Slapd, open_provider: Any) -> None:
    async with stub(lambda kind, request: [result(kind)]) as quiet:
        findings = await found(open_provider, plain(server, servers=[quiet.uri]))
        assert "tells nothing about itself" in text_of(findings, "server")


async def test_a_server_that_falls_silent_ends_the_walk(server: Slapd, open_provider: Any) -> None:
    async with stub(lambda kind, request: [result(kind)] if kind == BIND else None) as silent:
        options = plain(server, servers=[silent.uri], read_timeout_s=1)
        assert last(await found(open_provider, options)) == ("search", False)
