"""A model folder is judged by its files, without torch, and every kind of damage gets its own sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from invoke_model_emoji import OFFER

from invoke_host.api import ModelUnusable
from invoke_host.models.layout import inspect_folder

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path) -> Path:
    return Path(shutil.copytree(OFFER.path, tmp_path / "model"))


def complaint(folder: Path) -> str:
    with pytest.raises(ModelUnusable) as caught:
        inspect_folder(folder)
    return str(caught.value)


def test_a_good_folder_tells_size_native_resolution_and_fingerprint(folder):
    facts = inspect_folder(folder)
    assert facts.native_px == 64
    assert facts.prediction_type == "v_prediction"
    assert facts.size_bytes == sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
    assert facts.hash == inspect_folder(OFFER.path).hash


def test_a_copy_with_other_weights_layout_has_another_fingerprint(folder):
    before = inspect_folder(folder).hash
    shutil.copy(folder / "vae" / "diffusion_pytorch_model.safetensors", folder / "vae" / "second.safetensors")
    assert inspect_folder(folder).hash != before


def test_a_missing_folder(tmp_path):
    assert complaint(tmp_path / "nothing") == "its folder is missing"


def test_a_missing_component(folder):
    shutil.rmtree(folder / "vae")
    assert complaint(folder) == "its folder vae/ is missing"


def test_a_truncated_weight_file(folder):
    file = folder / UNET
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    assert complaint(folder) == f"its file {UNET} is damaged ({len(data) // 2} bytes instead of {len(data)})"


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff" * 8, b"\x02\x00\x00\x00\x00\x00\x00\x00[]", b"x" * 100])
def test_a_weight_file_without_a_header(folder, content):
    (folder / UNET).write_bytes(content)
    assert "is damaged" in complaint(folder)


def test_pickled_weights_are_refused_even_with_the_right_name(folder):
    (folder / UNET).rename(folder / "unet" / "diffusion_pytorch_model.bin")
    assert "pickled weights, which can run code" in complaint(folder)


def test_broken_json(folder):
    (folder / "unet" / "config.json").write_text("{")
    assert complaint(folder).startswith("its file unet/config.json can't be read")


def test_another_pipeline(folder):
    change_index(folder, _class_name="StableDiffusionXLPipeline")
    assert "only StableDiffusionPipeline folders can be used" in complaint(folder)


def test_a_component_that_would_import_code_from_the_folder(folder):
    change_index(folder, unet=["my_module", "UNet"])
    assert "model_index.json: unet must be" in complaint(folder)


def change_index(folder: Path, **entries: object) -> None:
    file = folder / "model_index.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))
