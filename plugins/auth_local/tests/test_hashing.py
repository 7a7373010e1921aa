"""Hashes: the whole password counts, whatever it is made of, and every check costs the same work."""

from __future__ import annotations

import unicodedata

import bcrypt
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from invoke_auth_local import hashing
from invoke_auth_local.policy import flaw

COST = 4

passwords = st.text(min_size=1, max_size=200).filter(lambda text: flaw(text) is None)
some = settings(max_examples=150, deadline=None)


def legacy(password: str, *, cost: int = COST, ident: str = "2b") -> str:
    """A hash as InvokeAI stores it."""
    hashed = bcrypt.hashpw(hashing._cut(password), bcrypt.gensalt(cost)).decode()
    return hashed.replace("$2b$", f"${ident}$", 1)


@some
@given(passwords)
@example("x" * 72)
@example("x" * 73)
@example("🔑" * 200)
def test_any_password_matches_its_own_hash(password: str) -> None:
    hashed = hashing.make(password, COST)
    assert hashing.matches(password, hashed, COST)
    assert not hashing.outdated(hashed, COST)


@some
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=72, max_size=100), passwords, passwords)
def test_passwords_that_differ_behind_the_72nd_byte_are_different(start: str, one: str, other: str) -> None:
    first, second = start + one, start + other
    assume(unicodedata.normalize("NFC", first) != unicodedata.normalize("NFC", second))
    assert not hashing.matches(second, hashing.make(first, COST), COST)
    assert not hashing.matches(start, hashing.make(first, COST), COST)


@some
@given(passwords)
@example("Zo\u00eb Stra\u00dfe")
@example("\uac00\u1100\u1161")
def test_composed_and_decomposed_letters_are_the_same_password(password: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, password) for form in ("NFC", "NFD"))
    assert hashing.matches(decomposed, hashing.make(composed, COST), COST)
    assert hashing.matches(composed, hashing.make(decomposed, COST), COST)


@pytest.mark.parametrize("near", ["Secret word", "secret word ", " secret word", "secret wor", "ſecret word"])
def test_a_password_that_only_looks_alike_does_not_match(near: str) -> None:
    assert not hashing.matches(near, hashing.make("secret word", COST), COST)


def test_two_hashes_of_one_password_differ_and_neither_shows_it() -> None:
    one, two = hashing.make("secret word", COST), hashing.make("secret word", COST)
    assert one != two
    assert one.startswith("hmac-sha384+bcrypt:$2b$04$")
    assert "secret" not in one


@pytest.mark.parametrize("ident", ["2a", "2b", "2y"])
def test_a_bare_bcrypt_hash_is_checked_by_the_rule_of_its_first_72_bytes(ident: str) -> None:
    start = "0123456789abcdef" * 4 + "01234567"
    stored = legacy(start + "A", ident=ident)
    assert hashing.matches(start + "A", stored, COST)
    assert hashing.matches(start + "B", stored, COST)
    assert not hashing.matches(start[:-1] + "x", stored, COST)
    assert hashing.outdated(stored, COST)


def test_a_bare_bcrypt_hash_of_letters_that_the_limit_cuts_in_half_still_matches() -> None:
    password = "x" * 71 + "é" * 5
    stored = bcrypt.hashpw(b"x" * 71, bcrypt.gensalt(COST)).decode()
    assert hashing.matches(password, stored, COST)


@some
@given(st.text(max_size=120))
@example("")
@example(hashing.SCHEME)
@example("$2b$04$" + "." * 53)
@example("$2b$04$" + "A" * 53)
@example("$2b$31$" + "." * 53)
@example("$2b$16$" + "." * 53)
@example("$2b$03$" + "." * 53)
@example("$2x$04$" + "." * 53)
@example("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$hash")
def test_a_damaged_hash_matches_nothing_and_raises_nothing(stored: str) -> None:
    assert not hashing.matches("secret word", stored, COST)
    assert stored == "$2b$04$" + "." * 53 or hashing.parse(stored) is None


def test_a_hash_of_another_cost_is_out_of_date_upwards_and_downwards() -> None:
    stored = hashing.make("secret word", 5)
    assert [hashing.outdated(stored, cost) for cost in (4, 5, 6)] == [True, False, True]


@pytest.mark.parametrize(
    ("cost", "stored_cost"), [(cost, stored) for cost in (6, 9, 12) for stored in (None, *range(4, cost + 1))]
)
@pytest.mark.parametrize("prehashed", [True, False])
@pytest.mark.parametrize("right", [True, False])
def test_every_check_is_the_work_of_the_configured_cost(
    cost: int, stored_cost: int | None, prehashed: bool, right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether there is an account or not, and whatever its hash is. Only a hash that costs more takes longer."""
    done: list[int] = []

    def check(secret: bytes, hashed: bytes) -> bool:
        done.append(2 ** int(hashed[4:6]))
        return right

    monkeypatch.setattr(hashing.bcrypt, "checkpw", check)
    stored = None
    if stored_cost is not None:
        stored = (hashing.SCHEME if prehashed else "") + hashing._nobodys(stored_cost).decode()
    assert hashing.matches("secret word", stored, cost) is (right and stored is not None)
    assert sum(done) == 2**cost


def test_the_hash_that_nobody_has_is_one_that_bcrypt_takes() -> None:
    for cost in (4, 5):
        assert bcrypt.checkpw(b"x", hashing._nobodys(cost)) is False
