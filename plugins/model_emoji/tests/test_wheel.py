"""The wheel that is published: the weights, the licences of what they were made of, nothing that lay around."""

from __future__ import annotations

from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder
from invoke_model_emoji import OFFER

PROJECT = Path(__file__).parents[1]
MOST_BYTES = 60_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    [built] = WheelBuilder(str(PROJECT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    with ZipFile(built) as archive:
        yield archive


def text(wheel: ZipFile, end: str) -> str:
    [name] = [each for each in wheel.namelist() if each.endswith(end)]
    return wheel.read(name).decode()


def test_it_has_the_whole_model_and_fits_into_its_size(wheel):
    model = {file.relative_to(PROJECT).as_posix() for file in OFFER.path.rglob("*") if file.is_file()}
    assert model <= set(wheel.namelist())
    assert len(model) >= 10
    assert Path(wheel.filename).stat().st_size <= MOST_BYTES


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("NOTICE", ["Noto Emoji, Copyright Google Inc.", "Unicode CLDR", "Fluent Emoji Flat", "Apache License 2.0"]),
        ("LICENSES/Apache-2.0.txt", ["Apache License", "END OF TERMS AND CONDITIONS"]),
        ("LICENSES/Unicode-3.0.txt", ["UNICODE LICENSE V3", "SPDX-License-Identifier: Unicode-3.0"]),
        ("LICENSES/MIT-emojibase.txt", ["MIT License", "Miles Johnson"]),
        ("LICENSES/MIT-fluent-emoji.txt", ["MIT License", "Microsoft Corporation"]),
    ],
)
def test_it_has_the_licences_of_what_the_weights_were_made_of(wheel, file, says):
    found = text(wheel, f".dist-info/licenses/{file}")
    assert [words for words in says if words not in found] == []


def test_its_metadata_name_the_licences_and_the_entry_point(wheel):
    metadata = Parser().parsestr(text(wheel, ".dist-info/METADATA"))
    assert metadata["License-Expression"] == "Apache-2.0 AND MIT AND Unicode-3.0"
    assert len(metadata.get_all("License-File")) == 5
    assert "model_emoji = invoke_model_emoji:plugin" in text(wheel, ".dist-info/entry_points.txt")


def test_it_has_the_model_card_and_no_data_checkpoints_or_caches(wheel):
    assert "invoke_model_emoji/MODEL_CARD.md" in wheel.namelist()
    stray = (".tgz", ".svg", ".checkpoint", ".finished", ".part", ".pyc", ".bin", ".pt")
    assert [name for name in wheel.namelist() if name.endswith(stray)] == []
