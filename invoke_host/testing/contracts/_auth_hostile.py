"""Texts that people, programs and attackers type where a name or a password is asked for."""

from __future__ import annotations

MEBIBYTE = 1024 * 1024

#: Look empty, or become empty when a library prepares them (SASLprep): a directory takes an empty password for an
#: anonymous login that succeeds (RFC 4513, section 5.1.2).
BLANK = ("", " ", "\t", "\r\n", "\u00a0", "\u3000", "\u00ad", "\u200b", "\ufeff", "\u2060\u00ad", "\0", "\0\0\0")

#: Mean something in a filter or a DN of LDAP, in SQL, a shell, a format string, a log, a path, or in UTF-8.
HOSTILE = (
    "*",
    "**",
    "*)(uid=*",
    "*)(|(uid=*",
    "*))%00",
    "admin)(&)",
    "\\2a",
    "\\00",
    "(objectClass=*)",
    "cn=admin,dc=example,dc=org",
    'x,+"\\<>;=\u0020',
    "#0403616263",
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    '" OR ""="',
    "admin'--",
    "%s%s%s%n",
    "{0.__class__}",
    "${jndi:ldap://127.0.0.1/a}",
    "$(touch /tmp/x)",
    "../../etc/passwd",
    "a\r\nSet-Cookie: session=1",
    "line\nauth_success user=admin",
    "\x1b[2J\x07\x7f",
    "\u202eadmin",
    "\ud800",
    "\udfff\ud800",
    "\U0010ffff",
    "e\u0301" * 200,
    "\ufdfa" * 1000,
    "x" * 257,
    "x" * 1025,
    "x" * MEBIBYTE,
    "\u00df" * (MEBIBYTE // 2),
    "*" * 10_000,
    "(" * 10_000,
    "\\" * 10_001,
)


def near_names(name: str) -> tuple[str, ...]:
    """Texts that only a careless comparison takes for that name."""
    return (
        f"{name}\0",
        f"{name}\0x",
        f"{name[:3]}*",
        f"*{name[-3:]}",
        f"{name})(objectClass=*",
        f"{name})(&",
        f"{name}' --",
        f"{name}' OR 'a'='a",
        f"{name}\nx",
        f"{name},{name}",
        f"{name}%",
        "_" * len(name),
        f"{name[:1]}%",
        name[:-1],
    )


def near_passwords(password: str) -> tuple[str, ...]:
    """Texts that only a careless comparison takes for that password."""
    return (
        password[:-1],
        password + "x",
        password + "\0",
        f"{password}\0x",
        password + " ",
        " " + password,
        password.swapcase(),
        password[:1] + "*",
    )


def shown(text: str) -> str:
    """A text as a failed test names it."""
    return ascii(text) if len(text) <= 40 else f"{text[:12]!a}… ({len(text)} characters)"
