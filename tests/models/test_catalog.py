"""The catalogue: offers and folders, defaults, changes on the disk."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from invoke_model_emoji import OFFER

from invoke_host.api import ModelUnusable, StartupError
from invoke_host.models.service import ModelCatalog


@pytest.fixture
def models_dir(tmp_path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def test_a_folder_under_models_is_a_model_with_its_native_size_as_default(models_dir):
    shutil.copytree(OFFER.path, models_dir / "my model")
    [record] = ModelCatalog([], models_dir).list()
    assert (record.key, record.problem) == ("my model", None)
    assert (record.offer.defaults.width, record.offer.defaults.height) == (64, 64)


def test_a_folder_that_appears_later_is_found_by_its_first_request(models_dir):
    catalog = ModelCatalog([], models_dir)
    assert catalog.get("late") is None
    shutil.copytree(OFFER.path, models_dir / "late")
    record = catalog.get("late")
    assert record is not None
    assert record.problem is None


def test_a_damaged_folder_is_listed_with_the_reason_and_again_without_once_repaired(models_dir):
    shutil.copytree(OFFER.path, models_dir / "m")
    weights = models_dir / "m" / "vae" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    catalog = ModelCatalog([], models_dir)
    assert "damaged" in str(catalog.list()[0].problem)
    with pytest.raises(ModelUnusable, match="the model 'm' can't be used: its file vae/"):
        catalog.require("m")
    weights.write_bytes(whole)
    catalog.refresh()
    assert catalog.require("m").problem is None


def test_a_removed_folder_is_gone_at_the_next_look(models_dir):
    shutil.copytree(OFFER.path, models_dir / "m")
    catalog = ModelCatalog([OFFER], models_dir)
    shutil.rmtree(models_dir / "m")
    catalog.refresh()
    assert [record.key for record in catalog.list()] == [OFFER.key]
    with pytest.raises(ModelUnusable, match="'m' is no longer there"):
        catalog.require("m")


def test_other_folders_and_a_missing_models_folder_are_no_trouble(models_dir, tmp_path):
    (models_dir / "notes").mkdir()
    assert ModelCatalog([], models_dir).list() == []
    assert ModelCatalog([], tmp_path / "none").list() == []


def test_a_model_is_found_by_key_and_by_name():
    catalog = ModelCatalog([OFFER], None)
    assert catalog.get("emoji-baseline") is catalog.get("Emoji Baseline")
    assert catalog.close_matches("emoji") == ["emoji-baseline"]


def test_the_configured_default_wins_over_what_a_plugin_marks():
    other = replace(OFFER, key="other", name="Other", default=False)
    assert ModelCatalog([other, OFFER], None).default().key == OFFER.key
    assert ModelCatalog([other, OFFER], None, default="Other").default().key == "other"


def test_the_only_model_is_the_default_and_of_two_unmarked_ones_none_is():
    plain = replace(OFFER, default=False)
    assert ModelCatalog([plain], None).default().key == OFFER.key
    assert ModelCatalog([plain, replace(plain, key="b", name="B")], None).default() is None


def test_an_unknown_default_stops_the_start_and_names_what_there_is():
    with pytest.raises(
        StartupError, match=r"generation.default_model: there is no model 'x'; known models: emoji-baseline"
    ):
        ModelCatalog([OFFER], None, default="x")


def test_two_offers_with_one_key_stop_the_start():
    with pytest.raises(StartupError, match="two plugins offer a model with the key 'emoji-baseline'"):
        ModelCatalog([OFFER, OFFER], None)
