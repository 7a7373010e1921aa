"""Broken versions of the plugin, each with one defect that real ones have had."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import invoke_auth_ldap.connection
import invoke_auth_ldap.directory
import invoke_auth_ldap.groups
import invoke_auth_ldap.people
import invoke_auth_ldap.provider
import invoke_auth_ldap.state
import invoke_auth_ldap.templates
import pytest
import test_state
from invoke_auth_ldap.connection import BindResult, DirectoryConnection
from invoke_auth_ldap.errors import DirectoryError
from invoke_auth_ldap.people import People


def escapes_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(invoke_auth_ldap.templates, "escaped", lambda value: value)


def escapes_half(patch: pytest.MonkeyPatch) -> None:
    from ldap3.utils.dn import escape_rdn

    patch.setattr(invoke_auth_ldap.templates, "escaped", escape_rdn)


def sends_blank_passwords(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(invoke_auth_ldap.provider, "usable_password", lambda password: True)


def prepares_passwords(patch: pytest.MonkeyPatch) -> None:
    from ldap3.protocol.sasl import sasl

    real = invoke_auth_ldap.connection.Once.bind

    def bind(self: Any, **kwargs: Any) -> Any:
        self.password = sasl.sasl_prep(self.password.decode())
        return real(self, **kwargs)

    patch.setattr(invoke_auth_ldap.connection.Once, "bind", bind)


def verifies_nothing(patch: pytest.MonkeyPatch) -> None:
    def context(options: Any, root: Path) -> ssl.SSLContext:
        made = ssl.create_default_context()
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        return made

    patch.setattr(invoke_auth_ldap.provider, "context_of", context)


def verifies_no_names(patch: pytest.MonkeyPatch) -> None:
    real = invoke_auth_ldap.provider.context_of

    def context(options: Any, root: Path) -> ssl.SSLContext:
        made = real(options, root)
        made.check_hostname = False
        return made

    patch.setattr(invoke_auth_ldap.provider, "context_of", context)


def goes_on_without_tls(patch: pytest.MonkeyPatch) -> None:
    real = DirectoryConnection._run

    def run(self: Any, stage: str, call: Any) -> Any:
        try:
            return real(self, stage, call)
        except DirectoryError:
            if stage != "tls":
                raise
            return True

    patch.setattr(DirectoryConnection, "_run", run)
    patch.setattr(DirectoryConnection, "_check_protection", lambda self: None)


def compares_groups_as_text(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(invoke_auth_ldap.groups, "normal_dn", lambda dn: dn)


def compares_groups_by_their_first_name(patch: pytest.MonkeyPatch) -> None:
    real = invoke_auth_ldap.groups.normal_dn
    patch.setattr(invoke_auth_ldap.groups, "normal_dn", lambda dn: real(dn).partition(",")[0])


def knows_nobody_when_the_directory_is_down(patch: pytest.MonkeyPatch) -> None:
    real = invoke_auth_ldap.provider.LdapProvider._ask

    async def ask(self: Any, *args: Any) -> Any:
        outcome = await real(self, *args)
        return None if outcome.__class__.__name__ == "Unavailable" else outcome

    patch.setattr(invoke_auth_ldap.provider.LdapProvider, "_ask", ask)


def takes_any_failed_bind_for_a_wrong_password(patch: pytest.MonkeyPatch) -> None:
    def problem(result: BindResult) -> str | None:
        return None if result.code == 0 else "bad_credentials"

    patch.setattr(invoke_auth_ldap.directory, "bind_problem", problem)
    patch.setattr(test_state, "bind_problem", problem)


def takes_the_first_entry(patch: pytest.MonkeyPatch) -> None:
    real = DirectoryConnection.search

    def search(self: Any, *args: Any, most: int = 5000, **kwargs: Any) -> Any:
        return real(self, *args, most=most, **kwargs)[: 1 if most == 2 else most]

    patch.setattr(DirectoryConnection, "search", search)


def believes_the_servers_matching(patch: pytest.MonkeyPatch) -> None:
    class All(set):  # type: ignore[type-arg]
        def __contains__(self, _: object) -> bool:
            return True

    patch.setattr(People, "_names", lambda self, entry, attributes: All())


def overlooks_a_size_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(invoke_auth_ldap.connection, "SIZE_LIMIT", 0)
    real = DirectoryConnection._result

    def judged(self: Any, stage: str) -> BindResult:
        found = real(self, stage)
        return BindResult(0, "") if found.code == 4 else found

    patch.setattr(invoke_auth_ldap.connection, "SIZE_LIMIT", -1)
    patch.setattr(DirectoryConnection, "_result", judged)


def follows_referrals(patch: pytest.MonkeyPatch) -> None:
    real = invoke_auth_ldap.connection.Once.__init__

    def made(self: Any, server: Any, **kwargs: Any) -> None:
        server.allowed_referral_hosts = [("*", True)]
        real(self, server, **{**kwargs, "auto_referrals": True})

    patch.setattr(invoke_auth_ldap.connection.Once, "__init__", made)


def answers_faster_for_unknown_names(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(invoke_auth_ldap.directory.Directory, "_bind_as_nobody", lambda self, visit, connection: None)


def cuts_off_by_taking_tls_away(patch: pytest.MonkeyPatch) -> None:
    import socket

    def abort(self: Any) -> None:
        if self._connection.socket is not None:
            self._connection.socket.shutdown(socket.SHUT_RDWR)

    patch.setattr(DirectoryConnection, "abort", abort)


def leaves_connections_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DirectoryConnection, "abort", lambda self: None)
