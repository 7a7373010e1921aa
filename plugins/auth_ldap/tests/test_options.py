"""Options are judged as a whole when the host starts: every mistake is named at once, and no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme
from invoke_auth_ldap import LdapOptions, LdapProvider
from invoke_auth_ldap.presets import PRESETS
from pydantic import ValidationError
from slapd import BASE, Slapd

from conftest import Certificates, login, protected
from invoke_host.api import Authenticated, StartupError, Unavailable
from invoke_host.testing.fakes import FakeHost

PASSWORD = "Reader-Kestrel-31"
SOUND: dict[str, Any] = {
    "servers": ["ldap://ldap.example.org"],
    "base": BASE,
    "service_dn": f"cn=reader,{BASE}",
    "service_password": PASSWORD,
}


def problems(**more: Any) -> dict[str, str]:
    """What is wrong, by option."""
    values = {name: value for name, value in {**SOUND, **more}.items() if value is not None}
    with pytest.raises(ValidationError) as caught:
        LdapOptions.model_validate(values)
    assert PASSWORD not in str([each["msg"] for each in caught.value.errors()])
    return {".".join(map(str, each["loc"])): each["msg"] for each in caught.value.errors()}


def test_three_lines_are_enough_and_safe() -> None:
    options = LdapOptions.model_validate(SOUND)
    assert (options.security, options.verify) == ("starttls", True)
    assert (options.connect_timeout_s, options.read_timeout_s, options.login_timeout_s) == (3, 5, 10)
    assert (options.groups, options.admin_groups) == ("search", ())


def test_all_contradictions_are_told_at_once_each_at_its_option() -> None:
    found = problems(
        servers=["ldap://a", "ldaps://b"],
        tls="plain",
        cert_file="c.pem",
        verify=False,
        ca_file="ca.pem",
        service_password=None,
        anonymous_search=True,
        bind_templates=["uid={login},ou=people"],
        groups="none",
        admin_groups=[f"cn=admins,{BASE}"],
    )
    assert set(found) == {
        "servers",
        "tls",
        "cert_file",
        "verify",
        "service_dn",
        "anonymous_search",
        "bind_templates",
        "groups",
    }


@pytest.mark.parametrize(
    ("more", "key", "says"),
    [
        ({"servers": []}, "servers", "not be empty"),
        ({"servers": ["http://a"]}, "servers.0", "ldap://HOST"),
        ({"servers": ["ldap://user:pw@a"]}, "servers.0", "ldap://HOST"),
        ({"servers": ["ldap://a:0"]}, "servers.0", "ldap://HOST"),
        ({"servers": ["ldap://a:99999"]}, "servers.0", "ort"),
        ({"servers": ["ldap://a/dc=x??sub"]}, "servers.0", "ldap://HOST"),
        ({"servers": ["ldap://"]}, "servers.0", "ldap://HOST"),
        ({"servers": ["ldaps://a"], "tls": "starttls"}, "tls", "from the start"),
        ({"tls": "ldaps"}, "tls", "named ldaps://"),
        ({"tls": "plain"}, "tls", "allow_plaintext = true"),
        ({"servers": ["ldap://127.0.0.1"], "tls": "plain"}, "tls", "allow_plaintext = true"),
        ({"service_dn": None, "service_password": None}, "service_dn", "anonymous_search = true"),
        ({"service_password": None}, "service_dn", "belong together"),
        ({"service_password": " "}, "service_password", "blank"),
        ({"service_password": "\u00ad"}, "service_password", "blank"),
        ({"anonymous_search": True}, "anonymous_search", "exclude"),
        ({"bind": "template"}, "bind", "bind_templates"),
        ({"base": ""}, "base", "empty DN"),
        ({"base": "example.org"}, "base", "no DN"),
        ({"admin_groups": ["admins"]}, "admin_groups.0", "no DN"),
        ({"group_map": {"admins": "x"}}, "group_map.admins.[key]", "no DN"),
        ({"group_map": {f"cn=a,{BASE}": ""}}, f"group_map.cn=a,{BASE}", "at least 1"),
        ({"user_filter": "(uid=alice)"}, "user_filter", "has no {login}"),
        ({"user_filter": "(uid=*{login}*)"}, "user_filter", "compares no attribute"),
        ({"user_filter": "uid={login}"}, "user_filter", "parentheses"),
        ({"user_filter": "(uid={login})(x=y)"}, "user_filter", "behind its end"),
        ({"user_filter": "(&(uid={login})"}, "user_filter", "must match"),
        ({"user_filter": "(uid={login})("}, "user_filter", "parentheses"),
        ({"user_filter": "((uid={login}))"}, "user_filter", "no filter"),
        ({"user_filter": "(&(uid={login})())"}, "user_filter", "no filter"),
        ({"user_filter": "(uid={name})"}, "user_filter", "no placeholder"),
        ({"user_filter": "(uid={login!r})"}, "user_filter", "no placeholder"),
        ({"user_filter": "(uid={login:>5})"}, "user_filter", "no placeholder"),
        ({"user_filter": "(uid={login.__class__})"}, "user_filter", "no placeholder"),
        ({"user_filter": "(uid={login)"}, "user_filter", "brace"),
        ({"user_filter": "(uid={login}\n)"}, "user_filter", "control"),
        ({"group_filter": "(cn=x)"}, "group_filter", "has no {dn}"),
        ({"account_filter": "title=x"}, "account_filter", "parentheses"),
        ({"bind": "template", "bind_templates": ["{login}"]}, "bind_templates.0", "neither"),
        ({"bind": "template", "bind_templates": ["uid={login},{login}"]}, "bind_templates.0", "once"),
        ({"bind": "template", "bind_templates": ["uid=x,ou=y"]}, "bind_templates.0", "once"),
        ({"bind": "template", "bind_templates": ["uid={login},nonsense"]}, "bind_templates.0", "no DN"),
        (
            {
                "bind": "template",
                "bind_templates": [f"uid={{login}},{BASE}"],
                "service_dn": None,
                "service_password": None,
            },
            "recheck",
            "recheck = false",
        ),
        ({"id_attribute": "entry UUID"}, "id_attribute", "pattern"),
        ({"id_attribute": "entryUUID)(x=*"}, "id_attribute", "pattern"),
        ({"connect_timeout_s": 0}, "connect_timeout_s", "greater than 0"),
        ({"read_timeout_s": float("inf")}, "read_timeout_s", "inite"),
        ({"threads": 0}, "threads", "greater than or equal"),
        ({"preset": "novell"}, "preset", "openldap"),
        ({"ca_certs": "x"}, "ca_certs", "not permitted"),
    ],
)
def test_a_mistake_is_named(more: dict[str, Any], key: str, says: str) -> None:
    found = problems(**more)
    assert list(found) == [key]
    assert says in found[key]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_defaults_and_what_is_written_wins(preset: str) -> None:
    options = LdapOptions.model_validate({**SOUND, "preset": preset})
    for name, value in PRESETS[preset].items():  # type: ignore[index]
        assert getattr(options, name) == value
    assert LdapOptions.model_validate({**SOUND, "preset": preset, "id_attribute": "other"}).id_attribute == "other"


def test_presets_only_set_defaults() -> None:
    loosened = {"verify", "tls", "allow_plaintext", "anonymous_search", "check_account_state", "admin_groups"}
    assert not loosened & {name for values in PRESETS.values() for name in values}


def test_no_secret_shows_where_options_are_printed() -> None:
    options = LdapOptions.model_validate(SOUND)
    for shown in (repr(options), str(options), options.model_dump_json(), f"{options.model_dump()}"):
        assert PASSWORD not in shown


async def started(root: Path, **more: Any) -> None:
    options = LdapOptions.model_validate({**SOUND, **more})
    provider = LdapProvider(FakeHost(root, {"ldap": options}), options)
    try:
        await provider.open()
    finally:
        await provider.close()


class TestFiles:
    async def test_a_relative_path_is_in_the_root_folder(self, tmp_path: Path, certificates: Certificates) -> None:
        (tmp_path / "ca.pem").write_bytes(certificates.ca.read_bytes())
        await started(tmp_path, ca_file="ca.pem")

    async def test_of_a_folder_all_authorities_are_trusted(
        self, tmp_path: Path, certificates: Certificates, tls_slapd: Slapd, open_provider: Any
    ) -> None:
        folder = tmp_path / "authorities"
        folder.mkdir()
        (folder / "a.pem").write_bytes(trustme.CA().cert_pem.bytes())
        options = protected(tls_slapd, certificates, ca_file="authorities")
        assert isinstance(await login(await open_provider(options), "alice", "Wren-41-saffron"), Unavailable)
        (folder / "b.crt").write_bytes(certificates.ca.read_bytes())
        assert isinstance(await login(await open_provider(options), "alice", "Wren-41-saffron"), Authenticated)

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("missing.pem", "No such file"),
            ("text.pem", "no certificate"),
            ("empty", ""),
            ("blank", "no certificate"),
        ],
    )
    async def test_authorities_that_can_not_be_used_end_the_start(self, tmp_path: Path, name: str, says: str) -> None:
        (tmp_path / "text.pem").write_text("no certificate at all")
        (tmp_path / "blank").write_text("")
        (tmp_path / "empty").mkdir()
        with pytest.raises(StartupError, match=f"ca_file: .*{name}.*{says}"):
            await started(tmp_path, ca_file=name)

    async def test_a_key_of_another_certificate_ends_the_start(
        self, tmp_path: Path, certificates: Certificates
    ) -> None:
        certificate, _ = certificates.server(tmp_path / "one", "client.example.org")
        _, key = certificates.server(tmp_path / "two", "client.example.org")
        with pytest.raises(StartupError, match="cert_file, key_file"):
            await started(tmp_path, cert_file=str(certificate), key_file=str(key))

    async def test_a_key_with_a_password_ends_the_start_and_nothing_asks_for_it(
        self, tmp_path: Path, certificates: Certificates
    ) -> None:
        from cryptography.hazmat.primitives import serialization as to

        certificate, key = certificates.server(tmp_path / "one", "client.example.org")
        loaded = to.load_pem_private_key(key.read_bytes(), None)
        locked = to.BestAvailableEncryption(b"secret")
        key.write_bytes(loaded.private_bytes(to.Encoding.PEM, to.PrivateFormat.PKCS8, locked))
        with pytest.raises(StartupError, match="protected by a password"):
            await started(tmp_path, cert_file=str(certificate), key_file=str(key))


@pytest.mark.parametrize(
    ("more", "event"),
    [({"tls": "plain", "allow_plaintext": True}, "ldap_plaintext"), ({"verify": False}, "ldap_unverified")],
)
async def test_what_is_not_safe_is_said_at_each_start(tmp_path: Path, more: dict[str, Any], event: str) -> None:
    options = LdapOptions.model_validate({**SOUND, **more})
    host = FakeHost(tmp_path, {"ldap": options})
    provider = LdapProvider(host, options)
    await provider.open()
    await provider.close()
    assert [(each["event"], each["log_level"]) for each in host.logged] == [(event, "warning")]
