"""Which field a part of a form says it is, read in time that grows with the header's length and no faster.

The parsers at hand don't: that of `email` is quadratic in semicolons and quotes, and raises what it should not; that of
aiohttp gives up on file names with two semicolons.
"""

from __future__ import annotations

import re

#: One parameter, from its semicolon on. Possessive throughout: what does not match is looked at once.
_PARAMETER = re.compile(
    r""";[ \t]*+ ([!\#$%&'*+\-.^_`|~0-9A-Za-z]++) [ \t]*+=[ \t]*+ (?: "((?:[^"\\]|\\.)*+)" | ([^;"]*+) ) [ \t]*+""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def field_name(disposition: str) -> str | None:
    """The `name` in a Content-Disposition of `form-data`; None where it has none or is damaged before it."""
    kind = disposition.partition(";")[0]
    if kind.strip().lower() != "form-data":
        return None
    at = len(kind)
    while found := _PARAMETER.match(disposition, at):
        key, quoted, plain = found.groups()
        if key.lower() == "name":
            return plain.strip() if quoted is None else _ESCAPED.sub(r"\1", quoted)
        at = found.end()
    return None
