"""The models over HTTP, in the reference's shape."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from invoke_model_emoji import OFFER

from invoke_host.api import ModelDefaults
from invoke_host.models.routes import MODELS, ROUTES
from invoke_host.models.service import ModelCatalog
from invoke_host.testing.app import run_app
from invoke_host.testing.schemas import assert_matches_schema

LIST, ONE = ROUTES

#: The model that comes with the host, under a name of the tests' own: another may come with it one day.
TOY = replace(
    OFFER,
    key="toy",
    name="Toy Painter",
    base="sd-1",
    native_size=(64, 64),
    schedulers=frozenset({"euler"}),
    default=True,
    defaults=ModelDefaults(steps=12),
    formerly=("old-toy", "Old Toy"),
)


@pytest.fixture
def models_dir(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
async def alice(storage, tmp_path, models_dir):
    broken = replace(
        TOY, key="broken", name="A broken one", path=tmp_path / "gone", default=False, base="sd-2", formerly=()
    )
    catalog = ModelCatalog([TOY, broken], models_dir)
    async with run_app(ROUTES, storage=storage, services={MODELS: catalog}) as client:
        yield client.as_caller("alice")


async def test_a_user_sees_all_models_also_the_unusable_with_the_reason(alice):
    answer = await alice.get("/api/v2/models/")
    assert_matches_schema(LIST, answer.status, answer.json())
    broken, toy = answer.json()["models"]
    assert (broken["usable"], broken["problem"]) == (False, "its folder is missing")
    assert (toy["key"], toy["usable"], toy["is_default"], toy["native_width"]) == ("toy", True, True, 64)
    assert toy["schedulers"] == ["euler"]


async def test_the_folder_on_the_server_stays_the_server_s_business(alice):
    answer = await alice.get("/api/v2/models/")
    assert str(OFFER.path.parent) not in answer.text


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", ["broken", "toy"]),
        ("?direction=DESC", ["toy", "broken"]),
        ("?order_by=size", ["broken", "toy"]),
        ("?base_models=sd-1", ["toy"]),
        ("?base_models=sd-1&base_models=sd-2", ["broken", "toy"]),
        ("?model_type=lora", []),
        ("?model_name=Toy%20Painter", ["toy"]),
        ("?model_format=diffusers&filter_nobody_knows=1", ["broken", "toy"]),
    ],
)
async def test_filters_and_order(alice, query, keys):
    answer = await alice.get(f"/api/v2/models/{query}")
    assert [model["key"] for model in answer.json()["models"]] == keys


async def test_one_model_by_its_key(alice):
    answer = await alice.get("/api/v2/models/i/toy")
    assert_matches_schema(ONE, answer.status, answer.json())
    assert answer.json()["default_settings"]["steps"] == 12


@pytest.mark.parametrize("key", ["nothing", "Toy%20Painter", "..%2f..%2fetc"])
async def test_an_unknown_key_is_not_found(alice, key):
    answer = await alice.get(f"/api/v2/models/i/{key}")
    assert answer.status == 404


async def test_a_key_of_the_past_leads_to_the_model_that_took_its_place(alice):
    assert (await alice.get("/api/v2/models/i/old-toy")).json()["key"] == "toy"


async def test_models_are_not_for_strangers(alice):
    assert (await alice.as_caller(None).get("/api/v2/models/")).status == 401


async def test_one_dangling_link_leaves_the_list_and_single_models_readable(alice, models_dir):
    shutil.copytree(OFFER.path, models_dir / "linked")
    (models_dir / "linked" / "unet" / "README").symlink_to("/nonexistent")
    assert "linked" in [model["key"] for model in (await alice.get("/api/v2/models/")).json()["models"]]
    assert (await alice.get("/api/v2/models/i/linked")).json()["usable"]
    assert (await alice.get("/api/v2/models/i/nothing")).status == 404


async def test_a_reason_does_not_tell_where_the_folder_lies(alice, models_dir):
    shutil.copytree(OFFER.path, models_dir / "m")
    config = models_dir / "m" / "unet" / "config.json"
    config.unlink()
    config.mkdir()
    answer = await alice.get("/api/v2/models/i/m")
    assert answer.json()["problem"] == "its folder unet/config.json can't be read: Is a directory"
    assert str(models_dir) not in answer.text
