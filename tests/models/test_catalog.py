"""The catalogue: offers and folders, defaults, changes on the disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from invoke_model_emoji import OFFER as SHIPPED

from invoke_host.api import ModelUnusable, StartupError
from invoke_host.models import service
from invoke_host.models.layout import inspect_folder
from invoke_host.models.service import ModelCatalog

#: The model that comes with the host, under a name of the tests' own: another may come with it one day.
OFFER = replace(SHIPPED, key="toy-painter", name="Toy Painter", default=True)


@pytest.fixture
def models_dir(tmp_path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def test_a_folder_under_models_is_a_model_with_its_native_size_as_default(models_dir):
    shutil.copytree(OFFER.path, models_dir / "my model")
    [record] = ModelCatalog([], models_dir).list()
    assert (record.key, record.problem) == ("my model", None)
    side = inspect_folder(OFFER.path).native_px
    assert (record.offer.defaults.width, record.offer.defaults.height) == (side, side)


async def test_a_folder_that_appears_later_is_found_by_its_first_request(models_dir):
    catalog = ModelCatalog([], models_dir)
    assert await catalog.find("late") is None
    shutil.copytree(OFFER.path, models_dir / "late")
    assert catalog.get("late") is None
    record = await catalog.find("late")
    assert record is not None
    assert record.problem is None


async def test_a_damaged_folder_is_listed_with_the_reason_and_again_without_once_repaired(models_dir):
    shutil.copytree(OFFER.path, models_dir / "m")
    weights = models_dir / "m" / "vae" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    catalog = ModelCatalog([], models_dir)
    assert "damaged" in str(catalog.list()[0].problem)
    with pytest.raises(ModelUnusable, match="the model 'm' can't be used: its file vae/"):
        await catalog.require("m")
    weights.write_bytes(whole)
    assert (await catalog.require("m")).problem is None


async def test_a_removed_folder_is_gone_at_the_next_look(models_dir):
    shutil.copytree(OFFER.path, models_dir / "m")
    catalog = ModelCatalog([OFFER], models_dir)
    shutil.rmtree(models_dir / "m")
    catalog.refresh()
    assert [record.key for record in catalog.list()] == [OFFER.key]
    with pytest.raises(ModelUnusable, match="'m' is no longer there"):
        await catalog.require("m")


def test_other_folders_and_a_missing_models_folder_are_no_trouble(models_dir, tmp_path):
    (models_dir / "notes").mkdir()
    assert ModelCatalog([], models_dir).list() == []
    assert ModelCatalog([], tmp_path / "none").list() == []


def test_a_link_to_nothing_in_one_folder_stops_neither_start_nor_look_nor_model(models_dir):
    shutil.copytree(OFFER.path, models_dir / "m")
    (models_dir / "m" / "unet" / "README").symlink_to("/nonexistent")
    (models_dir / "dangling").symlink_to("/nonexistent")
    catalog = ModelCatalog([], models_dir)
    catalog.refresh()
    assert [(record.key, record.problem) for record in catalog.list()] == [("m", None)]


async def test_weights_behind_a_link_are_a_problem_until_what_it_leads_to_is_there(models_dir, tmp_path):
    shutil.copytree(OFFER.path, models_dir / "m")
    weights = models_dir / "m" / "unet" / "diffusion_pytorch_model.safetensors"
    elsewhere = weights.rename(tmp_path / "away")
    weights.symlink_to(tmp_path / "blob")
    catalog = ModelCatalog([], models_dir)
    assert catalog.list()[0].problem == f"its file unet/{weights.name} is missing"
    elsewhere.rename(tmp_path / "blob")
    assert (await catalog.require("m")).problem is None


def test_a_folder_that_nobody_may_read_is_listed_with_the_reason(models_dir, unprivileged):
    (models_dir / "m").mkdir()
    (models_dir / "m").chmod(0)
    with unprivileged():
        [record] = ModelCatalog([], models_dir).list()
    assert str(record.problem).endswith("can't be read: Permission denied")


def test_a_folder_that_was_opened_to_all_is_read_again(models_dir, unprivileged):
    shutil.copytree(OFFER.path, models_dir / "m")
    (models_dir / "m" / "vae").chmod(0)
    with unprivileged():
        catalog = ModelCatalog([], models_dir)
        assert catalog.list()[0].problem == "its folder vae can't be read: Permission denied"
        (models_dir / "m" / "vae").chmod(0o755)
        catalog.refresh()
        assert catalog.list()[0].problem is None


def test_a_models_folder_that_nobody_may_read_stops_the_start_with_a_sentence(models_dir, unprivileged):
    models_dir.chmod(0)
    with unprivileged(), pytest.raises(StartupError, match="models can't be read: Permission denied"):
        ModelCatalog([], models_dir)


def test_a_models_folder_that_can_not_be_read_later_takes_no_model_away(models_dir, unprivileged):
    shutil.copytree(OFFER.path, models_dir / "m")
    catalog = ModelCatalog([], models_dir)
    models_dir.chmod(0)
    with unprivileged(), pytest.raises(PermissionError):
        catalog.refresh()
    assert catalog.get("m") is not None


@pytest.mark.parametrize("step", ["_model_folders", "_traces", "_folder_record"])
def test_a_folder_that_is_removed_during_the_look_is_a_problem_and_then_gone(models_dir, monkeypatch, step):
    shutil.copytree(OFFER.path, models_dir / "m")
    whole = getattr(service, step)

    def remove_after_or_before(argument):
        done = whole(argument) if step == "_model_folders" else None
        shutil.rmtree(models_dir / "m")
        return whole(argument) if done is None else done

    monkeypatch.setattr(service, step, remove_after_or_before)
    catalog = ModelCatalog([], models_dir)
    monkeypatch.undo()
    assert [record.problem for record in catalog.list()] == ["its folder is missing"]
    catalog.refresh()
    assert catalog.list() == []


def test_a_file_that_is_removed_during_the_look_is_no_trouble(models_dir, monkeypatch):
    shutil.copytree(OFFER.path, models_dir / "m")
    (models_dir / "m" / "vae" / "notes").touch()
    entries = service._entries

    def entries_with_one_that_goes(folder):
        found = entries(folder)
        (models_dir / "m" / "vae" / "notes").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(service, "_entries", entries_with_one_that_goes)
    assert [record.problem for record in ModelCatalog([], models_dir).list()] == [None]


def test_a_folder_whose_name_is_no_text_is_listed_with_a_name_that_can_be_sent(models_dir):
    shutil.copytree(OFFER.path, models_dir / os.fsdecode(b"caf\xe9"))
    [record] = ModelCatalog([], models_dir).list()
    assert (record.key, record.problem) == ("caf\ufffd", "the name of its folder is not UTF-8; rename it")


async def test_the_disk_is_not_read_on_the_event_loop(models_dir, monkeypatch):
    catalog, threads = ModelCatalog([], models_dir), []
    monkeypatch.setattr(service, "_model_folders", lambda _: threads.append(threading.current_thread()) or [])
    assert await catalog.find("nothing") is None
    with pytest.raises(ModelUnusable):
        await catalog.require("nothing")
    assert len(threads) == 2
    assert threading.main_thread() not in threads


async def test_those_who_ask_while_one_looks_share_the_next_look(models_dir, monkeypatch):
    catalog, looks = ModelCatalog([], models_dir), []
    begun, goes_on = asyncio.Event(), threading.Event()
    loop, real = asyncio.get_running_loop(), service._model_folders

    def slow(folder):
        found = real(folder)
        looks.append(found)
        loop.call_soon_threadsafe(begun.set)
        assert goes_on.wait(30)
        return found

    monkeypatch.setattr(service, "_model_folders", slow)
    first = asyncio.create_task(catalog.find("late"))
    await begun.wait()
    shutil.copytree(OFFER.path, models_dir / "late")  # too late for the look that is under way
    others = [asyncio.create_task(catalog.find("late")) for _ in range(50)]
    goes_on.set()
    assert await first is None
    assert all(record is not None for record in await asyncio.gather(*others))
    assert len(looks) == 2


def test_a_model_is_found_by_key_and_by_name():
    catalog = ModelCatalog([OFFER], None)
    assert catalog.get("toy-painter") is catalog.get("Toy Painter") is not None
    assert catalog.close_matches("toy-paint") == ["toy-painter"]


async def test_a_model_that_took_the_place_of_another_answers_to_its_key_and_name():
    heir = replace(OFFER, formerly=("old-painter", "Old Painter"))
    catalog = ModelCatalog([heir], None, default="old-painter")
    for name in heir.formerly:
        assert catalog.get(name).key == (await catalog.require(name)).key == "toy-painter"
    assert catalog.default().key == "toy-painter"


def test_who_is_called_so_today_goes_before_who_was_called_so_once(models_dir):
    shutil.copytree(OFFER.path, models_dir / "old-painter")
    heir, namesake = replace(OFFER, formerly=("old-painter", "Free")), replace(OFFER, key="free", name="Free")
    catalog = ModelCatalog([heir, namesake], models_dir)
    assert catalog.get("old-painter").key == "old-painter"
    assert catalog.get("Free").key == "free"


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
        StartupError, match=r"generation.default_model: there is no model 'x'; known models: toy-painter"
    ):
        ModelCatalog([OFFER], None, default="x")


def test_two_offers_with_one_key_stop_the_start():
    with pytest.raises(StartupError, match="two plugins offer a model with the key 'toy-painter'"):
        ModelCatalog([OFFER, OFFER], None)
