"""Signed tokens: each rule of RFC 8725 that we rely on, by a token that breaks it alone.

D5: a token without an end is no token.
"""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import replace

import jwt
import pytest

from invoke_host.identity.sessions import signing
from invoke_host.identity.sessions.keys import KeyRing
from invoke_host.identity.sessions.rotation import rotate
from invoke_host.identity.sessions.signing import (
    SessionClaims,
    Verifier,
    new_device,
    read_device,
    read_session,
    sign,
    sign_device,
)

REMOVED = object()


@pytest.fixture
def ring(tmp_path, clock, log):
    return KeyRing.open(tmp_path / "secrets", clock=clock, log=log.logger)


@pytest.fixture
def now(clock):
    return int(clock.now().timestamp())


@pytest.fixture
def claims(now):
    return SessionClaims("user-1", "session-1", "token-1", now, now + 600)


@pytest.fixture
def forge(ring, claims):
    """A token signed with the right key, with something changed in payload or header; no library stands in the way."""

    def make(payload=None, header=None, *, key=None, digest="sha256"):
        good = jwt.decode(sign(ring, claims), options={"verify_signature": False})
        head = {"alg": "HS256", "typ": "JWT", "kid": ring.current.kid}
        text = f"{encoded(changed(head, header))}.{encoded(changed(good, payload))}"
        signature = hmac.digest(ring.current.secret if key is None else key, text.encode(), digest)
        return f"{text}.{encoded(signature)}"

    return make


def changed(values, changes):
    return {name: value for name, value in {**values, **(changes or {})}.items() if value is not REMOVED}


def encoded(part):
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_what_was_signed_is_read_back(ring, claims, clock):
    assert read_session(ring, sign(ring, claims), clock.now()) == claims


def test_a_token_says_who_and_which_session_and_nothing_else(ring, claims):
    token = sign(ring, claims)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": ring.current.kid}
    assert set(jwt.decode(token, options={"verify_signature": False})) == {
        "iss", "aud", "sub", "sid", "jti", "iat", "exp", "typ",
    }  # fmt: skip


def test_the_forger_of_these_tests_makes_good_tokens_when_it_changes_nothing(ring, forge, claims, clock):
    assert read_session(ring, forge(), clock.now()) == claims


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "jti", "iat", "exp", "typ"])
def test_every_claim_is_required(ring, forge, clock, name):
    assert read_session(ring, forge({name: REMOVED}), clock.now()) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", "another-host"),
        ("iss", ["invoke-host"]),
        ("aud", "another-host"),
        ("aud", ["invoke-host"]),
        ("aud", ["invoke-host", "another-host"]),
        ("typ", "device"),
        ("typ", "media"),
        ("typ", None),
        ("sub", None),
        ("sub", 1),
        ("sub", ""),
        ("sub", "x" * 65),
        ("sub", "a\0b"),
        ("sid", 5),
        ("sid", ""),
        ("sid", ["session-1"]),
        ("jti", ""),
        ("jti", "x" * 65),
        ("jti", None),
        ("iat", "2026-01-01"),
        ("iat", 1.5),
        ("iat", True),
        ("iat", None),
        ("exp", "9999999999"),
        ("exp", 9999999999.5),
        ("exp", None),
        ("exp", True),
    ],
)
def test_every_claim_has_its_type_and_value(ring, forge, clock, name, value):
    assert read_session(ring, forge({name: value}), clock.now()) is None


def test_a_token_ends_at_its_second(ring, claims, clock):
    token = sign(ring, claims)
    clock.advance(599.9)
    assert read_session(ring, token, clock.now()) is not None
    clock.advance(0.1)
    assert read_session(ring, token, clock.now()) is None


def test_a_token_of_the_future_is_refused_beyond_the_leeway(ring, forge, clock, now):
    assert read_session(ring, forge({"iat": now + 30}), clock.now()) is not None
    assert read_session(ring, forge({"iat": now + 31}), clock.now()) is None


@pytest.mark.parametrize(
    "header",
    [
        {"kid": REMOVED},
        {"kid": "unknown"},
        {"kid": ""},
        {"typ": "at+jwt"},
        {"typ": "jwt"},
        {"typ": REMOVED},
        {"typ": None},
        {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"x5u": "https://evil.example/cert"},
        {"cty": "JWT"},
        {"crit": ["exp"]},
        {"kid": 5},
        {"kid": None},
        {"kid": ["a"]},
        {"kid": {"a": 1}},
    ],
)
def test_the_header_is_exactly_ours(ring, forge, clock, header):
    assert read_session(ring, forge(header=header), clock.now()) is None


@pytest.mark.filterwarnings("ignore:The HMAC key is 32 bytes")  # what the library says about checking the forgery
@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_other_algorithms_with_the_right_key_are_refused(ring, forge, clock, algorithm):
    token = forge(header={"alg": algorithm}, digest=algorithm.replace("HS", "sha"))
    assert jwt.decode(
        token, ring.current.secret, algorithms=[algorithm], options={"verify_aud": False, "verify_exp": False}
    )
    assert read_session(ring, token, clock.now()) is None


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "hs256", "RS256", "", None, ["HS256"]])
def test_no_signature_and_other_spellings_are_refused(ring, forge, clock, algorithm):
    token = forge(header={"alg": algorithm})
    assert read_session(ring, token, clock.now()) is None
    assert read_session(ring, token.rpartition(".")[0] + ".", clock.now()) is None


