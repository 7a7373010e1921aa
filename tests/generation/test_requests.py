"""What a request may say, and how its open questions are answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoke_model_emoji import OFFER
from pydantic import ValidationError

from invoke_host.api import InvalidInput, ModelDefaults
from invoke_host.generation.judging import find_problems
from invoke_host.generation.requests import GenerationRequest, ResolvedRequest
from invoke_host.generation.resolving import resolve
from invoke_host.models.service import ModelCatalog

#: The model that comes with the host, under a name and with wishes of the tests' own: another may come with it one day.
TOY = replace(
    OFFER,
    key="toy-painter",
    name="Toy Painter",
    base="sd-1",
    schedulers=frozenset({"euler", "dpmpp_2m"}),
    refusals={"ddim": "its colours come out inverted"},
    formerly=("old-painter",),
    default=True,
    defaults=ModelDefaults(width=256, height=192, steps=12, cfg_scale=3.0, scheduler="dpmpp_2m"),
)


@pytest.fixture(scope="module")
def catalog() -> ModelCatalog:
    other = replace(
        TOY, key="free-size", name="Free Size", default=False, native_size=None, schedulers=None, formerly=()
    )
    return ModelCatalog([TOY, other], None)


def problems(request: GenerationRequest, catalog: ModelCatalog) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        resolve(request, catalog, new_seed=lambda: 1)
    return {".".join(map(str, p.loc)): p.message for p in caught.value.problems}


def test_a_bare_prompt_gets_everything_from_the_default_model(catalog):
    [item] = resolve(GenerationRequest(positive_prompt="a cat"), catalog, new_seed=lambda: 77)
    assert (item.model, item.width, item.height, item.steps) == ("toy-painter", 256, 192, 12)
    assert (item.cfg_scale, item.scheduler, item.seed, item.negative_prompt) == (3.0, "dpmpp_2m", 77, "")
    assert item.model_hash.startswith("sha256-headers:")


def test_what_the_request_says_wins_over_the_model(catalog):
    said = GenerationRequest(
        positive_prompt="a cat",
        model="Free Size",
        width=64,
        height=2048,
        steps=1,
        cfg_scale=1,
        scheduler="heun",
        seed=0,
    )
    [item] = resolve(said, catalog, new_seed=lambda: 77)
    assert item == ResolvedRequest(
        model="free-size",
        model_hash=item.model_hash,
        positive_prompt="a cat",
        negative_prompt="",
        width=64,
        height=2048,
        steps=1,
        cfg_scale=1.0,
        seed=0,
        scheduler="heun",
    )


def test_image_k_has_seed_plus_k_and_the_last_seed_is_followed_by_zero(catalog):
    request = GenerationRequest(positive_prompt="a cat", seed=2**32 - 2, count=4)
    items = resolve(request, catalog, new_seed=lambda: pytest.fail("a seed was given"))
    assert [item.seed for item in items] == [2**32 - 2, 2**32 - 1, 0, 1]


def test_a_random_seed_is_drawn_once_per_request(catalog):
    seeds = iter([5, 100])
    items = resolve(GenerationRequest(positive_prompt="a cat", count=3), catalog, new_seed=lambda: next(seeds))
    assert [item.seed for item in items] == [5, 6, 7]


def test_all_wrong_fields_are_told_at_once():
    with pytest.raises(ValidationError) as caught:
        GenerationRequest.model_validate_json(
            b'{"positive_prompt": "", "negative_prompt": "a\\u0000b", "width": 65, "height": 63, "steps": 0,'
            b' "cfg_scale": 0.5, "seed": 4294967296, "count": 10001, "prepend": 1, "colour": "red"}'
        )
    assert {error["loc"][0] for error in caught.value.errors()} == {
        "positive_prompt",
        "negative_prompt",
        "width",
        "height",
        "steps",
        "cfg_scale",
        "seed",
        "count",
        "prepend",
        "colour",
    }


@pytest.mark.parametrize(
    "body",
    [
        {"width": "256"},
        {"width": 2056},
        {"width": True},
        {"steps": 151},
        {"steps": 12.5},
        {"cfg_scale": 30.1},
        {"cfg_scale": float("nan")},
        {"cfg_scale": float("inf")},
        {"seed": -1},
        {"count": 0},
        {"origin": "x" * 256},
        {"positive_prompt": "x" * 4001},
        {"positive_prompt": "a\x00b"},
        {"scheduler": 3},
        {"model": ["toy-painter"]},
    ],
    ids=str,
)
def test_a_value_out_of_range_or_of_another_type_is_refused_not_bent(body):
    with pytest.raises(ValidationError):
        GenerationRequest.model_validate({"positive_prompt": "a cat", **body})


def test_unknown_model_and_unknown_scheduler_are_told_together_with_close_names(catalog):
    found = problems(GenerationRequest(positive_prompt="a", model="toy-paintr", scheduler="eulre"), catalog)
    assert "did you mean 'toy-painter'?" in found["body.model"]
    assert "did you mean 'euler'" in found["body.scheduler"]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"model": "nope", "scheduler": "nope"}, ["model_unknown", "scheduler_unknown"]),
        ({"model": None, "scheduler": None}, []),
        ({"model": None, "scheduler": "heun"}, ["scheduler_unsupported"]),
        ({"scheduler": "heun"}, []),  # the model is refused already, so which samplers it has is not known
        ({"scheduler": "nope"}, ["scheduler_unknown"]),
        ({"model": "nope"}, ["model_unknown"]),
        ({}, []),
    ],
    ids=str,
)
async def test_of_a_refused_request_only_the_values_that_are_there_are_judged(catalog, values, found):
    assert [problem.kind for problem in await find_problems(values, catalog)] == found


def test_a_scheduler_that_the_model_can_not_use_is_refused_with_those_that_work(catalog):
    found = problems(GenerationRequest(positive_prompt="a", scheduler="heun"), catalog)
    assert "does not work with the model 'Toy Painter'" in found["body.scheduler"]
    assert "dpmpp_2m" in found["body.scheduler"]


def test_the_reason_is_told_where_the_model_has_one(catalog):
    found = problems(GenerationRequest(positive_prompt="a", scheduler="ddim"), catalog)
    assert found["body.scheduler"].startswith(
        "'ddim' does not work with the model 'Toy Painter' (its colours come out inverted); these do: dpmpp_2m, euler"
    )


def test_a_request_for_a_model_that_another_took_the_place_of_says_from_then_on_which_one_makes_it(catalog):
    [item] = resolve(GenerationRequest(positive_prompt="a cat", model="old-painter"), catalog, new_seed=lambda: 1)
    assert (item.model, item.model_hash) == ("toy-painter", catalog.get("toy-painter").hash)


def test_a_scheduler_that_nothing_can_run_is_refused_with_the_reason(catalog):
    found = problems(GenerationRequest(positive_prompt="a", model="free-size", scheduler="er_sde"), catalog)
    assert "diffusers has no ER-SDE solver" in found["body.scheduler"]


def test_a_damaged_model_is_refused_before_anything_is_queued(tmp_path):
    catalog = ModelCatalog([replace(TOY, path=tmp_path / "gone")], None)
    found = problems(GenerationRequest(positive_prompt="a", model=TOY.key), catalog)
    assert "its folder is missing" in found["body.model"]


def test_a_host_without_models_says_so():
    assert "no default model" in problems(GenerationRequest(positive_prompt="a"), ModelCatalog([], None))["body.model"]


def test_a_job_carries_the_metadata_of_the_reference(catalog):
    [item] = resolve(GenerationRequest(positive_prompt="a cat", seed=9), catalog, new_seed=lambda: 1)
    record = catalog.get(item.model)
    assert record is not None
    job = item.job("job-1", record, Path("staging"))
    assert job.metadata["generation_mode"] == "txt2img"
    assert job.metadata["seed"] == 9
    assert job.metadata["rand_device"] == "cpu"
    assert job.metadata["model"] == {
        "key": "toy-painter",
        "hash": record.hash,
        "name": "Toy Painter",
        "base": "sd-1",
        "type": "main",
    }


@given(
    prompt=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=200),
    seed=st.integers(0, 2**32 - 1),
    cfg_scale=st.floats(1, 30, allow_nan=False),
)
def test_a_stored_request_reads_back_as_it_was(prompt, seed, cfg_scale):
    item = ResolvedRequest("m", "h", prompt, "", 64, 64, 1, cfg_scale, seed, "euler")
    assert ResolvedRequest.from_json(item.to_json()) == item


def test_a_row_written_by_a_later_version_can_still_be_read():
    text = ResolvedRequest("m", "h", "p", "", 64, 64, 1, 1.0, 0, "euler").to_json()
    assert ResolvedRequest.from_json(text[:-1] + ',"added_later":1}').model == "m"
