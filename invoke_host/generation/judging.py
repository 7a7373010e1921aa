"""What only the model catalogue knows to be wrong with a request, and what its fields say only together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import product
from typing import Any, Protocol, TypeAlias

from pydantic import TypeAdapter

from invoke_host.api import FieldProblem
from invoke_host.generation.data import Data, Datum, how_many, varied
from invoke_host.generation.fields import MAX_PICTURES, MAX_TEXT_BYTES
from invoke_host.generation.schedulers import AVAILABLE, SCHEDULERS
from invoke_host.models.service import ModelRecord

_Place: TypeAlias = tuple[str | int, ...]

#: Looking for names that were meant takes its time; who has so many wrong ones is helped with the first.
_HINTS = 10

#: Names of a field of a request, by what they say: where it stands first.
_Said: TypeAlias = dict[str | None, _Place]


class Catalog(Protocol):
    """What requests need of the model catalogue. Only `find` may look at the disk; the others answer from memory."""

    async def find(self, key_or_name: str) -> ModelRecord | None: ...
    def get(self, key_or_name: str) -> ModelRecord | None: ...
    def default(self) -> ModelRecord | None: ...
    def close_matches(self, key_or_name: str) -> Sequence[str]: ...


async def look_for_models(values: Mapping[str, Any], catalog: Catalog) -> None:
    """Let the catalogue look at the disk if a model may be new there: once, however many are unknown."""
    for name in _said(values, "model"):
        found = None if name is None else catalog.get(name)
        if name is not None and (found is None or found.problem):
            await catalog.find(name)
            return


async def find_problems(values: Mapping[str, Any], catalog: Catalog) -> list[FieldProblem]:
    """What is wrong with the values of a request that is refused for other fields; of those only what is there."""
    values = _as_read(values)
    await look_for_models(values, catalog)
    return judge(values, catalog)


def judge(values: Mapping[str, Any], catalog: Catalog) -> list[FieldProblem]:
    """Everything that is wrong with the values of a request, each right by itself; paths from `body`.

    A field that is not among the values is wrong already, and nothing is said about it.
    """
    problems = list(_whole(values))
    records: dict[str | None, ModelRecord | None] = {}
    if "model" in values:
        for name, place in _said(values, "model").items():
            records[name] = _model(name, place, catalog, problems)
    if "scheduler" in values:
        _judge_schedulers(values, records, problems)
    return problems


def _as_read(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values of a body as its model reads them."""
    return values if not values.get("data") else {**values, "data": _DATA.validate_python(values["data"])}


def _whole(values: Mapping[str, Any]) -> Iterator[FieldProblem]:
    data: Sequence[Sequence[Datum]] | None = values.get("data") or ()
    fields = varied(data or ())
    if "positive_prompt" in values and "data" in values:
        said = values["positive_prompt"] is not None
        if not said and "positive_prompt" not in fields:
            yield FieldProblem(("body", "positive_prompt"), "Field required", "missing")
    if "data" in values and "count" in values and "runs" in values:
        pictures = how_many(data or ()) * values["count"] * values["runs"]
        if pictures > MAX_PICTURES:
            where = "data" if data else "runs"
            text = f"asks for {pictures} pictures; one request may ask for {MAX_PICTURES}"
            yield FieldProblem(("body", where), text, "too_many_pictures")
        elif (size := pictures * _text_of_one(data or ())) > MAX_TEXT_BYTES:
            text = (
                f"the texts of all {pictures} pictures come to {size >> 20} MiB, as each has its own; one request may "
                f"have {MAX_TEXT_BYTES >> 20}. Send it in parts, or shorter texts."
            )
            yield FieldProblem(("body", "data"), text, "too_much_text")


