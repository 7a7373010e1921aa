"""Lists of values in a request: the pictures that come of them, in which order, and what is wrong with them."""

from __future__ import annotations

import time
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from invoke_host.api import InvalidInput, ModelDefaults, ModelOffer
from invoke_host.generation.judging import find_problems
from invoke_host.generation.requests import GenerationRequest
from invoke_host.generation.resolving import Pictures, resolve
from invoke_host.models.service import ModelRecord

#: As long as a prompt may be, in the characters that take the most room: 16 kB.
LONG = "\N{RED APPLE}" * 4000


class Catalog:
    """Two models from nowhere: `small` takes few samplers, `large` all."""

    def __init__(self) -> None:
        self.looks = 0
        self.records = {
            key: ModelRecord(
                ModelOffer(
                    key=key,
                    name=key.title(),
                    path=None,  # type: ignore[arg-type]  # nothing is loaded
                    schedulers=samplers,
                    defaults=ModelDefaults(width=side, height=side, steps=steps),
                ),
                None,
            )
            for key, samplers, side, steps in (("small", frozenset({"euler"}), 64, 4), ("large", None, 128, 8))
        }

    def get(self, key_or_name: str) -> ModelRecord | None:
        return self.records.get(key_or_name)

    def default(self) -> ModelRecord | None:
        return self.records["small"]

    def close_matches(self, key_or_name: str) -> list[str]:
        return ["small"]

    async def find(self, key_or_name: str) -> ModelRecord | None:
        self.looks += 1
        return self.get(key_or_name)


def datum(name: str, *items: Any) -> dict[str, Any]:
    return {"field_name": name, "items": list(items)}


def pictures(*data: list[dict[str, Any]], **said: Any) -> Pictures:
    request = GenerationRequest.model_validate({"positive_prompt": "x", **said, "data": list(data)})
    return resolve(request, Catalog(), new_seed=lambda: 100)


def wrong(*data: Any, **said: Any) -> dict[tuple[Any, ...], str]:
    with pytest.raises(ValidationError) as caught:
        GenerationRequest.model_validate({"positive_prompt": "x", **said, "data": list(data)})
    return {each["loc"]: each["msg"] for each in caught.value.errors()}


def unresolvable(*data: list[dict[str, Any]], **said: Any) -> dict[tuple[Any, ...], str]:
    with pytest.raises(InvalidInput) as caught:
        pictures(*data, **said)
    return {problem.loc: problem.message for problem in caught.value.problems}


def test_prompts_become_a_picture_each_and_seeds_count_on() -> None:
    found = pictures([datum("positive_prompt", "a", "b", "c")], seed=7)
    assert [(each.positive_prompt, each.seed) for each in found] == [("a", 7), ("b", 8), ("c", 9)]
    assert set(found.common) == set(found[0].__slots__) - {"positive_prompt", "seed", "is_intermediate"}
    assert found.own == [{"positive_prompt": text, "seed": seed} for text, seed in (("a", 7), ("b", 8), ("c", 9))]


def test_lists_beside_each_other_are_read_row_by_row_and_others_combined() -> None:
    found = pictures(
        [datum("positive_prompt", "a", "b"), datum("negative_prompt", "not a", "not b")],
        [datum("steps", 1, 2)],
    )
    assert [(each.positive_prompt, each.negative_prompt, each.steps) for each in found] == [
        ("a", "not a", 1),
        ("a", "not a", 2),
        ("b", "not b", 1),
        ("b", "not b", 2),
    ]


def test_runs_repeat_all_of_it_and_count_each_combination() -> None:
    found = pictures([datum("positive_prompt", "a", "b")], runs=2, count=2, seed=0)
    assert [(each.positive_prompt, each.seed) for each in found] == [
        (text, seed) for seed, text in enumerate(["a", "a", "b", "b"] * 2)
    ]


def test_seeds_of_a_list_are_counted_up_from_each_by_themselves() -> None:
    found = pictures([datum("seed", 5, 2**32 - 1)], count=2)
    assert [each.seed for each in found] == [5, 6, 2**32 - 1, 0]


def test_seeds_combined_with_prompts_are_the_same_for_each_prompt() -> None:
    found = pictures([datum("seed", 1, 2)], [datum("positive_prompt", "a", "b")])
    assert [(each.seed, each.positive_prompt) for each in found] == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]


