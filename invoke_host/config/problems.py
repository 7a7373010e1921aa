"""From pydantic's errors to sentences for the operator: where, which key, what was expected, what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from invoke_host.api import ConfigProblem
from invoke_host.config.fields import field_at, is_secret, leaf_keys, section_at
from invoke_host.config.lines import Path

_EXPECTED = {
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "path_type": "a path",
}

_LIMITS = {
    "greater_than_equal": ("must be at least {}", "ge"),
    "greater_than": ("must be more than {}", "gt"),
    "less_than_equal": ("must be at most {}", "le"),
    "less_than": ("must be less than {}", "lt"),
    "string_too_short": ("must have at least {} characters", "min_length"),
    "string_too_long": ("must have at most {} characters", "max_length"),
    "too_short": ("must have at least {} elements", "min_length"),
    "too_long": ("must have at most {} elements", "max_length"),
}


def problems_of(
    error: ValidationError,
    *,
    model: type[BaseModel],
    data: Mapping[str, Any],
    where: Callable[[Path], str],
    prefix: Path = (),
) -> list[ConfigProblem]:
    """All problems of one validation, in the order of the schema.

    `data` is what was validated; `prefix` is where it hangs in the whole configuration (`("plugins", "ldap")`), and
    `where` takes whole paths. Branches of a union become one problem: `expected an integer or text, got true`.
    """
    expected: dict[Path, list[str]] = {}
    details: dict[Path, ErrorDetails] = {}
    problems: list[ConfigProblem] = []
    for each in error.errors(include_url=False):
        path = _real_path(each, data)
        if each["type"] == "literal_error" or each["type"] in _EXPECTED:
            words = _one_of(each) if each["type"] == "literal_error" else _EXPECTED[each["type"]]
            expected.setdefault(path, []).append(words)
            details.setdefault(path, each)
        else:
            whole = (*prefix, *path)
            problems.append(ConfigProblem(where(whole), dotted(whole), _message(each, path, model, prefix)))
    for path, words_of in expected.items():
        whole = (*prefix, *path)
        words = " or ".join(dict.fromkeys(words_of))
        got = _got(details[path]["input"], hidden=is_secret(model, path))
        hint = _literal_hint(details[path])
        problems.append(ConfigProblem(where(whole), dotted(whole), f"expected {words}, got {got}{hint}"))
    return problems


def dotted(path: Path) -> str:
    """A path as one writes it in TOML: `auth.providers[1]`, `plugins."a.b"`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            text += ("." if text else "") + (part if plain else json.dumps(part, ensure_ascii=False))
    return text


def undotted(key: str) -> Path:
    """The path of a dotted key: the inverse of `dotted`."""
    parts: list[str | int] = []
    for quoted, name, index in re.findall(r'("(?:[^"\\]|\\.)*")|([^.\[\]"]+)|\[(\d+)\]', key):
        parts.append(int(index) if index else json.loads(quoted) if quoted else name)
    return tuple(parts)


def unknown(key: str, known: Sequence[str], *, elsewhere: Sequence[str] = (), of: str = "") -> str:
    """What to say about a key that does not exist. `elsewhere` are dotted keys of other sections."""
    same_name = [each for each in elsewhere if each.rpartition(".")[2] == key]
    close = same_name or get_close_matches(key, known, n=1)
    if close:
        return f"unknown key; did you mean `{close[0]}`?"
    return f"unknown key; {of or 'the file'} takes {', '.join(known)}" if known else f"unknown key; {of} takes none"


def _message(each: ErrorDetails, path: Path, model: type[BaseModel], prefix: Path) -> str:
    kind, context = each["type"], each.get("ctx", {})
    hidden = is_secret(model, path)
    if kind == "extra_forbidden":
        section = section_at(model, path[:-1])
        known = list(section.model_fields) if section else []
        elsewhere = [] if prefix else leaf_keys(model)
        whole = (*prefix, *path)
        return unknown(str(path[-1]), known, elsewhere=elsewhere, of=f"[{dotted(whole[:-1])}]" if whole[:-1] else "")
    if kind == "missing":
        field = field_at(model, path)
        return f"is required{f' ({field.description})' if field and field.description else ''}"
    if kind in _LIMITS:
        template, name = _LIMITS[kind]
        if name == "min_length" and context[name] == 1:
            return "must not be empty"
        return f"{template.format(context[name])}, got {_got(each['input'], hidden=hidden)}"
    message = each["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message if hidden or kind == "value_error" else f"{message}, got {_got(each['input'], hidden=hidden)}"


def _real_path(each: ErrorDetails, data: Any) -> Path:
    """pydantic's location without the names of union branches and validators, which are not in the data."""
    path: list[str | int] = []
    node: Any = data
    last = len(each["loc"]) - 1
    for position, part in enumerate(each["loc"]):
        found = _has(node, part)
        if not found and not (position == last and each["type"] == "missing"):
            continue
        node = node[part] if found else None
        path.append(part)
    return tuple(path)


def _has(node: Any, part: str | int) -> bool:
    if isinstance(node, (list, tuple)):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, Mapping) and part in node


def _choices(each: ErrorDetails) -> list[str]:
    return re.findall(r"'([^']*)'", str(each.get("ctx", {}).get("expected", "")))


def _one_of(each: ErrorDetails) -> str:
    quoted = [f'"{choice}"' for choice in _choices(each)]
    return quoted[0] if len(quoted) == 1 else f"one of {', '.join(quoted)}"


def _literal_hint(each: ErrorDetails) -> str:
    if each["type"] != "literal_error" or not isinstance(each["input"], str):
        return ""
    close = get_close_matches(each["input"], _choices(each), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def _got(value: Any, *, hidden: bool) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, (list, tuple)):
        return "a list"
    if hidden:
        return "something else (not shown)"
    if isinstance(value, (str, bool, int, float)):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 60 else text[:57] + '…"'
    return str(value)
