"""API tokens of the commands that talk to a host: sent with each request, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run
from .standin import StandInHost

TOKEN = "ivh_" + "A1b2-_c" * 6 + "D"


@pytest.mark.parametrize("words", [("queue", "list"), ("queue", "cancel", "--all")])
def test_the_token_goes_out_with_every_request(run: Run, announced: StandInHost, words: tuple[str, ...]) -> None:
    assert run(*words, "--token", TOKEN).code == 0
    assert announced.requests
    assert announced.authorizations == {f"Bearer {TOKEN}"}


def test_generate_sends_it_too_also_for_events_and_pictures(run: Run, announced: StandInHost, tmp_path: Path) -> None:
    assert run("generate", "a red apple", "-o", tmp_path / "a.png", "--token", TOKEN).code == 0
    assert announced.authorizations == {f"Bearer {TOKEN}"}


def test_it_can_come_from_the_environment_and_the_flag_wins(
    run: Run, announced: StandInHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVOKE_HOST_TOKEN", "ivh_other")
    run("queue", "list")
    assert announced.authorizations == {"Bearer ivh_other"}
    announced.authorizations.clear()
    run("queue", "list", "--token", TOKEN)
    assert announced.authorizations == {f"Bearer {TOKEN}"}


def test_without_one_nothing_is_sent(run: Run, announced: StandInHost) -> None:
    assert run("queue", "list").code == 0
    assert announced.authorizations == {None}


def test_the_variable_is_no_mistake_in_the_configuration(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_HOST_TOKEN", TOKEN)
    assert run("config", "check").code == 0
    assert TOKEN not in run("config", "show").out


def test_who_is_not_logged_in_is_told_how_to_make_a_token(run: Run, announced: StandInHost) -> None:
    announced.refusal = (401, {"detail": "Invalid or expired token"})
    result = run("queue", "list", "--token", TOKEN)
    assert result.code == 4
    assert result.err == (
        f"error: Invalid or expired token\nlog in at {announced.url} in a browser, make an API token there, "
        "and pass it in INVOKE_HOST_TOKEN or --token\n"
    )


@pytest.mark.parametrize("token", ["ivh_secret\r\nX-Evil: 1", "ivh_secret two", "ivh_sécret", "ivh_secret\x00"])
def test_what_can_be_no_token_is_not_sent_and_not_quoted(run: Run, announced: StandInHost, token: str) -> None:
    result = run("queue", "list", "--token", token)
    assert result.code == 2
    assert "characters that no token has" in result.err
    assert "secret" not in result.err
    assert "sécret" not in result.err
    assert announced.requests == []


@pytest.mark.parametrize("words", [("queue", "list", "--help"), ("generate", "--help")])
def test_help_does_not_show_the_value_of_the_variable(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("INVOKE_HOST_TOKEN", TOKEN)
    result = run(*words)
    assert "INVOKE_HOST_TOKEN" in result.out
    assert TOKEN not in result.out
