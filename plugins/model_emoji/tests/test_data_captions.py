"""Every caption names all that its scene shows, and reads as English."""

from __future__ import annotations

import random
import re

import pytest
from invoke_model_emoji.data.captions import FILLERS, STYLE_WORDS, TEMPLATES, tell
from invoke_model_emoji.data.concepts import Concept
from invoke_model_emoji.data.palette import BY_NAME, COLOURS
from invoke_model_emoji.data.scenes import Pose, Scene, Thing

APPLE = Concept("1f34e", ("red apple", "apple"), "apple", True)
OWL = Concept("1f989", ("owl",), "owl", True)
CAR = Concept("1f697", ("automobile", "car", "vehicle"), "automobile", True)
CONCEPTS = (APPLE, OWL, CAR)
BLUE, ORANGE = BY_NAME["blue"], BY_NAME["orange"]


def told(scene: Scene, *, several_styles: bool = False, count: int = 400) -> list[str]:
    rng = random.Random(0)
    return [tell(scene, CONCEPTS, rng, several_styles=several_styles) for _ in range(count)]


def thing(concept: Concept, colour: int | None = None) -> Thing:
    return Thing(CONCEPTS.index(concept), Pose(), colour)


def named(concept: Concept, caption: str) -> bool:
    return any(re.search(rf"\b{name}\b", caption) for name in concept.names)


@pytest.mark.parametrize("ground", [None, *range(len(COLOURS))])
@pytest.mark.parametrize("colour", [None, BLUE, ORANGE])
def test_a_caption_names_the_thing_its_colour_and_its_ground(colour: int | None, ground: int | None) -> None:
    for caption in told(Scene((thing(OWL, colour),), "noto", ground), count=100):
        assert named(OWL, caption)
        if colour is not None:
            assert re.search(rf"\b{COLOURS[colour].name}( colored)? owl\b", caption), caption
        if ground is not None:
            assert re.search(rf"\b(on|with)\b.*\b{COLOURS[ground].name}\b|\b{COLOURS[ground].name} background", caption)
        mentioned = {each.name for each in COLOURS if re.search(rf"\b{each.name}\b", caption)}
        assert mentioned == {COLOURS[each].name for each in (colour, ground) if each is not None}


def test_a_caption_names_both_things_the_left_one_first() -> None:
    for caption in told(Scene((thing(OWL), thing(CAR)), "noto")):
        positions = [min(caption.find(name) for name in each.names if name in caption) for each in (OWL, CAR)]
        assert positions == sorted(positions), caption


def test_a_painted_thing_is_not_called_by_another_colour() -> None:
    captions = told(Scene((thing(APPLE, BLUE),), "noto"))
    assert not [each for each in captions if re.search(r"\bred\b", each)]


def test_all_names_of_a_thing_come_up_and_the_best_one_most() -> None:
    captions = told(Scene((thing(CAR),), "noto"))
    counts = [sum(bool(re.search(rf"\b{name}\b", each)) for each in captions) for name in CAR.names]
    assert all(counts)
    assert counts[0] > counts[1] + counts[2]


def test_articles_fit_the_word_behind_them() -> None:
    scenes = [
        Scene((thing(concept, colour),), "noto", ground)
        for concept in CONCEPTS
        for colour in (None, BLUE, ORANGE)
        for ground in (None, BLUE, ORANGE)
    ]
    captions = [caption for scene in scenes for caption in told(scene, count=100)]
    for caption in captions:
        for article, word in re.findall(r"\b(an?) (\w)", caption):
            assert (article == "an") is (word in "aeiou"), caption
        assert not re.search(r"\b(an?|the) (an?|the)\b", caption), caption


def test_captions_are_lower_case_single_spaced_and_without_loose_commas() -> None:
    scene = Scene((thing(OWL, BLUE),), "flat", ORANGE)
    for caption in told(scene, several_styles=True):
        assert caption == caption.lower().strip()
        assert not re.search(r"  | ,|,,|,$|[{}]", caption), caption


def test_every_template_and_filler_comes_up() -> None:
    captions = told(Scene((thing(OWL),), "noto"), count=3000)
    for template in TEMPLATES:
        pattern = re.escape(template).replace(r"\{\}", "(an? |the )?owl")
        assert any(re.match(pattern, each) for each in captions), template
    assert all(any(f", {filler}" in each for each in captions) for filler in FILLERS)


def test_styles_are_named_only_where_there_are_several() -> None:
    scene = Scene((thing(OWL),), "flat")
    words = STYLE_WORDS["flat"]
    assert any(word in each for each in told(scene, several_styles=True) for word in words)
    assert not any(word in each for each in told(scene) for word in words)


def test_the_same_seed_tells_the_same() -> None:
    scene = Scene((thing(CAR),), "noto")
    assert told(scene) == told(scene)
    assert len(set(told(scene))) > 50
