"""Which passwords are good enough, and what is said of the others."""

from __future__ import annotations

import pytest
import zxcvbn
from hypothesis import example, given, settings
from hypothesis import strategies as st
from invoke_auth_local.policy import MAX_BYTES, Policy, flaw

LENIENT = Policy(minimum_length=8, strict=False)
STRICT = Policy(minimum_length=8, strict=True)
ABOUT = ("alice.liddell@example.org", "Alice Liddell")

SHORT = "The password must have at least 8 characters."
LONG = "The password must have at most 1024 bytes."
COMMON = "The password is one of the most common ones, or almost, and would be guessed at once."
REGULAR = "The password is too regular and would be guessed at once."
PERSONAL = "The password must not be the e-mail address or the name, or a part of them."
UPPER = "The password must contain an upper-case letter."
LOWER = "The password must contain a lower-case letter."
DIGIT = "The password must contain a digit."


def problems(password: str, policy: Policy = LENIENT) -> tuple[str, ...]:
    return policy.judge(password, ABOUT).problems


@pytest.mark.parametrize(
    "password", ["correct horse battery staple", "Wq3-rjb!", "пароль от дома", "éèêëàâ🔑x", "x" * 7 + "kQ4z"]
)
def test_a_password_that_is_long_enough_and_not_common_will_do(password: str) -> None:
    assert problems(password) == ()


def test_length_counts_characters_however_they_are_typed() -> None:
    assert SHORT not in problems("éèêëàâùü")
    assert SHORT in problems("e\u0301e\u0300e\u0302a\u0300")
    assert SHORT in problems("🔑" * 7)
    assert Policy(12, strict=False).judge("Wq3-rjb!", ()).problems == (
        "The password must have at least 12 characters.",
    )


@pytest.mark.parametrize(
    "password",
    ["password", "PASSWORD", "PassWord", "12345678", "qwertyuiop", "P@ssw0rd", "drowssap", "patrick9", "M4v3r1ck"],
)
def test_common_passwords_are_refused_in_any_case_with_usual_replacements_and_backwards(password: str) -> None:
    assert problems(password) == (COMMON,)


@pytest.mark.parametrize("password", ["aaaaaaaaaaaa", "abcdefgh", "密码" * 4, "a" * 72, "a" * 200, "password" * 9])
def test_regular_passwords_are_refused_however_long(password: str) -> None:
    assert problems(password) == (REGULAR,)


def test_a_regular_beginning_is_no_fault_where_the_rest_is_hard_to_guess() -> None:
    judged = LENIENT.judge("a" * 50 + "kQ4z-7Tmw!pRx", ABOUT)
    assert (judged.problems, judged.strength) == ((), "strong")


@pytest.mark.parametrize(
    "password", ["alice.liddell@example.org", "ALICE.Liddell@EXAMPLE.ORG", "alice liddell", "Alice Liddell", "L1ddell"]
)
def test_a_password_may_not_be_the_address_or_the_name(password: str) -> None:
    assert PERSONAL in problems(password)


def test_an_address_that_is_longer_than_what_is_estimated_is_still_recognised() -> None:
    address = "the.longest.address.that.anybody.has.ever.had.to.type@mail.department.of.example.org"
    assert LENIENT.judge(address, (address,)).problems == (PERSONAL,)


@pytest.mark.parametrize(
    ("password", "missing"),
    [
        ("correct horse battery", (UPPER, DIGIT)),
        ("CORRECT HORSE BATTERY", (LOWER, DIGIT)),
        ("Correct Horse Battery", (DIGIT,)),
        ("4071 8826 5539 1", (UPPER, LOWER)),
        ("Длинный пароль 4", ()),
        ("Ｃｏｒｒｅｃｔ４ｈｏｒｓｅ", ()),
        ("正确的马电池订书钉", (UPPER, LOWER, DIGIT)),
    ],
)
def test_the_strict_rule_counts_letters_and_digits_of_any_script(password: str, missing: tuple[str, ...]) -> None:
    assert problems(password, STRICT) == missing
    assert problems(password) == ()


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert problems("qwerty", STRICT) == (SHORT, COMMON, UPPER, DIGIT)
    assert problems("", STRICT) == (SHORT, UPPER, LOWER, DIGIT)
    assert problems("x" * 1025, STRICT) == (LONG, REGULAR, UPPER, DIGIT)


def test_judging_any_text_is_a_bounded_piece_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    estimate, looked_at = zxcvbn.zxcvbn, []

    def count(text: str, **more: object) -> object:
        looked_at.append(len(text))
        return estimate(text, **more)

    monkeypatch.setattr(zxcvbn, "zxcvbn", count)
    problems("a" * 100_000)
    assert looked_at == [24, 24, 24]


def test_strength_and_hint_are_advice() -> None:
    judged = [LENIENT.judge(each, ABOUT) for each in ("sunshine99", "Tr0ub4dour&3", "correct horse battery staple")]
    assert [each.strength for each in judged] == ["weak", "moderate", "strong"]
    assert [bool(each.hint) for each in judged] == [True, True, False]
    assert judged[0].problems == ()


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(), max_size=100), st.lists(st.text(st.characters(), max_size=30), max_size=3))
@example("", [""])
@example("\ud800" * 10, ["\udfff"])
@example("٣/٤/١٩٩٩ ²³¹", ["²"])
@example("x" * 100_000, ["x" * 100_000])
def test_any_text_is_judged_and_never_quoted(password: str, about: list[str]) -> None:
    judged = STRICT.judge(password, about)
    said = " ".join((*judged.problems, judged.hint))
    assert len(password) < 6 or password not in said
    assert judged.strength in {"weak", "moderate", "strong"}
    if flaw(password):
        assert judged.problems


@pytest.mark.parametrize(
    "password", ["", " ", "\t\r\n", "\u00a0", "\u3000", "\u00ad", "\u200b\u2060\ufeff", "\0", "a\0b", "\0a"]
)
def test_blank_texts_and_texts_with_nul_are_nobodys_password(password: str) -> None:
    assert flaw(password)
    assert problems(password)


def test_the_limit_is_in_bytes_and_inclusive() -> None:
    assert flaw("é" * (MAX_BYTES // 2)) is None
    assert flaw("é" * (MAX_BYTES // 2) + "x") == LONG
    assert flaw("x" * 10_000_000) == LONG


def test_half_a_surrogate_pair_is_no_text() -> None:
    assert flaw("abcdefgh\ud800") == "The password must be valid Unicode text."
