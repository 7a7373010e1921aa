"""Whether an account may be used, by what the entry says and by what the server answers to a bind."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from invoke_auth_ldap.connection import SUCCESS, BindResult, Entry

#: Attributes that say something; servers send those that they know.
STATE_ATTRIBUTES: Final = (
    "userAccountControl",  # Active Directory
    "accountExpires",
    "pwdAccountLockedTime",  # OpenLDAP's ppolicy overlay
    "pwdReset",
    "nsAccountLock",  # 389-DS, FreeIPA
    "passwordExpirationTime",  # 389-DS
    "krbPrincipalExpiration",  # FreeIPA
)

#: userAccountControl, [MS-ADTS] section 2.2.16.
_DISABLED: Final = 0x2
#: `accountExpires` counts 100 ns from 1601; both of these mean never.
_NEVER: Final = frozenset({0, 2**63 - 1})
_FILE_TIME_ZERO: Final = datetime(1601, 1, 1, tzinfo=UTC)
#: The time that the password policy draft gives accounts which an administrator locked; others end by themselves.
_LOCKED_FOR_GOOD: Final = "000001010000Z"

#: What 389-DS puts there when an administrator has set a password that must be changed. Such a person can bind.
_MUST_CHANGE: Final = "19700101000000Z"
#: Generalized time as servers write it (RFC 4517 section 3.3.13), in UTC.
_TIME: Final = re.compile(r"(\d{10})(\d\d)?(\d\d)?(?:[.,]\d+)?Z")

#: Active Directory tells its reason in the text: `... AcceptSecurityContext error, data 533, v2580`.
_DATA: Final = re.compile(r"\bdata ([0-9a-fA-F]{2,8})\b")
_AD_REASONS: Final = {
    0x530: "outside_hours",
    0x531: "wrong_workstation",
    0x532: "password_expired",
    0x533: "disabled",
    0x701: "account_expired",
    0x773: "must_change_password",
    0x775: "locked",
}

#: Results of a bind that speak of the account or its password. All others speak of the server.
_ABOUT_THE_ACCOUNT: Final = {
    19: "locked",  # constraintViolation: 389-DS
    32: "bad_credentials",  # noSuchObject
    34: "bad_credentials",  # invalidDNSyntax
    48: "bad_credentials",  # inappropriateAuthentication: the entry has no password
    49: "bad_credentials",
    50: "disabled",  # insufficientAccessRights: the entry may not bind
    53: "disabled",  # unwillingToPerform: 389-DS
}


def account_problem(entry: Entry, now: datetime, *, at_login: bool) -> str | None:
    """Why the account may not be used, as a stable word; None if nothing speaks against it.

    A lock that wrong passwords caused keeps people from logging in, but ends nobody's session: else whoever knows a
    name could end the work of its owner.
    """
    control = _number(entry, "userAccountControl")
    if control is not None and control & _DISABLED:
        return "disabled"
    if (entry.text("nsAccountLock") or "").casefold() == "true":
        return "disabled"
    if _expired(entry, now):
        return "account_expired"
    locked = entry.text("pwdAccountLockedTime")
    if locked == _LOCKED_FOR_GOOD:
        return "disabled"
    if at_login and locked:
        return "locked"
    if at_login and (
        (entry.text("pwdReset") or "").casefold() == "true" or entry.text("passwordExpirationTime") == _MUST_CHANGE
    ):
        return "must_change_password"
    return None


def bind_problem(result: BindResult) -> str | None:
    """Why a person's bind failed; None if it succeeded. Raises LookupError where it says nothing about the person."""
    if result.code == SUCCESS:
        return None
    if result.code == 49 and (found := _DATA.search(result.message)):
        return _AD_REASONS.get(int(found[1], 16), "bad_credentials")
    return _ABOUT_THE_ACCOUNT[result.code]


def _expired(entry: Entry, now: datetime) -> bool:
    ticks = _number(entry, "accountExpires")
    if ticks is not None and ticks not in _NEVER:
        try:
            return _FILE_TIME_ZERO + timedelta(microseconds=ticks // 10) <= now
        except OverflowError:  # after the year 9999
            return False
    until = _time(entry.text("krbPrincipalExpiration"))
    return until is not None and until <= now


def _time(text: str | None) -> datetime | None:
    found = _TIME.fullmatch(text or "")
    if found is None:
        return None
    try:
        return datetime.strptime(f"{found[1]}{found[2] or '00'}{found[3] or '00'}", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _number(entry: Entry, attribute: str) -> int | None:
    try:
        return int(entry.text(attribute) or "")
    except ValueError:
        return None
