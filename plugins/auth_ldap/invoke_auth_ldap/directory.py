"""A directory as the provider uses it: judge a name and password, look somebody up again. Plain blocking calls.

Each call is a visit: it has a deadline, may go on at the next server when one fails, and can be cut off from another
thread.
"""

from __future__ import annotations

import secrets
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TypeAlias, TypeVar

from invoke_auth_ldap.connection import SUCCESS, Channel, DirectoryConnection
from invoke_auth_ldap.errors import DirectoryError, Unreachable
from invoke_auth_ldap.groups import Groups, Standing
from invoke_auth_ldap.options import LdapOptions
from invoke_auth_ldap.people import Ambiguous, People, Person
from invoke_auth_ldap.servers import Servers
from invoke_auth_ldap.state import account_problem, bind_problem
from invoke_auth_ldap.templates import DnTemplate

T = TypeVar("T")

#: A server that had this long of a visit and did not finish it has failed; with less, the visit came too late.
_FAIR_S = 1.0


@dataclass(frozen=True, slots=True)
class Known:
    """A person who may use this host."""

    person: Person
    standing: Standing


@dataclass(frozen=True, slots=True)
class Refused:
    """The directory knows them and says no; `code` is a stable word for the log."""

    code: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody of that name or id."""


Judgement: TypeAlias = Known | Refused | Unknown


class Visit:
    """One question to the directory, whatever it takes. `abort` may be called from any thread."""

    def __init__(self, timeout_s: float) -> None:
        self._ends_at = monotonic() + timeout_s
        self._lock = threading.Lock()
        self._open: list[DirectoryConnection] = []
        self._aborted = False

    def time_left(self) -> float:
        """Seconds; 0 when it was aborted."""
        return 0.0 if self._aborted else self._ends_at - monotonic()

    def opened(self, connection: DirectoryConnection) -> None:
        """Remember a connection, to cut it off."""
        with self._lock:
            self._open.append(connection)

    def abort(self) -> None:
        """Whatever the visit waits for, it ends now."""
        with self._lock:
            self._aborted = True
            for connection in self._open:
                connection.abort()


class Directory:
    """The directory of the options. Safe on several threads; keeps nothing about anybody."""

    def __init__(self, options: LdapOptions, context: ssl.SSLContext) -> None:
        self.options = options
        self.servers = Servers(options.servers, options.cooldown_s)
        self.people = People(options)
        self.groups = Groups(options)
        self._context = context
        self._templates = [DnTemplate.of(text) for text in options.bind_templates]

    def judge(self, visit: Visit, login: str, password: str) -> Judgement:
        """Who that is, if the password is right. Raises DirectoryError."""
        if self.options.bind == "template":
            return self._anywhere(visit, lambda connection: self._by_template(visit, connection, login, password))
        return self._anywhere(visit, lambda connection: self._by_search(visit, connection, login, password))

    def look_up(self, visit: Visit, subject: str) -> Judgement:
        """Who that is now. Raises DirectoryError."""

        def ask(connection: DirectoryConnection) -> Judgement:
            self.introduce(connection)
            try:
                person = self.people.by_subject(connection, subject)
            except Ambiguous:
                return Refused("ambiguous")
            return Unknown() if person is None else self.admit(connection, person, at_login=False)

        return self._anywhere(visit, ask)

    def features(self, visit: Visit) -> frozenset[str]:
        """What the first server that answers announces about itself. Raises DirectoryError."""
        return self._anywhere(visit, lambda connection: connection.features())

    def channel(self, visit: Visit) -> Channel:
        """How connections of that visit are made."""
        options = self.options
        return Channel(
            options.security, self._context, options.connect_timeout_s, options.read_timeout_s, visit.time_left
        )

    def introduce(self, connection: DirectoryConnection) -> None:
        """Bind as the service account, if there is one. Raises DirectoryError."""
        options = self.options
        if options.service_dn is None or options.service_password is None:
            return
        result = connection.bind(options.service_dn, options.service_password.reveal())
        if result.code != SUCCESS:
            raise DirectoryError(
                f"{connection.server.uri} does not take the service account (result {result.code}): "
                "check service_dn and service_password",
                "service_bind",
                connection.server.uri,
            )

    def admit(self, connection: DirectoryConnection, person: Person, *, at_login: bool) -> Judgement:
        """Whether a person whose entry was found may use this host."""
        if self.options.check_account_state:
            problem = account_problem(person.entry, datetime.now(UTC), at_login=at_login)
            if problem is not None:
                return Refused(problem)
        if not self.people.allowed(connection, person):
            return Refused("account_filter")
        login = person.entry.text(self.options.login_attribute)
        standing = self.groups.standing(self.groups.of(connection, person.entry, login))
        return Known(person, standing) if standing.refused is None else Refused(standing.refused)

    def bind_as(self, visit: Visit, beside: DirectoryConnection, dn: str, password: str) -> str | None:
        """Why the person's own bind failed, on a connection of its own; None if it succeeded. Raises DirectoryError."""
        connection = DirectoryConnection(beside.server, self.channel(visit), visit.opened)
        try:
            return self._bind(connection, dn, password)
        finally:
            connection.close()

    def _by_search(self, visit: Visit, connection: DirectoryConnection, login: str, password: str) -> Judgement:
        self.introduce(connection)
        try:
            person = self.people.by_login(connection, login)
        except Ambiguous:
            self._bind_as_nobody(visit, connection)
            return Refused("ambiguous")
        if person is None:
            self._bind_as_nobody(visit, connection)
            return Unknown()
        problem = self.bind_as(visit, connection, person.entry.dn, password)
        if problem is not None:
            return Refused(problem)
        judgement = self.admit(connection, person, at_login=True)
        if judgement != Refused("locked"):
            return judgement
        # The entry is from before the bind. OpenLDAP takes a lock that has run out away at the first good bind.
        again = self.people.by_subject(connection, person.subject)
        return judgement if again is None else self.admit(connection, again, at_login=True)

    def _by_template(self, visit: Visit, connection: DirectoryConnection, login: str, password: str) -> Judgement:
        worst: Judgement = Unknown()
        for template in self._templates:
            if not template.fits(login):
                continue
            problem = self.bind_as(visit, connection, template.fill(login), password)
            if problem is None:
                return self._entry_behind(visit, connection, template, login, password)
            worst = Refused(problem)
        if self.options.can_search and worst != Unknown():
            # A refused bind does not tell whether there is such a person; somebody else may know who that is.
            self.introduce(connection)
            try:
                if self.people.by_login(connection, login) is None:
                    return Unknown()
            except Ambiguous:
                return Refused("ambiguous")
        return worst

    def _entry_behind(
        self, visit: Visit, beside: DirectoryConnection, template: DnTemplate, login: str, password: str
    ) -> Judgement:
        """The entry of somebody whose bind by a template was good; read with their own rights if need be."""
        connection = DirectoryConnection(beside.server, self.channel(visit), visit.opened)
        try:
            if self.options.can_search:
                self.introduce(connection)
            elif self._bind(connection, template.fill(login), password) is not None:
                return Refused("bad_credentials")
            try:
                person = self.people.behind(connection, template, login)
            except Ambiguous:
                return Refused("ambiguous")
            if person is None:
                return Unknown()
            # `{login}@example.org` is somebody's, but perhaps not that of the entry with this login name.
            if not template.is_dn and (problem := self.bind_as(visit, beside, person.entry.dn, password)) is not None:
                return Refused(problem)
            return self.admit(connection, person, at_login=True)
        finally:
            connection.close()

    def _bind(self, connection: DirectoryConnection, dn: str, password: str) -> str | None:
        result = connection.bind(dn, password)
        try:
            return bind_problem(result)
        except LookupError:
            raise DirectoryError(
                f"{connection.server.uri} can't say whether the password is right (result {result.code})",
                "bind",
                connection.server.uri,
            ) from None

    def _bind_as_nobody(self, visit: Visit, connection: DirectoryConnection) -> None:
        """The round trips that a person's bind takes, so that the time does not tell who exists."""
        nobody = f"{self.options.login_attribute}={secrets.token_hex(8)},{self.options.base}"
        self.bind_as(visit, connection, nobody, secrets.token_urlsafe(12))

    def _anywhere(self, visit: Visit, ask: Callable[[DirectoryConnection], T]) -> T:
        """The answer of the first server that gives one."""
        failures: list[str] = []
        stage = "connect"
        for server in self.servers.in_order():
            began = monotonic()
            try:
                connection = DirectoryConnection(server, self.channel(visit), visit.opened)
                try:
                    answer = ask(connection)
                finally:
                    connection.close()
            except Unreachable as error:
                failures.append(str(error))
                stage = error.stage
                in_time = visit.time_left() > 0
                if in_time or monotonic() - began >= _FAIR_S:
                    self.servers.failed(server)
                if in_time:
                    continue
                break
            self.servers.worked(server)
            return answer
        raise Unreachable("; ".join(failures), stage)
