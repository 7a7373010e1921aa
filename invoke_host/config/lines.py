"""Where in a TOML document each key and each list element stands.

TOML readers tell the line of a syntax error, but not of a well-formed value that is wrong. This scanner walks a
document that `tomli` has already accepted, so it only has to find the ends of things, never to judge them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import tomli

#: Keys and list indexes from the top of the document: `("auth", "providers", 1)`.
Path = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t]*")
_FILLER = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'''"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}|\'\'\'(?:[^']|'{1,2}(?!'))*'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\''''
)
_SCALAR = re.compile(r"[^,\]}\r\n#]+")


def key_lines(text: str) -> Mapping[Path, int]:
    """Line (from 1) of every key, table and list element of a valid document.

    A table that has a header of its own is at that header, otherwise where it is first mentioned.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._counted_at = 0
        self._line = 1
        self._elements: dict[Path, int] = {}  # arrays of tables: how many elements so far

    def document(self) -> None:
        table: Path = ()
        while True:
            self._skip(_FILLER)
            if self.at >= len(self.text):
                return
            if self._take("[["):
                table = self._header("]]", element=True)
            elif self._take("["):
                table = self._header("]", element=False)
            else:
                self._pair(table)

    def _header(self, close: str, *, element: bool) -> Path:
        line = self._here()
        parts = self._dotted()
        self._take(close)
        path: Path = ()
        for part in parts[:-1]:
            path = self._inside((*path, part), line)
        path = (*path, parts[-1])
        if element:
            index = self._elements.get(path, 0)
            self._elements[path] = index + 1
            self.lines.setdefault(path, line)
            path = (*path, index)
        self.lines[path] = line
        return path

    def _inside(self, path: Path, line: int) -> Path:
        """The table a header goes through: of an array of tables, its latest element."""
        self.lines.setdefault(path, line)
        return (*path, self._elements[path] - 1) if path in self._elements else path

    def _pair(self, table: Path) -> None:
        line = self._here()
        path = table
        for part in self._dotted():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self._take("=")
        self._skip(_SPACE)
        self._value(path)

    def _dotted(self) -> list[str]:
        parts = []
        while True:
            self._skip(_SPACE)
            raw = self._skip(_KEY_PART)
            parts.append(_plain(raw))
            self._skip(_SPACE)
            if not self._take("."):
                return parts

    def _value(self, path: Path) -> None:
        if self._take("["):
            self._list(path)
        elif self._take("{"):
            self._inline_table(path)
        elif not self._skip(_STRING):
            self._skip(_SCALAR)

    def _list(self, path: Path) -> None:
        index = 0
        while True:
            self._skip(_FILLER)
            if self._take("]") or self.at >= len(self.text):
                return
            self.lines[(*path, index)] = self._here()
            self._value((*path, index))
            index += 1
            self._skip(_FILLER)
            self._take(",")

    def _inline_table(self, path: Path) -> None:
        while True:
            self._skip(_FILLER)
            if self._take("}") or self.at >= len(self.text):
                return
            self._pair(path)
            self._skip(_FILLER)
            self._take(",")

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found.group()

    def _take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def _here(self) -> int:
        self._line += self.text.count("\n", self._counted_at, self.at)
        self._counted_at = self.at
        return self._line


def _plain(raw: str) -> str:
    """A key part without quotes and escapes."""
    if raw.startswith('"'):
        return str(tomli.loads(f"key = {raw}")["key"])
    return raw.strip("'")
