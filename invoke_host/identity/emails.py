"""E-mail addresses as names of accounts: valid, in one spelling, and nothing said about whether mail gets there."""

from __future__ import annotations

from invoke_host.api import fold_login

#: Longest address there can be (RFC 5321, with its errata).
MAX_EMAIL = 254

#: The library refuses what RFC 6761 reserves (`.local`, `.test`, `localhost`), of which private networks are full. With
#: this suffix it judges such a name's syntax alone.
_SUFFIX = ".example.com"


def valid_email(text: str) -> str:
    """The address as it is stored and compared (`fold_login`); the domain in Unicode, also when it came as `xn--`.

    Raises:
        ValueError: it is none; the text is a sentence for whoever typed it.
    """
    # Slow to import, and only needed where accounts are made.
    from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

    address = text.strip()
    if len(address) > MAX_EMAIL:
        raise ValueError(f"An e-mail address has at most {MAX_EMAIL} characters.")
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise ValueError("An e-mail address looks like name@example.org.")
    last = domain.rpartition(".")[2]
    if (last == domain and domain.casefold() != "localhost") or last.isdigit():
        raise ValueError("The part after the @-sign must be a domain such as example.org, or localhost.")
    reserved = any(f".{domain.casefold()}".endswith(f".{name}") for name in SPECIAL_USE_DOMAIN_NAMES)
    suffix = _SUFFIX if reserved else ""
    try:
        found = validate_email(address + suffix, check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    folded = fold_login(found.normalized.removesuffix(suffix))
    if len(folded) > MAX_EMAIL:
        raise ValueError(f"An e-mail address has at most {MAX_EMAIL} characters.")
    return folded