def test_what_the_model_fills_in_is_of_each_pictures_own_model() -> None:
    found = pictures([datum("model", "small", "large", None)], steps=3)
    assert [(each.model, each.width, each.height, each.steps) for each in found] == [
        ("small", 64, 64, 3),
        ("large", 128, 128, 3),
        ("small", 64, 64, 3),
    ]
    assert "steps" in found.common


def test_null_in_a_list_is_what_the_request_says_without_it() -> None:
    assert [each.steps for each in pictures([datum("steps", 1, None)], steps=9)] == [1, 9]
    assert [each.steps for each in pictures([datum("steps", 1, None)])] == [1, 4]


def test_a_request_without_lists_has_only_its_seed_to_itself() -> None:
    found = pictures(count=3, seed=1)
    assert found.own == [{"seed": 1}, {"seed": 2}, {"seed": 3}]


@pytest.mark.parametrize(
    ("data", "places"),
    [
        ([3], {(0,): "list of"}),
        ([[]], {(0,): "at least one"}),
        ([[3]], {(0, 0): "expected"}),
        ([[{}]], {(0, 0, "field_name"): "missing", (0, 0, "items"): "missing"}),
        ([[{**datum("steps", 1), "node": 1}]], {(0, 0, "node"): "only field_name"}),
        ([[datum("count", 1)]], {(0, 0, "field_name"): "these can: positive_prompt"}),
        ([[{"field_name": 3, "items": [1]}]], {(0, 0, "field_name"): "no field"}),
        ([[datum("steps")]], {(0, 0, "items"): "at least 1"}),
        ([[datum("steps", 1, "2", 151, True, 2.5)]], {(0, 0, "items", k): "" for k in range(1, 5)}),
        ([[datum("positive_prompt", "a", "", "b\0", "x" * 4001)]], {(0, 0, "items", k): "" for k in range(1, 4)}),
        ([[datum("seed", 1, None, 2**32)]], {(0, 0, "items", 1): "", (0, 0, "items", 2): ""}),
        ([[datum("cfg_scale", 1, 0.5, float("nan"))]], {(0, 0, "items", 1): "", (0, 0, "items", 2): ""}),
        ([[datum("steps", 1, 2), datum("width", 64)]], {(0, 1, "items"): "has 1 values, items of data[0][0] 2"}),
        (
            [[datum("steps", 1)], [datum("width", 64), datum("steps", 2)]],
            {(1, 1, "field_name"): "has values in data[0][0] already"},
        ),
        (
            [[datum("steps", 0), datum("width", 64, 65)], [datum("colour", 1)], 3],
            {
                (0, 0, "items", 0): "",
                (0, 1, "items"): "has 2",
                (0, 1, "items", 1): "",
                (1, 0, "field_name"): "",
                (2,): "",
            },
        ),
    ],
    ids=str,
)
def test_all_that_is_wrong_with_lists_is_told_at_once_with_its_place(data, places) -> None:
    found = wrong(*data, steps=0)
    assert set(found) == {("steps",), *(("data", *place) for place in places)}
    for place, text in places.items():
        assert text in found["data", *place]


def test_names_that_only_the_catalogue_knows_are_told_where_they_stand() -> None:
    found = unresolvable(
        [datum("model", "small", "nope", "large")], [datum("scheduler", "euler", "heun", "zz", "er_sde")]
    )
    assert {place: text[:30] for place, text in found.items()} == {
        ("body", "data", 0, 0, "items", 1): "there is no model 'nope'; did ",
        ("body", "data", 1, 0, "items", 1): "'heun' does not work with the ",
        ("body", "data", 1, 0, "items", 2): "there is no scheduler 'zz'",
        ("body", "data", 1, 0, "items", 3): "'er_sde' can't be used: diffus",
    }


