"""A model folder is judged by its files, without torch, and every kind of damage gets its own sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from invoke_model_emoji import OFFER

from invoke_host.api import ModelUnusable
from invoke_host.models.layout import inspect_folder

#: A header whose only tensor ends at a word.
ODD_END = b"\x1e" + b"\x00" * 7 + b'{"a":{"data_offsets":[0,"x"]}}'

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path) -> Path:
    return Path(shutil.copytree(OFFER.path, tmp_path / "model"))


def complaint(folder: Path) -> str:
    with pytest.raises(ModelUnusable) as caught:
        inspect_folder(folder)
    return str(caught.value)


def test_a_good_folder_tells_size_native_resolution_and_kind(folder):
    change(folder / "unet" / "config.json", sample_size=8, cross_attention_dim=1024)
    change(folder / "vae" / "config.json", block_out_channels=[32, 64, 64])
    change(folder / "scheduler" / "scheduler_config.json", prediction_type="sample")
    facts = inspect_folder(folder)
    assert facts.native_px == 8 * 2**2
    assert facts.prediction_type == "sample"
    assert facts.size_bytes == sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
    assert facts.base == "sd-2"


def test_a_copy_has_the_same_fingerprint(folder):
    assert inspect_folder(folder).hash == inspect_folder(OFFER.path).hash


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


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"\xff" * 8, b"\x02\x00\x00\x00\x00\x00\x00\x00[]", b"x" * 100, ODD_END]
)
def test_a_weight_file_without_a_header(folder, content):
    (folder / UNET).write_bytes(content)
    assert "is damaged" in complaint(folder)


def test_pickled_weights_are_refused_even_with_the_right_name(folder):
    (folder / UNET).rename(folder / "unet" / "diffusion_pytorch_model.bin")
    assert "pickled weights, which can run code" in complaint(folder)


def test_broken_json(folder):
    (folder / "unet" / "config.json").write_text("{")
    assert complaint(folder).startswith("its file unet/config.json can't be read")


@pytest.mark.parametrize("name", ["unet/config.json", "vae/diffusion_pytorch_model.safetensors", "model_index.json"])
def test_a_needed_file_that_is_a_link_to_nothing(folder, name):
    (folder / name).unlink()
    (folder / name).symlink_to("/nonexistent")
    assert complaint(folder) == f"its file {name} is missing"


def test_a_needed_file_that_is_a_folder(folder):
    (folder / UNET).unlink()
    (folder / UNET).mkdir()
    assert complaint(folder).startswith(f"its folder {UNET} can't be read: ")


def test_a_folder_that_nobody_may_read(folder, unprivileged):
    (folder / "unet").chmod(0)
    with unprivileged():
        assert complaint(folder) == "its folder unet can't be read: Permission denied"
    folder.chmod(0)
    with unprivileged():
        assert complaint(folder).endswith("can't be read: Permission denied")


def test_a_link_that_nobody_needs_is_no_trouble(folder):
    (folder / "unet" / "README").symlink_to("/nonexistent")
    assert inspect_folder(folder).hash == inspect_folder(OFFER.path).hash


def test_json_that_is_nested_too_deeply(folder):
    (folder / "vae" / "config.json").write_text('{"a":' + "[" * 100_000 + "]" * 100_000 + "}")
    assert complaint(folder).startswith("its file vae/config.json can't be read")


@pytest.mark.parametrize("blocks", [5, "64", [1] * 1000])
def test_sizes_that_no_vae_has(folder, blocks):
    change(folder / "vae" / "config.json", block_out_channels=blocks)
    assert "block_out_channels must be a list of at most 8 numbers" in complaint(folder)


def test_another_pipeline(folder):
    change_index(folder, _class_name="StableDiffusionXLPipeline")
    assert "only StableDiffusionPipeline folders can be used" in complaint(folder)


def test_a_component_that_would_import_code_from_the_folder(folder):
    change_index(folder, unet=["my_module", "UNet"])
    assert "model_index.json: unet must be" in complaint(folder)


def change_index(folder: Path, **entries: object) -> None:
    change(folder / "model_index.json", **entries)


def change(file: Path, **entries: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))
