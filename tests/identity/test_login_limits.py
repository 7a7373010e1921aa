"""What no provider is ever asked about: blank, huge and broken names and passwords."""

from __future__ import annotations

import pytest

from invoke_host.identity.login.limits import usable_name, usable_password

BLANK = [
    "",
    " ",
    "\t",
    "\u00a0",
    "\u00ad",
    "\u200b",
    "\ufeff",
    "\u2060",
    "\u3000",
    "\u034f",
    "\ufe0f",
    "\x1b\r\n",
    " \u00a0\u200b ",
]


@pytest.mark.parametrize("text", BLANK, ids=ascii)
def test_what_looks_blank_is_neither_a_name_nor_a_password(text: str) -> None:
    assert not usable_name(text)
    assert not usable_password(text)


@pytest.mark.parametrize("text", ["\0", "a\0b", "secret\0", "\ud800", "a\udfffb"], ids=ascii)
def test_nul_and_broken_text_are_refused(text: str) -> None:
    assert not usable_name(text)
    assert not usable_password(text)


def test_limits_are_in_bytes() -> None:
    assert usable_name("n" * 256)
    assert not usable_name("n" * 257)
    assert usable_name("é" * 128)
    assert not usable_name("é" * 129)
    assert usable_password("p" * 1024)
    assert not usable_password("p" * 1025)
    assert not usable_password("é" * 513)


@pytest.mark.parametrize("text", ["a", " a ", "\u00a0x", "пароль", "0", "🔑", "p\u00adq"], ids=ascii)
def test_everything_else_is_the_provider_s_to_judge(text: str) -> None:
    assert usable_name(text)
    assert usable_password(text)
