"""What is written down about logins that fail: one stable line in the log, one row in the audit log.

The name that was typed is in neither: people type their password into that field. Both have a hash of it, so that tries
of one name can be told from tries of many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger

from invoke_host.audit.record import Origin, Target, append
from invoke_host.identity.login.throttle import name_hash
from invoke_host.masking import one_line

#: Why a login failed; stable words. `disabled`: the account was deactivated. `not_linked`: a provider vouches for
#: somebody who is no user here. `refused`: the account changed while its password was checked.
Reason: TypeAlias = Literal["bad_credentials", "disabled", "throttled", "unavailable", "not_linked", "refused"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A login that failed. `account_id`: the user whose e-mail address was typed; `provider`: who judged; if known."""

    name: str
    reason: Reason
    address: str | None
    account_id: str | None = None
    provider: str | None = None

    @property
    def user_hash(self) -> str:
        """16 hexadecimal digits of the name that was typed."""
        return name_hash(self.name)[:16]

    def log(self, log: FilteringBoundLogger) -> None:
        """Write the line, at most 300 bytes; programs such as fail2ban read it."""
        address = one_line(self.address or "unknown")[:64]
        log.warning("auth_failure", ip=address, user_hash=self.user_hash, reason=self.reason)

    def record(self, conn: Connection, now: str, action: str = "login", origin: Origin | None = None) -> None:
        """Add the row; `origin` where somebody is logged in already."""
        details = {"login_hash": self.user_hash, "reason": self.reason}
        if self.provider is not None:
            details["provider"] = self.provider
        append(
            conn,
            origin or Origin(None, "", "api", self.address),
            action,
            Target("account", self.account_id),
            outcome="failed" if self.reason == "unavailable" else "refused",
            details=details,
            now=now,
        )
