"""`invoke-host ldap check`: every stage of a login, one after another, with what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from invoke_auth_ldap.connection import DirectoryConnection
from invoke_auth_ldap.directory import Directory, Known, Refused, Visit
from invoke_auth_ldap.errors import DirectoryError, printable
from invoke_auth_ldap.groups import ACTIVE_DIRECTORY
from invoke_auth_ldap.hygiene import usable_login, usable_password
from invoke_auth_ldap.people import Ambiguous, Person
from invoke_host.api import Finding

#: Groups that are named before the rest is counted.
_SHOWN = 20


def findings(directory: Directory, visit: Visit, name: str | None, password: str | None) -> list[Finding]:
    """Walk the stages; the last finding is the one that failed, or the outcome."""
    # Names and texts of a directory are anybody's, and a terminal obeys some characters.
    return [
        Finding(each.stage, each.ok, printable(each.text)) for each in _found(_Walk(directory, visit), name, password)
    ]


def _found(walk: _Walk, name: str | None, password: str | None) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(walk.settings())
        connection = walk.first_connection(found)
        if connection is None:
            return found
        try:
            for finding in walk.stages(connection, name, password):
                found.append(finding)
                if finding.ok is False:
                    break
        finally:
            connection.close()
    except DirectoryError as error:
        found.append(Finding(error.stage, False, str(error)))
    return found


class _Walk:
    """One walk through the stages."""

    def __init__(self, directory: Directory, visit: Visit) -> None:
        self._directory = directory
        self._options = directory.options
        self._visit = visit

    def settings(self) -> Iterator[Finding]:
        """What the configuration says, where it is worth a look."""
        options = self._options
        preset = f", preset {options.preset}" if options.preset else ""
        yield Finding(
            "settings", None, f"{', '.join(options.servers)}; {options.security}; bind {options.bind}{preset}"
        )
        if options.security == "plain":
            yield Finding("settings", None, 'passwords travel in clear text (tls = "plain")')
        elif not options.verify:
            yield Finding("settings", None, "certificates are not checked (verify = false): anybody between can listen")

    def first_connection(self, found: list[Finding]) -> DirectoryConnection | None:
        """Try every server, and keep the connection to the first that answers."""
        kept = None
        for server in self._directory.servers.in_order():
            try:
                connection = DirectoryConnection(server, self._directory.channel(self._visit), self._visit.opened)
            except DirectoryError as error:
                found.append(Finding(error.stage, False, str(error)))
                continue
            found.append(Finding("connect", True, f"{server.uri}: {connection.protection()}"))
            if kept is None:
                kept = connection
            else:
                connection.close()
        return kept

    def stages(self, connection: DirectoryConnection, name: str | None, password: str | None) -> Iterator[Finding]:
        """What follows on a connection."""
        options = self._options
        if options.can_search:
            self._directory.introduce(connection)
            who = options.service_dn or "nobody (anonymous_search)"
            yield Finding("service_bind", True, f"searches are made as {who}")
        yield from self._server(connection)
        if name is None:
            yield from self._people(connection)
        elif not usable_login(name):
            yield Finding("user", False, "nobody can have that name: it is blank, too long, or has control characters")
        elif password is not None and not usable_password(password):
            yield Finding("password", False, "no login gets that far: it is blank, too long, or has a NUL in it")
        elif options.can_search:
            yield from self._person(connection, name, password)
        elif password is None:
            yield Finding("user", False, "without a service account a person is found only with their password")
        else:
            yield self._outcome(lambda: self._directory.judge(self._visit, name, password))

    def _server(self, connection: DirectoryConnection) -> Iterator[Finding]:
        features = connection.features()
        if not features:
            yield Finding("server", None, "the server tells nothing about itself (root DSE); that is no problem")
            return
        kind = "an Active Directory" if ACTIVE_DIRECTORY in features else "no Active Directory"
        wrong = self._options.groups == "ad_in_chain" and ACTIVE_DIRECTORY not in features
        text = f"{kind}; {len(features)} controls, extensions and features"
        yield Finding("server", not wrong, text + ('; groups = "ad_in_chain" finds none here' if wrong else ""))

    def _people(self, connection: DirectoryConnection) -> Iterator[Finding]:
        if not self._options.can_search:
            return
        people = self._directory.people
        found = connection.search(people.base, people.anybody, (), most=5)
        count = "5 or more" if len(found) == 5 else len(found)
        text = f"{people.base}: {count} entries have {self._options.id_attribute} and match user_filter"
        advice = f", {people.anybody}: check user_base, user_filter, id_attribute and what the service account may read"
        yield Finding("base", bool(found), text + ("" if found else advice))
        yield Finding("outcome", True, "the directory can be used; --user NAME walks through a person's login")

    def _person(self, connection: DirectoryConnection, name: str, password: str | None) -> Iterator[Finding]:
        people = self._directory.people
        yield Finding("search", None, f"{people.filter_for(name)} below {people.base}")
        try:
            person = people.by_login(connection, name)
        except Ambiguous:
            yield Finding("user", False, "several entries match, a login needs one: narrow user_filter or user_base")
            return
        if person is None:
            yield Finding("user", False, f"nobody is found by the name {name!r}: check user_filter and user_base")
            return
        yield from self._entry(person)
        if password is not None:
            problem = self._directory.bind_as(self._visit, connection, person.entry.dn, password)
            yield Finding("password", problem is None, "right" if problem is None else f"not accepted: {problem}")
        yield from self._groups(connection, person)
        yield self._outcome(lambda: self._directory.admit(connection, person, at_login=True))

    def _entry(self, person: Person) -> Iterator[Finding]:
        options, entry = self._options, person.entry
        yield Finding("user", True, entry.dn)
        yield Finding("identity", True, f"{options.id_attribute} = {person.subject}")
        for what, attribute in (
            ("login", options.login_attribute),
            ("name", options.name_attribute),
            ("e-mail", options.email_attribute),
        ):
            values = entry.all(attribute)
            text = entry.text(attribute)
            why = "is not there, or may not be read" if not values else f"has {len(values)} values, so it is not used"
            yield Finding("attributes", None, f"{what}: {attribute} {why if text is None else f'= {text}'}")

    def _groups(self, connection: DirectoryConnection, person: Person) -> Iterator[Finding]:
        options = self._options
        login = person.entry.text(options.login_attribute)
        groups = sorted(self._directory.groups.of(connection, person.entry, login))
        yield Finding("groups", None, f"{len(groups)} by {options.groups}")
        for group in groups[:_SHOWN]:
            yield Finding("groups", None, group)
        if len(groups) > _SHOWN:
            yield Finding("groups", None, f"and {len(groups) - _SHOWN} more")

    def _outcome(self, judge: Callable[[], Any]) -> Finding:
        judgement = judge()
        if isinstance(judgement, Known):
            standing = judgement.standing
            role = {True: "as administrator", False: "as a user", None: "with the role they have here"}[standing.admin]
            put = (
                ""
                if standing.host_groups is None
                else f"; in the groups {', '.join(sorted(standing.host_groups)) or '-'}"
            )
            return Finding("outcome", True, f"may log in, {role}{put}")
        if isinstance(judgement, Refused):
            return Finding("outcome", False, f"may not log in: {judgement.code}")
        return Finding("outcome", False, "unknown")