def _text_of_one(data: Sequence[Sequence[Datum]]) -> int:
    """Bytes of the texts of its own that a picture has on average, rounded up: each value of a list comes as often."""
    lists = (datum.items for each in data for datum in each)
    return sum(-(-sum(len(item.encode()) for item in items if isinstance(item, str)) // len(items)) for items in lists)


def _said(values: Mapping[str, Any], field: str) -> _Said:
    """What the request says in a field, and where first; null where it says nothing."""
    if values.get("data"):
        place = varied(values["data"]).get(field)
        if place is not None:
            i, j = place
            said: _Said = {}
            for k, name in enumerate(values["data"][i][j].items):
                said.setdefault(values.get(field) if name is None else name, ("body", "data", i, j, "items", k))
            return said
    return {values[field]: ("body", field)} if field in values else {}


def _judge_schedulers(
    values: Mapping[str, Any], records: Mapping[str | None, ModelRecord | None], problems: list[FieldProblem]
) -> None:
    places = _said(values, "scheduler")
    told: set[str | None] = {name for name, place in places.items() if name and _refused(name, place, problems)}
    right = {name: place for name, place in places.items() if name not in told}
    models = [record for record in records.values() if record]
    for name, record in _pairs(values, right, models, records):
        if name not in told and _does_not_work(name, record, right[name], problems):
            told.add(name)


def _pairs(
    values: Mapping[str, Any],
    schedulers: _Said,
    models: Sequence[ModelRecord],
    records: Mapping[str | None, ModelRecord | None],
) -> Iterable[tuple[str | None, ModelRecord]]:
    """Which scheduler goes with which model."""
    fields = varied(values.get("data") or ())
    at, beside = fields.get("scheduler"), fields.get("model")
    if at is None or beside is None or at[0] != beside[0]:
        return product(schedulers, models)
    rows = zip(*(values["data"][i][j].items for i, j in (at, beside)), strict=True)
    said = dict.fromkeys((one or values.get("scheduler"), other or values.get("model")) for one, other in rows)
    return [(one, record) for one, other in said if one in schedulers and (record := records.get(other))]


def _model(wanted: str | None, loc: _Place, catalog: Catalog, problems: list[FieldProblem]) -> ModelRecord | None:
    record = catalog.get(wanted) if wanted is not None else catalog.default()
    if record is None and wanted is None:
        problems.append(FieldProblem(loc, "this host has no default model; name one", "model_missing"))
    elif record is None:
        hint = _hint(catalog.close_matches(wanted or "") if len(problems) < _HINTS else ())
        problems.append(FieldProblem(loc, f"there is no model {wanted!r}{hint}", "model_unknown"))
    elif record.problem:
        text = f"the model {record.offer.name!r} can't be used: {record.problem}"
        problems.append(FieldProblem(loc, text, "model_unusable"))
    return record


def _refused(name: str, loc: _Place, problems: list[FieldProblem]) -> bool:
    """Can no model be used with this scheduler? Then it is among the problems."""
    spec = SCHEDULERS.get(name)
    if spec is None:
        hint = _hint(get_close_matches(name, AVAILABLE, n=3) if len(problems) < _HINTS else ())
        problems.append(FieldProblem(loc, f"there is no scheduler {name!r}{hint}", "scheduler_unknown"))
    elif spec.unavailable:
        problems.append(FieldProblem(loc, f"{name!r} can't be used: {spec.unavailable}", "scheduler_unavailable"))
    else:
        return False
    return True


def _does_not_work(name: str | None, record: ModelRecord, loc: _Place, problems: list[FieldProblem]) -> bool:
    """Is it no scheduler for this model? Then it is among the problems. None: the model's own."""
    offer = record.offer
    if name is None:
        return _refused(offer.defaults.scheduler, loc, problems)
    if offer.schedulers is None or name in offer.schedulers:
        return False
    works = ", ".join(sorted(offer.schedulers & AVAILABLE))
    reason = f" ({offer.refusals[name]})" if name in offer.refusals else ""
    text = f"{name!r} does not work with the model {offer.name!r}{reason}; these do: {works}"
    problems.append(FieldProblem(loc, text, "scheduler_unsupported"))
    return True


def _hint(near: Iterable[str]) -> str:
    names = " or ".join(map(repr, near))
    return f"; did you mean {names}?" if names else ""


_DATA: TypeAdapter[list[list[Datum]]] = TypeAdapter(Data)
