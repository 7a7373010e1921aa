"""The things the model knows: emoji that stand for one thing each, with the words people use for them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from invoke_model_emoji.data.aliases import ALIASES
from invoke_model_emoji.data.palette import BY_NAME

#: Emojibase's numbers of Unicode's groups.
_SMILEYS, _PEOPLE, _SYMBOLS, _FLAGS = 0, 1, 8, 9
_GROUPS = frozenset(range(_SYMBOLS)) - {2}
#: Of people: hands, parts of the body, ages, roles, fantasy, activities, single figures.
_PEOPLE_SUBGROUPS = frozenset({16, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29, 31})
_CLOCK_FACES = re.compile(r"o’clock|-thirty$")
#: Drawings that differ from another one in a detail only, in the direction they face, or by sex alone.
_LEFT_OUT = re.compile(
    r"^(wo)?man (?!in tuxedo)|^(wo)?men |man: |woman: |person: |facing right|middle finger|^family|^Mx |^Mrs|^merman|"
    r"oncoming (?!fist)|tilted right|mailbox with (low|raised)|"
    r"^(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) |"
    r"^speaker |moon face|quarter moon|gibbous|rightwards|palm (up|down)|backhand index pointing (left|right|up)|"
    r"^(left|right)-facing|page facing|not done|with flash|bell with slash|speech bubble|tear-off|spiral notepad|"
    r"heart suit|post office|Asia|Europe|busts|bathroom|(old|older) (?!key)|"
    r"person (frown|pout|gest|tip|rais|bow|face|shrug)|"
    r"deaf|feeding|pregnant (man|person)|turban|skullcap|veil$|manual wheelchair$|in motorized|in manual|white cane|"
    r"banknote|incoming env|envelope with arrow|outbox|card index$|hand with|pushing|^(two|growing|beating) hearts?|"
    r"heart exclam|white heart|(blue|green|orange|purple|brown|black|grey|pink|light blue|yellow) heart$|"
    r"(green|blue|orange) book|goblin|with pen$|level slider|^ewe|dromedary|low battery|inbox",
    re.IGNORECASE,
)
#: Words of a prompt that are no word for a thing.
_STOP_WORDS = frozenset(
    {
        *("a", "an", "the", "and", "on", "in", "of", "with", "next", "to", "beside"),
        *("background", "photo", "picture", "emoji", "icon", "drawing"),
    }
)
_ONE_WAY = re.compile(
    r"left|right|clock|watch|music|score|points|question|hand|letter|dollar|yen|euro|pound|chart|map|globe|calendar|"
    r"die|8 ball|ATM|book|news|memo|receipt|scroll|medal|dvd|credit|identification|mahjong|joker|library|hundred",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing that can be drawn.

    `names` are words for it, the best first; each belongs to this concept alone. `noun` is the first name without a
    colour ("apple" of "red apple"): what a colour can be put before. `mirrors` says that a mirror image is as good.
    """

    code: str
    names: tuple[str, ...]
    noun: str
    mirrors: bool

    @property
    def name(self) -> str:
        return self.names[0]


def select(rows: Iterable[dict[str, Any]], drawn: frozenset[str]) -> list[Concept]:
    """The concepts of emojibase's rows that every style has `drawn` (codes as in `code_of`), in Unicode's order."""
    chosen = [row for row in rows if code_of(row["hexcode"]) in drawn and _wanted(row)]
    names = [_clean(row["label"]) for row in chosen]
    nouns = [_without_colour(each) for each in names]
    shared = Counter(nouns)
    words = [[_clean(each) for each in row.get("tags", ())] for row in chosen]
    uses = Counter(word for each in words for word in set(each)) + Counter(names) + Counter(set(nouns))
    concepts = []
    taken: set[str] = set(names) | set(ALIASES)
    everyday = {name: [alias for alias, meant in ALIASES.items() if meant == name] for name in names}
    for row, name, noun, keywords in zip(chosen, names, nouns, words, strict=True):
        own = [name]
        if noun != name and noun not in taken:  # "apple" is the red one: the first of its kind
            own.append(noun)
            taken.add(noun)
        own += [each for each in everyday[name] if each not in names]
        own += [each for each in keywords if uses[each] == 1 and each not in taken | _STOP_WORDS | BY_NAME.keys()]
        mirrors = row["group"] != _SYMBOLS and not _ONE_WAY.search(row["label"])
        concepts.append(Concept(code_of(row["hexcode"]), tuple(own), noun if shared[noun] else name, mirrors))
    return concepts


def code_of(hexcode: str) -> str:
    """A code that all sources agree on: lower case, without the selector that only says "as a picture"."""
    return "-".join(each for each in hexcode.lower().split("-") if each != "fe0f")


def _wanted(row: dict[str, Any]) -> bool:
    group = row.get("group")
    if group not in _GROUPS or (group == _PEOPLE and row.get("subgroup") not in _PEOPLE_SUBGROUPS):
        return False
    return not (_CLOCK_FACES.search(row["label"]) or _LEFT_OUT.search(row["label"]))


def _clean(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", label.lower().replace("’", "").replace("ñ", "n")).strip()


def _without_colour(name: str) -> str:
    first, _, rest = name.partition(" ")
    return rest if first in BY_NAME and rest else name
