"""Which emoji become concepts, and which words mean them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import invoke_model_emoji
import pytest
import toy_emoji
from invoke_model_emoji.data import vocabulary
from invoke_model_emoji.data.aliases import ALIASES
from invoke_model_emoji.data.concepts import Concept, code_of, select
from invoke_model_emoji.data.drawings import Drawings
from invoke_model_emoji.data.palette import BY_NAME

ALL = frozenset(code_of(code) for code, *_ in toy_emoji.CONCEPTS)


def row(label: str, *tags: str, code: str = "1f000", group: int = 5, subgroup: int = 1) -> dict[str, object]:
    return {"hexcode": code, "label": label, "group": group, "subgroup": subgroup, "tags": list(tags)}


def chosen(*rows: dict[str, object]) -> list[Concept]:
    return select(rows, frozenset(code_of(str(each["hexcode"])) for each in rows))


def test_no_two_concepts_share_a_word() -> None:
    words = Counter(name for each in select(toy_emoji.names(), ALL) for name in each.names)
    assert [word for word, count in words.items() if count > 1] == []


def test_a_word_of_two_concepts_belongs_to_neither() -> None:
    apple, pear, plum = chosen(
        row("red apple", "fruit", "autumn", code="1"), row("pear", "fruit", code="2"), row("plum", "apple", code="3")
    )
    assert "fruit" not in (*apple.names, *pear.names, *plum.names)
    assert "apple" in apple.names
    assert "apple" not in plum.names
    assert "autumn" in apple.names


def test_the_first_of_several_colours_is_meant_by_the_noun_alone() -> None:
    red, green = chosen(row("red apple", code="1"), row("green apple", code="2"))
    assert (red.name, red.noun, green.name, green.noun) == ("red apple", "apple", "green apple", "apple")
    assert red.names == ("red apple", "apple")
    assert green.names == ("green apple",)


def test_everyday_words_mean_what_they_say() -> None:
    [car] = chosen(row("automobile"))
    assert car.names == ("automobile", "car")


def test_an_everyday_word_that_is_a_name_of_its_own_stays_with_it() -> None:
    named = {each.name: each.names for each in chosen(row("automobile", code="1"), row("car", code="2"))}
    assert named == {"automobile": ("automobile",), "car": ("car",)}


def test_colours_and_little_words_are_no_names() -> None:
    [each] = chosen(row("tangerine", "orange", "on", "background", "citrus"))
    assert each.names == ("tangerine", "citrus")
    assert not set(each.names) & BY_NAME.keys()


@pytest.mark.parametrize(
    "label", ["flag: Germany", "nine o’clock", "man: beard", "woman running", "family", "backhand index pointing left"]
)
def test_what_differs_in_a_detail_only_is_left_out(label: str) -> None:
    assert chosen(row(label, group=9 if label.startswith("flag") else 1, subgroup=20)) == []


def test_what_one_style_lacks_is_left_out() -> None:
    assert [each.name for each in select(toy_emoji.names(), frozenset({"1f680"}))] == ["rocket"]


@pytest.mark.parametrize(("label", "mirrors"), [("cat", True), ("alarm clock", False), ("musical score", False)])
def test_what_means_something_else_in_the_mirror_is_not_mirrored(label: str, mirrors: bool) -> None:
    [each] = chosen(row(label))
    assert each.mirrors is mirrors


def test_names_are_plain_lower_case_words() -> None:
    [each] = chosen(row("T-Rex: Piñata’s  “best”", "Äh"))
    assert each.name == "t rex pinatas best"


def test_codes_forget_the_selector_that_only_says_as_a_picture() -> None:
    assert code_of("2601-FE0F") == code_of("2601") == "2601"
    assert code_of("1F3F4-200D-2620-FE0F") == "1f3f4-200d-2620"


def test_the_vocabulary_lists_every_concept_with_its_words_and_emoji(drawings: Drawings, tmp_path) -> None:
    told = json.loads(vocabulary.write(drawings, tmp_path).read_text(encoding="utf-8"))
    assert told["colours"] == list(BY_NAME)
    assert [tuple(each["names"]) for each in told["concepts"]] == [each.names for each in drawings.concepts]
    assert told["concepts"][0] == {
        "names": ["red apple", "apple", "juice"],
        "emoji": "🍎",
        "code": "1f34e",
        "paintable": True,
    }


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    """What the model in this package says that it was trained on."""
    folder = Path(invoke_model_emoji.__file__).parent / "emoji"
    return json.loads((folder / vocabulary.FILE).read_text(encoding="utf-8"))


def test_the_shipped_model_knows_more_than_a_thousand_concepts_and_eleven_colours(shipped: dict[str, Any]) -> None:
    assert len(shipped["concepts"]) == 1058
    assert shipped["colours"] == list(BY_NAME)
    assert sum(each["paintable"] for each in shipped["concepts"]) > 800


def test_no_two_of_its_concepts_share_a_word_and_no_word_is_a_colour(shipped: dict[str, Any]) -> None:
    words = Counter(name for each in shipped["concepts"] for name in each["names"])
    assert [word for word, count in words.items() if count > 1] == []
    assert not words.keys() & BY_NAME.keys()
    assert all(word == word.lower().strip() and "  " not in word for word in words)


def test_every_everyday_word_means_one_of_its_concepts(shipped: dict[str, Any]) -> None:
    meant = {name: each["names"][0] for each in shipped["concepts"] for name in each["names"]}
    assert {word: meant.get(word) for word in ALIASES} == ALIASES


@pytest.mark.parametrize(
    "word",
    ["apple", "cat", "dog", "guitar", "birthday cake", "robot", "rocket", "car", "house", "tree", "banana", "owl"],
)
def test_what_people_ask_for_first_is_known(shipped: dict[str, Any], word: str) -> None:
    assert any(word in each["names"] for each in shipped["concepts"])
