"""Answering what a request leaves open: the pictures that come of it, each of them said to the last detail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, overload

from invoke_host.api import FieldProblem, InvalidInput
from invoke_host.generation.data import combinations, varied
from invoke_host.generation.fields import SEED_RANGE
from invoke_host.generation.judging import Catalog, judge
from invoke_host.generation.requests import GenerationRequest, ResolvedRequest
from invoke_host.models.service import ModelRecord

#: What the model fills in where a request says nothing.
_OF_THE_MODEL: Final = frozenset({"width", "height", "steps", "cfg_scale", "scheduler"})

#: All that is said of a picture, but for its seed.
_ANSWERS: Final = _OF_THE_MODEL | {"model", "model_hash", "positive_prompt", "negative_prompt", "board_id"}


@dataclass(frozen=True, slots=True)
class Pictures(Sequence[ResolvedRequest]):
    """The pictures of one request, in order: what they have in common, and for each what is its own."""

    common: Mapping[str, Any]
    own: Sequence[Mapping[str, Any]]

    @property
    def models(self) -> frozenset[str]:
        """Keys of the models that make them."""
        return frozenset(self._each("model"))

    @property
    def prompts(self) -> tuple[str, ...]:
        """The positive prompts, each once."""
        return tuple(dict.fromkeys(self._each("positive_prompt")))

    def __len__(self) -> int:
        return len(self.own)

    @overload
    def __getitem__(self, at: int) -> ResolvedRequest: ...
    @overload
    def __getitem__(self, at: slice) -> Pictures: ...
    def __getitem__(self, at: int | slice) -> ResolvedRequest | Pictures:
        if isinstance(at, slice):
            return Pictures(self.common, self.own[at])
        return ResolvedRequest(**self.common, **self.own[at])

    def _each(self, field: str) -> Iterable[str]:
        return [self.common[field]] if field in self.common else [each[field] for each in self.own]


def resolve(request: GenerationRequest, catalog: Catalog, *, new_seed: Callable[[], int]) -> Pictures:
    """What each picture is, nothing left open: `runs` times all combinations of `data`, `count` of each.

    Picture k has the request's (or one new) seed plus k, modulo 2^32. Where `data` has the seeds, the pictures of a
    combination count up from its own. Models that may be new on the disk must have been looked for before
    (`judging.look_for_models`).

    Raises:
        InvalidInput: every problem at once, paths from `body`.
    """
    if problems := judge(dict(request), catalog):
        raise InvalidInput(problems)
    data = request.data or ()
    fields = varied(data)
    changing = _changing(request, fields)
    record = _finder(catalog)
    common = _answers(request, {}, _ANSWERS - changing, record)
    said = list(combinations(data)) * request.runs
    own = [_answers(request, each, changing, record) for each in said]
    if "seed" in fields:
        seeds = [each["seed"] + k for each in said for k in range(request.count)]
    else:
        first = new_seed() if request.seed is None else request.seed
        seeds = [first + k for k in range(len(own) * request.count)]
    each_of = (each for each in own for _ in range(request.count))
    return Pictures(common, [{**each, "seed": seed % SEED_RANGE} for each, seed in zip(each_of, seeds, strict=True)])


def _changing(request: GenerationRequest, fields: Iterable[str]) -> frozenset[str]:
    """What differs from picture to picture: what has values of its own, and what depends on a model that has."""
    changing = {name for name in fields if name != "seed"}
    if "model" in changing:
        changing |= {"model_hash", *(name for name in _OF_THE_MODEL if getattr(request, name) is None)}
    return frozenset(changing)


def _finder(catalog: Catalog) -> Callable[[str | None], ModelRecord]:
    @cache
    def find(wanted: str | None) -> ModelRecord:
        record = catalog.default() if wanted is None else catalog.get(wanted)
        if record is None:  # it went between judging and now
            text = f"the model {wanted!r} is no longer there"
            raise InvalidInput([FieldProblem(("body", "model"), text, "model_unknown")])
        return record

    return find


def _answers(
    request: GenerationRequest,
    said: Mapping[str, Any],
    names: Iterable[str],
    find: Callable[[str | None], ModelRecord],
) -> dict[str, Any]:
    record = find(said.get("model") or request.model)
    answers: dict[str, Any] = {"model": record.key, "model_hash": record.hash}
    for name in names:
        if name in answers:
            continue
        value = said.get(name)
        if value is None:
            value = getattr(request, name)
        if value is None and name in _OF_THE_MODEL:
            value = getattr(record.offer.defaults, name)
        answers[name] = float(value) if name == "cfg_scale" else value
    return {name: answers[name] for name in names}
