"""`invoke-host ldap check`, in front of a real directory: without a running host, and without its database."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host.directory import GROUPS, MAPPED, WORD, configuration, dn, running_slapd
from tests.slapd import BASE, READER_PASSWORD, Slapd, free_port

from .conftest import Result, Run

Check = Callable[..., Result]


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    """People as `running_slapd` says, two who share an address, and one whose account is closed."""
    with running_slapd() as server:
        for uid in ("twin", "other"):
            server.person(uid, WORD, mail="twins@example.org")
        server.person("gone", WORD, title="gone")
        server.person("nomad", WORD)
        yield server


@pytest.fixture
def check(run: Run, root: Path, slapd: Slapd, monkeypatch: pytest.MonkeyPatch) -> Check:
    """`check("--user", "ann", typed="...", base="...")`: the command with other options of the plugin."""

    def run_it(*words: str, typed: str | None = None, uri: str = "", providers: Any = ("ldap",), **more: Any) -> Result:
        text = configuration(uri or slapd.uri, *providers, **{**MAPPED, **more})
        if "local" not in providers:
            text = text.replace("[plugins.local]\nbcrypt_cost = 4\n", "")
        (root / "invoke-host.toml").write_text(text)
        (root / "invoke-host.toml").chmod(0o600)
        if typed is not None:
            pipe = io.TextIOWrapper(io.BytesIO(f"{typed}\n".encode()))
            monkeypatch.setattr(sys, "stdin", pipe)
            words = (*words, "--password-stdin")
        result = run("ldap", "check", *words)
        for secret in (READER_PASSWORD, WORD, typed):
            assert secret is None or secret not in result.out + result.err
        assert sorted(path.name for path in root.iterdir()) == ["invoke-host.toml"]
        return result

    return run_it


def last(result: Result) -> str:
    """What the last stage found."""
    return " ".join(result.out.splitlines()[-1].split())


def test_without_a_user_it_looks_at_servers_service_account_and_base(check: Check, slapd: Slapd) -> None:
    result = check()
    assert (result.code, result.err) == (0, "")
    stages = [line.split()[0] for line in result.out.splitlines()[1:]]
    assert list(dict.fromkeys(stages)) == ["settings", "connect", "service_bind", "server", "base", "outcome"]
    assert f"{slapd.uri}: " in result.out
    assert "passwords travel in clear text" in result.out
    assert last(result) == "outcome ok the directory can be used; --user NAME walks through a person's login"


def test_with_a_user_it_walks_through_their_login(check: Check) -> None:
    result = check("--user", "ann")
    assert (result.code, result.err) == (0, "")
    for text in (dn("ann"), "entryUUID = ", "ann@example.org", f"cn=painters,{GROUPS}"):
        assert text in result.out
    assert last(result) == "outcome ok may log in, as a user; in the groups Painters"
    assert last(check("--user", "EVE")) == "outcome ok may log in, as administrator; in the groups -"


def test_a_password_is_tried_and_never_shown(check: Check) -> None:
    good = check("--user", "ann", typed=WORD)
    assert good.code == 0
    assert "password ok right" in " ".join(good.out.split())
    wrong = check("--user", "ann", typed="Not-The-Password-9")
    assert wrong.code == 1
    assert last(wrong) == "password FAILED not accepted: bad_credentials"


def test_as_json_it_is_a_list_of_what_each_stage_found(check: Check) -> None:
    result = check("--user", "ann", "--json", typed=WORD)
    found = json.loads(result.out)
    assert (result.code, result.err) == (0, "")
    assert {"stage", "ok", "text"} == set(found[0])
    assert found[-1] == {"stage": "outcome", "ok": True, "text": "may log in, as a user; in the groups Painters"}
    assert {"stage": "password", "ok": True, "text": "right"} in found
    failed = json.loads(check("--json", base="dc=nowhere").out)
    assert [each["ok"] for each in failed][-1] is False


@pytest.mark.parametrize(
    ("name", "stage", "text"),
    [
        ("nobody", "user", "nobody is found by the name 'nobody'"),
        ("twins@example.org", "user", "several entries match"),
        ("gone", "outcome", "may not log in: account_filter"),
        ("nomad", "outcome", "may not log in: required_group"),
        ("*", "user", "nobody is found by the name '*'"),
    ],
)
def test_it_says_why_somebody_may_not_come_in(check: Check, name: str, stage: str, text: str) -> None:
    filter_ = "(&(objectClass=inetOrgPerson)(|(uid={login})(mail={login})))"
    result = check("--user", name, user_filter=filter_)
    assert result.code == 1
    assert last(result).startswith(f"{stage} FAILED {text}")


@pytest.mark.parametrize(
    ("wrong", "stage", "text"),
    [
        ({"service_password": "Not-The-Password-9"}, "service_bind", "does not take the service account"),
        ({"base": "dc=nowhere"}, "search", "has no such place"),
        ({"id_attribute": "nsUniqueId"}, "base", "check user_base, user_filter, id_attribute"),
        ({"tls": "starttls", "allow_plaintext": False}, "tls", ""),
        ({"ca_file": "/nowhere/ca.pem"}, "open", "ca_file: /nowhere/ca.pem"),
        ({"groups": "ad_in_chain"}, "open", "works with Active Directory only"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_it_names_the_stage_that_fails(check: Check, wrong: dict[str, Any], stage: str, text: str) -> None:
    result = check(**wrong)
    assert result.code == 1
    assert last(result).startswith(f"{stage} FAILED")
    assert text in last(result)


def test_a_server_that_does_not_answer_is_named_and_the_next_one_is_looked_at(check: Check, slapd: Slapd) -> None:
    dead = f"ldap://localhost:{free_port()}"
    result = check(uri=dead)
    assert result.code == 1
    assert last(result).startswith("connect FAILED")
    assert dead in last(result)
    both = check(servers=[dead, slapd.uri])
    assert dead in both.out
    assert last(both).startswith("outcome ok")


def test_without_a_directory_in_the_configuration_there_is_nothing_to_look_at(run: Run) -> None:
    result = run("ldap", "check")
    assert result.code == 1
    assert result.err == 'error: no directory is used here: [auth] providers does not name "ldap"\n'


def test_a_wrong_option_is_told_as_by_every_command(check: Check) -> None:
    result = check(id_attribut="entryUUID")
    assert result.code == 2
    assert "plugins.ldap.id_attribut: unknown key; did you mean `id_attribute`?" in result.err


def test_a_password_needs_somebody_whose_it_is(check: Check) -> None:
    result = check(typed=WORD)
    assert result.code == 2
    assert "--password-stdin needs --user NAME" in result.err


def test_beside_local_accounts_it_needs_no_database_either(check: Check) -> None:
    assert check(providers=("local", "ldap")).code == 0


def test_the_base_of_the_tests_is_what_the_docs_say() -> None:
    assert BASE == "dc=example,dc=org"
