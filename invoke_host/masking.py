"""Keeps secrets and control characters out of logs and printed tables, whatever a caller passes in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from invoke_host.api import Secret
from invoke_host.api.secrets import MASK

_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase)|secret|token|authorization|cookie|credential|api_?key|private_?key", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/?#@:]*):[^\s/?#@]+(?=@)")
_HEADER_VALUE = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
# C0 and C1 controls, line separators, and the characters that reorder text on screen
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LONGEST = 4096
_DEEPEST = 6


def has_secret_name(key: str) -> bool:
    """Whether a value under that key must never be shown."""
    return _SECRET_KEY.search(key) is not None


def mask_text(text: str) -> str:
    """The text without passwords in URLs (`postgresql://host:…@db`) and without credentials of HTTP headers."""
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1:{MASK}", text)
    return _HEADER_VALUE.sub(rf"\1 {MASK}", text)


def has_controls(text: str) -> bool:
    """Whether the text holds characters that nobody can see or that reorder the others."""
    return _CONTROLS.search(text) is not None


def one_line(text: str, *, longest: int = _LONGEST) -> str:
    """The text with control characters shown as escapes, so that it can neither forge a line nor drive a terminal."""
    text = _CONTROLS.sub(lambda found: found.group().encode("unicode_escape").decode(), text)
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"


def masked(value: Any, *, depth: int = 0) -> Any:
    """A copy that is safe to show: secrets replaced by asterisks at any depth, texts on one line."""
    if isinstance(value, str):
        return one_line(mask_text(value))
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Secret):
        return MASK
    if depth >= _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {
            one_line(str(key)): MASK
            if has_secret_name(str(key)) and each is not None
            else masked(each, depth=depth + 1)
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [masked(each, depth=depth + 1) for each in value]
    return one_line(mask_text(str(value)))
