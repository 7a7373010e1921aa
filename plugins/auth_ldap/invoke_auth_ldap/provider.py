"""The login provider `ldap`: what the directory says, in the words of the host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import ClassVar, TypeAlias

from invoke_auth_ldap.check import findings
from invoke_auth_ldap.directory import Directory, Judgement, Known, Refused, Visit
from invoke_auth_ldap.errors import DirectoryError, printable
from invoke_auth_ldap.groups import ACTIVE_DIRECTORY
from invoke_auth_ldap.hygiene import usable_login, usable_password
from invoke_auth_ldap.options import LdapOptions
from invoke_auth_ldap.tls import CertificateProblem, context_of
from invoke_auth_ldap.visits import Visits
from invoke_host.api import (
    Authenticated,
    AuthOutcome,
    AuthProvider,
    Finding,
    HostView,
    Identity,
    LoginContext,
    Rejected,
    Secret,
    StartupError,
    Unavailable,
)

#: Kept back from the time that the host gives, so that the answer is there before the host stops waiting.
_MARGIN_S = 0.1

#: All stages of a diagnosis together; each has its own, shorter time.
_DIAGNOSIS_S = 60.0


Question: TypeAlias = Callable[[Directory, Visit], Judgement]


class LdapProvider(AuthProvider):
    """Asks the directory each time; nothing is kept about anybody."""

    name: ClassVar[str] = "ldap"

    def __init__(self, host: HostView, options: LdapOptions) -> None:
        self.options = options
        self._log = host.log
        self._root = host.root
        self._visits = Visits(options.threads, options.queue)
        self._directory: Directory | None = None

    async def open(self) -> None:
        """Raises StartupError for certificates that can't be read, and for groups that this directory can't find."""
        if self._directory is not None:
            return
        try:
            context = await asyncio.to_thread(context_of, self.options, self._root)
        except CertificateProblem as problem:
            raise StartupError(f"[plugins.ldap]: {problem}") from problem
        self._directory = Directory(self.options, context)
        self._visits.open()
        if self.options.security == "plain":
            self._log.warning("ldap_plaintext", advice='passwords travel in clear text; use tls = "starttls"')
        if not self.options.verify:
            self._log.warning("ldap_unverified", advice="anybody between can read passwords; use ca_file")
        if self.options.groups == "ad_in_chain":
            await self._check_in_chain(self._directory)

    async def close(self) -> None:
        self._directory = None
        await self._visits.close()

    @property
    def directory(self) -> Directory:
        """Raises DirectoryError while the provider is not open."""
        if self._directory is None:
            raise DirectoryError("the provider is not open", "connect")
        return self._directory

    async def from_password(self, name: str, password: Secret, context: LoginContext) -> AuthOutcome | None:
        login, text = name.strip(), password.reveal()
        if not usable_login(login):
            return None
        if not usable_password(text):
            return Rejected("bad_credentials")
        timeout_s = min(self.options.login_timeout_s, context.deadline_s - _MARGIN_S)
        return await self._ask("login", timeout_s, lambda directory, visit: directory.judge(visit, login, text))

    async def refresh(self, identity: Identity) -> AuthOutcome:
        if identity.provider != self.name:
            return Rejected("not_mine")
        if not self.options.can_search:
            return Authenticated(identity)
        subject = identity.subject
        outcome = await self._ask(
            "refresh", self.options.login_timeout_s, lambda directory, visit: directory.look_up(visit, subject)
        )
        return Rejected("gone") if outcome is None else outcome

    async def diagnose(self, name: str | None, password: Secret | None) -> Sequence[Finding]:
        text = None if password is None else password.reveal()
        login = None if name is None else name.strip()
        try:
            directory = self.directory
            return await self._visits.make(_DIAGNOSIS_S, lambda visit: findings(directory, visit, login, text))
        except DirectoryError as error:
            return [Finding(error.stage, False, str(error))]

    async def _ask(self, what: str, timeout_s: float, question: Question) -> AuthOutcome | None:
        began = monotonic()

        def said() -> dict[str, object]:
            return {"what": what, "duration_s": round(monotonic() - began, 3)}

        try:
            directory = self.directory
            judgement = await self._visits.make(max(timeout_s, 0.0), lambda visit: question(directory, visit))
        except DirectoryError as error:
            self._log.warning(
                "ldap_unavailable", **said(), stage=error.stage, server=error.server, reason=printable(str(error))
            )
            return Unavailable(error.code)
        if isinstance(judgement, Known):
            self._log.debug("ldap_known", **said())
            return Authenticated(self._identity(judgement))
        if isinstance(judgement, Refused):
            self._log.info("ldap_refused", **said(), code=judgement.code)
            return Rejected(judgement.code)
        self._log.debug("ldap_unknown", **said())
        return None

    def _identity(self, known: Known) -> Identity:
        options, entry, standing = self.options, known.person.entry, known.standing
        login = entry.text(options.login_attribute) or ""
        return Identity(
            self.name,
            subject=known.person.subject,
            login=login,
            display_name=entry.text(options.name_attribute) or login,
            email=entry.text(options.email_attribute),
            groups=standing.groups,
            admin=standing.admin,
            host_groups=standing.host_groups,
        )

    async def _check_in_chain(self, directory: Directory) -> None:
        try:
            features = await self._visits.make(self.options.login_timeout_s, directory.features)
        except DirectoryError as error:
            self._log.warning("ldap_unavailable", what="start", stage=error.stage, reason=str(error))
            return  # asked again at each login
        if ACTIVE_DIRECTORY not in features:
            raise StartupError(
                '[plugins.ldap]: groups = "ad_in_chain" works with Active Directory only, and this directory is none: '
                'it would find no groups at all. Use groups = "search_nested".'
            )
