"""Making accounts and setting passwords: what the host calls when it makes, changes and deletes its users."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from invoke_auth_local import hashing, store
from invoke_auth_local.options import LocalOptions
from invoke_auth_local.policy import Policy, flaw
from invoke_auth_local.pool import WorkPool
from invoke_host.api import BadRequest, HostView, PasswordAccounts, PasswordJudgement, Secret, fold_login


class LocalAccounts(PasswordAccounts):
    """Accounts in the table of this plugin. `hashes` and `judgements` are open while the provider is.

    Judging has a thread of its own: it holds Python's lock, and a thread that gives way must not hold what others need.
    """

    def __init__(self, host: HostView, options: LocalOptions, *, hashes: WorkPool, judgements: WorkPool) -> None:
        self._host = host
        self._cost = options.bcrypt_cost
        self._policy = Policy(options.minimum_length, options.strict_password_checking)
        self._hashes = hashes
        self._judgements = judgements

    @property
    def strict(self) -> bool:
        """`strict_password_checking`."""
        return self._policy.strict

    async def judge(self, password: Secret, *, about: Sequence[str] = ()) -> PasswordJudgement:
        """By length, common passwords, guessability and, where the operator asks for it, kinds of characters."""
        return await self._judgements.run(self._policy.judge, password.reveal(), tuple(about))

    async def hash(self, password: Secret) -> Secret:
        """Raises BadRequest for what can't be a password at all, judged or not."""
        text = password.reveal()
        if problem := flaw(text):
            raise BadRequest(problem)
        return Secret(await self._hashes.run(hashing.make, text, self._cost))

    async def verify(self, subject: str, password: Secret) -> bool:
        """False at once for what can't be a password at all."""
        text = password.reveal()
        if flaw(text):
            return False
        account: store.Account | None = await self._host.read(store.by_subject, subject)
        stored = account.password_hash if account else None
        return await self._hashes.run(hashing.matches, text, stored, self._cost)

    def put(self, conn: Connection, subject: str, login: str, hashed: Secret, *, now: str) -> None:
        """Takes what `hash` made, and bcrypt hashes of other systems. Raises ValueError for anything else."""
        text = hashed.reveal()
        if hashing.parse(text) is None:
            raise ValueError("this is no password hash of the plugin 'local', and no bcrypt hash that it can check")
        store.put(conn, store.Account(subject, fold_login(login), text), now=now)

    def rename(self, conn: Connection, subject: str, login: str, *, now: str) -> None:
        """The password stays, and so does the time of its last change."""
        store.rename(conn, subject, fold_login(login))

    def remove(self, conn: Connection, subject: str) -> None:
        """The name is free for another account at once."""
        store.remove(conn, subject)
