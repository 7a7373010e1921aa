"""What somebody typed, as a question to the index. No sign of theirs reaches the database's own query language.

All words must be there, in any order; `word*` finds every word that begins so, `"a phrase"` words that stand together.
A date (2026-11-23), month (2026-11) or year (2026) also finds what was made then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from invoke_host.images.search.words import day_word, words

_PARTS = re.compile(r'"([^"]*)"(\*?)|([^\s"]+)')
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", re.ASCII)

#: A shorter beginning is that of too many words: it is looked for as a word.
_SHORTEST_PREFIX = 3


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand together, the last one perhaps only begun; or instead the word of a place."""

    words: tuple[str, ...]
    is_prefix: bool = False
    place: str | None = None


def terms(text: str) -> list[Term] | None:
    """What must be found, all of it; None if the text asks for nothing that can be found, such as `!?`."""
    found: list[Term] = []
    for match in _PARTS.finditer(text):
        quoted, star, bare = match.groups()
        said = bare if quoted is None else quoted
        together = tuple(words(said))
        if together:
            begun = (star == "*" if bare is None else bare.endswith("*")) and len(together[-1]) >= _SHORTEST_PREFIX
            found.append(Term(together, begun, _date(said)))
    return list(dict.fromkeys(found)) or None


def _date(text: str) -> str | None:
    match = _DATE.fullmatch(text)
    return None if match is None else day_word("".join(part for part in match.groups() if part))


@dataclass(frozen=True, slots=True)
class Question:
    """Terms that must all be found, and groups of places: of each group one."""

    terms: tuple[Term, ...] = ()
    places: tuple[tuple[str, ...], ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if it asks for nothing in particular."""
        return not (self.terms or self.places)

    def within(self, *places: str) -> Question:
        """The same, only in one of these places."""
        return Question(self.terms, (*self.places, places))

    def fts5(self) -> str:
        """The question for SQLite's MATCH."""
        asked = [_either(_phrase5(term), term.place and f'"{term.place}"', "OR") for term in self.terms]
        asked += [_any([f'"{place}"' for place in group], "OR") for group in self.places]
        return " AND ".join(asked)

    def tsquery(self) -> str:
        """The question in the text form of PostgreSQL's tsquery."""
        asked = [_either(_phrase(term), term.place and f"'{term.place}'", "|") for term in self.terms]
        asked += [_any([f"'{place}'" for place in group], "|") for group in self.places]
        return " & ".join(asked)


def _phrase5(term: Term) -> str:
    return f'"{" ".join(term.words)}"{"*" if term.is_prefix else ""}'


def _phrase(term: Term) -> str:
    said = " <-> ".join(f"'{word}'" for word in term.words)
    return f"({said}{':*' if term.is_prefix else ''})"


def _either(asked: str, other: str | None, sign: str) -> str:
    return asked if other is None else _any([asked, other], sign)


def _any(asked: Sequence[str], sign: str) -> str:
    return f"({f' {sign} '.join(asked)})"
