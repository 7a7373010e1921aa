"""Runs the fenced examples of a Markdown page; docs/howto/write-docs.md is the convention for authors."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from unittest import SkipTest

import tomli
from sybil import Document, Example, Region
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

from invoke_host import config

#: What pages say; the running host of the tests is elsewhere.
DOCUMENTED_ADDRESS = "127.0.0.1:9090"
#: Languages that are only shown. Any other must be one that is run, so that no example escapes by a misspelt name.
SHOWN = frozenset({"text", "mermaid", "sql", "http", "ini"})
COMMAND_TIMEOUT_S = 120
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
INFO = re.compile(r"[ \t]*(?P<language>[\w+.-]*)(?P<attributes>[^\n]*)\n")
TITLE = re.compile(r'title="([^"]+)"')
SKIP_DIRECTIVE = re.compile(r"<!--+\s*skip:\s*(?P<rest>.*?)\s*-->", re.DOTALL)
SKIP_WITH_REASON = re.compile(r'next "(?P<reason>[^"]{10,})"')


class Runner:
    """Runs the examples of one page: `workspace` is where its commands run, `address` is the host they reach."""

    def __init__(self, workspace: Path, address: str, environment: Mapping[str, str]) -> None:
        self.workspace = workspace
        self.address = address
        self.environment = {**os.environ, **environment, "COLUMNS": "120", "NO_COLOR": "1"}

    def run(self, page: Path) -> int:
        """Evaluate every example of `page` in order, stop at the first that fails; how many were run."""
        done = 0
        for example in self.parse(page):
            try:
                example.evaluate()
            except SkipTest:
                continue  # the reason stands on the page; a test of its own asks for it
            done += "language" in example.region.lexemes
        return done

    def parse(self, page: Path) -> Document:
        """The page with its examples and skip directives."""
        return Document.parse(str(page), SkipParser(), self._fences)

    def _fences(self, document: Document) -> Iterable[Region]:
        evaluators = {
            "bash": self.bash,
            "console": self.console,
            "json": self.json,
            "python": self.python,
            "toml": self.toml,
            "typescript": self.typescript,
        }
        for region in RawFencedCodeBlockLexer(INFO)(document):
            language = region.lexemes["language"]
            if language in SHOWN:
                continue
            region.parsed = str(region.lexemes["source"])
            region.evaluator = evaluators.get(language, self.unknown)
            yield region

    def console(self, example: Example) -> str | None:
        """A session: lines with `$ ` are commands, the lines after each what it prints (none = not compared)."""
        for command, expected in session(self._here(example.parsed)):
            problem = self._shell(command, expected)
            if problem:
                return problem
        return None

    def bash(self, example: Example) -> str | None:
        """A script, run as a whole; must exit with 0."""
        return self._shell(self._here(example.parsed), "")

    def python(self, example: Example) -> str | None:
        """Run in one namespace per page, so that a later example can use an earlier one's names."""
        source = "\n" * example.line + self._here(example.parsed)  # tracebacks show the page's line
        module = example.namespace.setdefault("page", ModuleType("documentation_page"))
        sys.modules[module.__name__] = module  # where pydantic looks for the names in annotations
        exec(compile(source, example.path, "exec", dont_inherit=True), vars(module))
        return None

    def toml(self, example: Example) -> str | None:
        """An invoke-host.toml, checked by the loader, or another file that the fence's title names, checked as TOML."""
        title = TITLE.search(example.region.lexemes["attributes"])
        if title and not title[1].endswith("invoke-host.toml"):
            tomli.loads(example.parsed)
            return None
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "invoke-host.toml").write_text(example.parsed)
            config.load(Path(folder), env={}, flags={})
        return None

    def typescript(self, example: Example) -> str | None:
        """Saved under the fence's title, so that a later example can import it, and run by Node.js as it stands."""
        title = TITLE.search(example.region.lexemes["attributes"])
        name = title[1] if title else "example.ts"
        (self.workspace / name).write_text(self._here(example.parsed))
        return self._shell(f"node --disable-warning=MODULE_TYPELESS_PACKAGE_JSON {name}", "")

    def json(self, example: Example) -> str | None:
        """Must parse; a line that is only … stands for members left out."""
        json.loads(re.sub(r",?\s*…\s*(?=[}\]])", "", example.parsed))
        return None

    def unknown(self, example: Example) -> str:
        """Every fence needs a language that is known here."""
        languages = "console, bash, python, typescript, toml, json"
        return f"```{example.region.lexemes['language']}: use {languages} or one of {sorted(SHOWN)}"

    def _here(self, text: str) -> str:
        return text.replace(DOCUMENTED_ADDRESS, self.address).replace(
            f"localhost:{DOCUMENTED_ADDRESS[-4:]}", self.address
        )

    def _shell(self, script: str, expected: str) -> str | None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.workspace,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        printed = ANSI.sub("", done.stdout)
        if done.returncode != 0:
            return f"{script}\nexited with {done.returncode} and printed:\n{printed}"
        if expected.strip() and not matches(expected, printed):
            return f"{script}\nprinted:\n{printed}\nbut the page shows:\n{expected}"
        return None


def session(source: str) -> Iterator[tuple[str, str]]:
    """The commands of a console example, each with the output shown below it."""
    command, output = "", []
    for line in source.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, "\n".join(output)
            command, output = line[2:], []
        elif command.endswith("\\"):
            command += "\n" + line.removeprefix("> ")
        else:
            output.append(line)
    if command:
        yield command, "\n".join(output)


def matches(expected: str, printed: str) -> bool:
    """True when `printed` is `expected`, where … stands for anything, and spacing and blank lines don't count."""

    def lines(text: str) -> list[str]:
        return list(filter(None, (" ".join(line.split()) for line in text.splitlines())))

    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n" for line in lines(expected)
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines(printed))) is not None


def skips(text: str) -> Iterator[tuple[str, str | None]]:
    """Each skip directive of a page as written, and its reason or None."""
    for directive in SKIP_DIRECTIVE.finditer(text):
        reason = SKIP_WITH_REASON.fullmatch(directive["rest"])
        yield directive[0], reason["reason"] if reason else None
