"""E-mail addresses: one spelling each, private domains welcome, no guess at what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoke_host.api import fold_login
from invoke_host.identity.emails import MAX_EMAIL, valid_email


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("bob@example.org", "bob@example.org"),
        ("  Bob@Example.ORG\n", "bob@example.org"),
        ("root@localhost", "root@localhost"),
        ("root@LOCALHOST", "root@localhost"),
        ("ann@studio.local", "ann@studio.local"),
        ("ann@box.test", "ann@box.test"),
        ("ann@a.invalid", "ann@a.invalid"),
        ("ann@studio.lan", "ann@studio.lan"),
        ("björn@exämple.de", "björn@exämple.de"),
        ("bjo\u0308rn@xn--exmple-cua.de", "björn@exämple.de"),
        ("Straße@example.org", "strasse@example.org"),
        ("first.last+tag@example.org", "first.last+tag@example.org"),
    ],
)
def test_an_address_has_one_spelling(typed: str, stored: str) -> None:
    assert valid_email(typed) == stored
    assert valid_email(stored) == stored
    assert fold_login(stored) == stored  # what people type at login is folded, too


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "bob",
        "@example.org",
        "bob@",
        "bob@host",
        "bob@127.0.0.1",
        "bob@[127.0.0.1]",
        "bob@example.123",
        "bob@example..org",
        "bob@.example.org",
        "bob@example.org.",
        "bob@studio.local.",
        "bob@-studio.local",
        "bob@localhost@example.org",
        "bob example@studio.local",
        "bob\0@studio.local",
        "bob\n@studio.local",
        "Bob <bob@example.org>",
        "bob@example.org, ann@example.org",
        '"bob"@example.org',
        "\u00ad@example.org",
        "b" * 65 + "@studio.local",
        "bob@" + "a." * 130 + "org",
        "ß" * 64 + "@" + "example." * 20 + "org",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(ValueError) as refused:
        valid_email(typed)
    assert str(refused.value).endswith((".", "'.", ")."))
    assert "example.com" not in str(refused.value)


@given(st.text(max_size=40), st.sampled_from(["example.org", "studio.local", "localhost", "b\u00fccher.test"]))
def test_whatever_is_accepted_stays_what_it_is(local: str, domain: str) -> None:
    try:
        stored = valid_email(f"{local}@{domain}")
    except ValueError:
        return
    assert valid_email(stored) == stored
    assert len(stored) <= MAX_EMAIL
