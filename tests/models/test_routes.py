"""The models over HTTP, in the reference's shape."""

from __future__ import annotations

from dataclasses import replace

import pytest
from invoke_model_emoji import OFFER

from invoke_host.models.routes import MODELS, ROUTES
from invoke_host.models.service import ModelCatalog
from invoke_host.testing.app import run_app
from invoke_host.testing.schemas import assert_matches_schema

LIST, ONE = ROUTES


@pytest.fixture
async def alice(storage, tmp_path):
    broken = replace(OFFER, key="broken", name="A broken one", path=tmp_path / "gone", default=False, base="sd-2")
    catalog = ModelCatalog([OFFER, broken], tmp_path / "models")
    async with run_app(ROUTES, storage=storage, services={MODELS: catalog}) as client:
        yield client.as_caller("alice")


async def test_a_user_sees_all_models_also_the_unusable_with_the_reason(alice):
    answer = await alice.get("/api/v2/models/")
    assert_matches_schema(LIST, answer.status, answer.json())
    broken, emoji = answer.json()["models"]
    assert (broken["usable"], broken["problem"]) == (False, "its folder is missing")
    assert (emoji["key"], emoji["usable"], emoji["is_default"], emoji["native_width"]) == (OFFER.key, True, True, 64)
    assert "heun" not in emoji["schedulers"]


async def test_the_folder_on_the_server_stays_the_server_s_business(alice):
    answer = await alice.get("/api/v2/models/")
    assert str(OFFER.path.parent) not in answer.text


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", ["broken", "emoji-baseline"]),
        ("?direction=DESC", ["emoji-baseline", "broken"]),
        ("?order_by=size", ["broken", "emoji-baseline"]),
        ("?base_models=sd-1", ["emoji-baseline"]),
        ("?base_models=sd-1&base_models=sd-2", ["broken", "emoji-baseline"]),
        ("?model_type=lora", []),
        ("?model_name=Emoji%20Baseline", ["emoji-baseline"]),
        ("?model_format=diffusers&filter_nobody_knows=1", ["broken", "emoji-baseline"]),
    ],
)
async def test_filters_and_order(alice, query, keys):
    answer = await alice.get(f"/api/v2/models/{query}")
    assert [model["key"] for model in answer.json()["models"]] == keys


async def test_one_model_by_its_key(alice):
    answer = await alice.get("/api/v2/models/i/emoji-baseline")
    assert_matches_schema(ONE, answer.status, answer.json())
    assert answer.json()["default_settings"]["steps"] == 12


@pytest.mark.parametrize("key", ["nothing", "Emoji%20Baseline", "..%2f..%2fetc"])
async def test_an_unknown_key_is_not_found(alice, key):
    answer = await alice.get(f"/api/v2/models/i/{key}")
    assert answer.status == 404


async def test_models_are_not_for_strangers(alice):
    assert (await alice.as_caller(None).get("/api/v2/models/")).status == 401