def test_a_sampler_is_judged_with_the_model_beside_it_only() -> None:
    beside = [datum("model", "small", "large"), datum("scheduler", "euler", "heun")]
    assert [(each.model, each.scheduler) for each in pictures(beside)] == [("small", "euler"), ("large", "heun")]
    assert set(unresolvable(beside[:1], beside[1:])) == {("body", "data", 1, 0, "items", 1)}


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"count": 10_000, "runs": 2}, "runs"),
        ({"count": 5001, "data": [[datum("steps", 1, 2)]]}, "data"),
        ({"data": [[datum("steps", *[1] * 101)], [datum("width", *[64] * 100)]]}, "data"),
    ],
    ids=["runs", "count", "product"],
)
async def test_more_than_ten_thousand_pictures_are_refused_before_they_are_worked_out(said, place) -> None:
    request = GenerationRequest.model_validate({"positive_prompt": "x", **said})
    with pytest.raises(InvalidInput) as caught:
        resolve(request, Catalog(), new_seed=lambda: 1)
    assert [(problem.loc, problem.kind) for problem in caught.value.problems] == [
        (("body", place), "too_many_pictures")
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"runs": 2500, "data": [[datum("positive_prompt", LONG, LONG)], [datum("negative_prompt", LONG, LONG)]]},
        {"count": 5000, "data": [[datum("positive_prompt", LONG, "short")]]},
    ],
    ids=["product", "count"],
)
def test_a_small_body_does_not_stand_for_gigabytes_of_prompts(said) -> None:
    request = GenerationRequest.model_validate({"positive_prompt": "x", **said})
    with pytest.raises(InvalidInput) as caught:
        resolve(request, Catalog(), new_seed=lambda: 1)
    assert [(problem.loc, problem.kind) for problem in caught.value.problems] == [(("body", "data"), "too_much_text")]


def test_ten_thousand_prompts_and_one_long_prompt_for_all_are_not_too_much_text() -> None:
    assert len(pictures([datum("positive_prompt", *(f"{k} {'x' * 700}" for k in range(10_000)))])) == 10_000
    assert len(pictures([datum("seed", *range(100))], positive_prompt=LONG, count=100)) == 10_000


def test_a_prompt_is_needed_unless_the_lists_have_it() -> None:
    assert len(pictures([datum("positive_prompt", "a")], positive_prompt=None)) == 1
    assert set(unresolvable([datum("steps", 1)], positive_prompt=None)) == {("body", "positive_prompt")}


async def test_ten_thousand_unknown_names_are_told_in_no_time_and_the_disk_is_looked_at_once() -> None:
    names = [f"model {k}" for k in range(10_000)]
    values = {"data": [[datum("model", *names), datum("scheduler", *names)]], "model": None, "scheduler": None}
    catalog = Catalog()
    started = time.process_time()
    found = await find_problems(values, catalog)
    assert len(found) == 20_000
    assert catalog.looks == 1
    assert time.process_time() - started < 2.0


NAMES = {
    "positive_prompt": st.sampled_from(["a", "b", "c"]),
    "negative_prompt": st.sampled_from(["", "x"]),
    "width": st.sampled_from([None, 64, 72]),
    "steps": st.sampled_from([None, 1, 2]),
    "cfg_scale": st.sampled_from([None, 1, 2.5]),
    "seed": st.integers(0, 2**32 - 1),
}


@st.composite
def lists(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Lists of lists, each field at most once, those beside each other as long as each other."""
    names = draw(st.permutations(sorted(NAMES)))[: draw(st.integers(0, 5))]
    data: list[list[dict[str, Any]]] = []
    while names:
        together = draw(st.integers(1, len(names)))
        length = draw(st.integers(1, 4))
        column = {name: draw(st.lists(NAMES[name], min_size=length, max_size=length)) for name in names[:together]}
        data.append([datum(name, *items) for name, items in column.items()])
        names = names[together:]
    return data


@given(data=lists(), runs=st.integers(1, 3), count=st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_the_pictures_are_those_of_zip_and_product(data, runs, count) -> None:
    columns = [[[(each["field_name"], item) for item in each["items"]] for each in one] for one in data]
    rows = [list(zip(*one, strict=True)) for one in columns]
    expected = [
        (dict(pair for row in chosen for pair in row), k)
        for _ in range(runs)
        for chosen in product(*rows)
        for k in range(count)
    ]
    found = pictures(*data, runs=runs, count=count, seed=50)
    assert len(found) == len(expected)
    defaults = {"width": 64, "steps": 4, "cfg_scale": 7.5}
    for index, ((values, k), picture) in enumerate(zip(expected, found, strict=True)):
        for name, value in values.items():
            if name != "seed":
                assert getattr(picture, name) == (defaults[name] if value is None else value)
        seed = values["seed"] + k if "seed" in values else 50 + index
        assert picture.seed == seed % 2**32
