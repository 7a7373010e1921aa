"""Scenes in words: many ways to ask for the same picture, in the English of prompts."""

from __future__ import annotations

import random
from collections.abc import Sequence

from invoke_model_emoji.data.concepts import Concept
from invoke_model_emoji.data.palette import COLOURS
from invoke_model_emoji.data.scenes import Scene, Thing

#: Ways to ask for one thing or two; `{}` is what is asked for.
TEMPLATES = (
    "{}",
    "{}",
    "{}",
    "a picture of {}",
    "a photo of {}",
    "an emoji of {}",
    "a drawing of {}",
    "an image of {}",
    "an icon of {}",
    "{} emoji",
    "an illustration of {}",
    "clipart of {}",
    "a small {}",
    "a cute {}",
    "please draw {}",
    "there is {}",
    "show me {}",
    "i want {}",
    "make me a picture of {}",
    "a very nice picture of {} for my friend",
)
#: Words that say nothing about what is drawn, as people put them behind a prompt.
FILLERS = (
    "4k",
    "8k",
    "highly detailed",
    "high quality",
    "masterpiece",
    "best quality",
    "sharp focus",
    "vector art",
    "simple",
    "digital art",
    "trending",
    "detailed",
    "beautiful",
    "professional",
    "isolated",
    "centered",
    "clean",
    "colorful",
    "high resolution",
    "hd",
    "award winning",
    "concept art",
    "artstation",
    "octane render",
    "unreal engine",
    "cinematic lighting",
    "studio lighting",
    "soft light",
    "photorealistic",
    "ultra realistic",
    "intricate",
    "elegant",
    "vivid",
    "cartoon",
    "sticker",
    "minimalist",
    "by a famous artist",
    "amazing",
)
#: Shares of captions with one to three of them, and with so many that they reach the text encoder's registers.
_SOME_FILLERS, _MANY_FILLERS = 0.3, 0.15
#: Words for a style, where a caption names it.
STYLE_WORDS = {"noto": ("noto style", "shaded"), "flat": ("flat style", "flat")}

_GROUNDS = (
    "on a {} background",
    "on a {} background",
    "with a {} background",
    "{} background",
    "on {}",
    "on {} ground",
)
_PAIRS = ("{} and {}", "{} and {}", "{} next to {}", "{} beside {}", "{} with {}", "{} left of {}")
_COLOURED = ("{colour} {noun}", "{colour} {noun}", "{colour} {noun}", "{colour} colored {noun}")


def tell(scene: Scene, concepts: Sequence[Concept], rng: random.Random, *, several_styles: bool = False) -> str:
    """One of the ways to ask for this scene, in lower case."""
    things = [_thing(each, concepts, rng) for each in scene.things]
    words = things[0] if len(things) == 1 else rng.choice(_PAIRS).format(*things)
    template = rng.choice(TEMPLATES)
    if len(things) == 1 and template.startswith("a "):
        words = _without_article(words) if template in ("a small {}", "a cute {}") else words
    elif template in ("a small {}", "a cute {}"):
        template = "{}"
    parts = [template.format(words)]
    if scene.ground is not None:
        ground = rng.choice(_GROUNDS).format(COLOURS[scene.ground].name).replace("a orange", "an orange")
        parts.append((", " if ground.endswith("background") and ground[0] not in "ow" else " ") + ground)
    if several_styles and rng.random() < 0.5:
        parts.append(", " + rng.choice(STYLE_WORDS[scene.style]))
    kind = rng.random()
    if kind < _SOME_FILLERS + _MANY_FILLERS:
        count = rng.randint(1, 3) if kind < _SOME_FILLERS else rng.randint(4, 16)
        parts += [", " + each for each in rng.sample(FILLERS, count)]
    return "".join(parts)


def _thing(thing: Thing, concepts: Sequence[Concept], rng: random.Random) -> str:
    concept = concepts[thing.concept]
    if thing.colour is None:
        # the best name most of the time, its synonyms share the rest
        name = concept.name if rng.random() < 0.6 else rng.choice(concept.names)
        return _with_article(name, rng)
    noun = concept.noun if len(concept.names) < 2 or rng.random() < 0.7 else rng.choice(concept.names[1:])
    return _with_article(rng.choice(_COLOURED).format(colour=COLOURS[thing.colour].name, noun=noun), rng)


def _with_article(noun: str, rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.35:
        return noun
    if kind > 0.9:
        return f"the {noun}"
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _without_article(words: str) -> str:
    first, _, rest = words.partition(" ")
    return rest if first in ("a", "an", "the") else words