@pytest.mark.parametrize(
    "part", [b"[" * 2000, b'{"a":' * 500, b"\xff\xfe", b"null", b"5", b'"text"', b"NaN", b"{}", b""]
)
def test_a_header_or_payload_that_is_no_object_is_refused_and_not_an_error(ring, forge, clock, part):
    header, payload, signature = forge().split(".")
    assert read_session(ring, f"{encoded(part)}.{payload}.{signature}", clock.now()) is None
    text = f"{header}.{encoded(part)}"
    signature = encoded(hmac.digest(ring.current.secret, text.encode(), "sha256"))
    assert read_session(ring, f"{text}.{signature}", clock.now()) is None


def test_another_key_a_changed_payload_and_a_missing_signature_are_refused(ring, forge, claims, clock):
    assert read_session(ring, forge(key=b"x" * 32), clock.now()) is None
    header, payload, signature = sign(ring, claims).split(".")
    other = sign(ring, replace(claims, user_id="user-2")).split(".")[1]
    assert read_session(ring, f"{header}.{other}.{signature}", clock.now()) is None
    assert read_session(ring, f"{header}.{payload}.", clock.now()) is None
    assert read_session(ring, f"{header}.{payload}", clock.now()) is None


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é.é.é", "\0", "eyJhbGciOiJIUzI1NiJ9", "ivh_x", "🗝" * 9])
def test_what_is_no_token_is_refused(ring, clock, text):
    assert read_session(ring, text, clock.now()) is None


def test_a_long_token_is_refused_without_work(ring, forge, clock, monkeypatch):
    fits, too_long = forge({"pad": "x" * 2000}), forge({"pad": "x" * 4000})
    assert read_session(ring, fits, clock.now()) is not None
    assert len(too_long) > signing.LONGEST_TOKEN
    monkeypatch.setattr(jwt, "get_unverified_header", lambda _: pytest.fail("it was read"))
    assert read_session(ring, too_long, clock.now()) is None


def test_a_device_token_opens_no_session_and_a_session_token_names_no_device(ring, claims, clock):
    device = new_device("user-1", clock.now())
    token = sign_device(ring, device)
    assert read_device(ring, token, clock.now()) == device
    assert read_session(ring, token, clock.now()) is None
    assert read_device(ring, sign(ring, claims), clock.now()) is None


def test_a_device_is_known_for_180_days(ring, clock):
    token = sign_device(ring, new_device("user-1", clock.now()))
    clock.advance(180 * 86_400 - 1)
    assert read_device(ring, token, clock.now()) is not None
    clock.advance(1)
    assert read_device(ring, token, clock.now()) is None


def test_tokens_of_a_replaced_key_stay_good_until_it_is_forgotten(ring, claims, clock, tmp_path):
    token = sign(ring, claims)
    rotate(tmp_path / "secrets", clock=clock)
    ring.reload()
    assert read_session(ring, token, clock.now()) == claims
    assert read_session(ring, sign(ring, claims), clock.now()) == claims
    rotate(tmp_path / "secrets", forget_old=True)
    ring.reload()
    assert read_session(ring, token, clock.now()) is None


def test_a_token_of_a_key_that_another_process_just_made_is_known_at_the_next_look(ring, claims, clock, tmp_path, log):
    rotate(tmp_path / "secrets", clock=clock)
    token = sign(KeyRing.open(tmp_path / "secrets", clock=clock, log=log.logger), claims)
    clock.advance(0.5)
    assert read_session(ring, token, clock.now()) == claims


class TestVerifier:
    """The memory of verified tokens changes nothing but the work."""

    def test_a_token_is_verified_once(self, ring, claims, clock, monkeypatch):
        verifier, token = Verifier(ring), sign(ring, claims)
        assert verifier.session(token, clock.now()) == claims
        monkeypatch.setattr(jwt, "decode", lambda *_, **__: pytest.fail("verified again"))
        assert verifier.session(token, clock.now()) == claims

    def test_its_end_is_seen_all_the_same(self, ring, claims, clock):
        verifier, token = Verifier(ring), sign(ring, claims)
        assert verifier.session(token, clock.now()) == claims
        clock.advance(600)
        assert verifier.session(token, clock.now()) is None

    def test_a_forgotten_key_is_seen_within_half_a_second(self, ring, claims, clock, tmp_path):
        verifier, token = Verifier(ring), sign(ring, claims)
        assert verifier.session(token, clock.now()) == claims
        rotate(tmp_path / "secrets", forget_old=True)
        clock.advance(0.5)
        assert verifier.session(token, clock.now()) is None

    def test_a_replaced_key_is_good_for_known_tokens_too_until_its_time(self, ring, claims, clock, tmp_path):
        verifier, token = Verifier(ring), sign(ring, claims)
        assert verifier.session(token, clock.now()) == claims
        rotate(tmp_path / "secrets", keep_s=100, clock=clock)
        clock.advance(99)
        assert verifier.session(token, clock.now()) == claims
        clock.advance(1)
        assert verifier.session(token, clock.now()) is None

    def test_a_bad_token_is_not_remembered_and_the_oldest_goes_first(self, ring, claims, clock, monkeypatch):
        verifier = Verifier(ring, size=2)
        tokens = [sign(ring, replace(claims, token_id=f"t-{index}")) for index in range(3)]
        for token in (*tokens[:2], "bad", tokens[0], tokens[2]):  # the second is the one least recently seen
            verifier.session(token, clock.now())
        seen = []
        decode = jwt.decode
        monkeypatch.setattr(
            jwt, "decode", lambda token, *rest, **more: seen.append(token) or decode(token, *rest, **more)
        )
        for token in (tokens[0], tokens[2], tokens[1]):
            assert verifier.session(token, clock.now()) is not None
        assert seen == [tokens[1]]
