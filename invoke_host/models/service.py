"""Which models there are: those that plugins offer, and the folders under `<root>/models`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from invoke_host.api import ModelDefaults, ModelOffer, ModelUnusable, StartupError
from invoke_host.models.layout import FolderFacts, inspect_folder


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model as listed. `facts` is None and `problem` one sentence where the folder can't be used."""

    offer: ModelOffer
    facts: FolderFacts | None
    problem: str | None = None

    @property
    def key(self) -> str:
        """Unique name in requests and URLs."""
        return self.offer.key

    @property
    def hash(self) -> str:
        """Fingerprint of the weights, empty for an unusable model."""
        return self.facts.hash if self.facts else ""


class ModelCatalog:
    """All known models, read from disk at construction and again by `refresh()`.

    Raises:
        StartupError: two plugins offer the same key, or `default` names no known model.
    """

    def __init__(self, offers: Iterable[ModelOffer], models_dir: Path | None, *, default: str | None = None) -> None:
        self._models_dir = models_dir
        self._seen: dict[Path, tuple[int, ModelRecord]] = {}
        self._offered = [_record(offer) for offer in offers]
        keys = [record.key for record in self._offered]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise StartupError(
                f"two plugins offer a model with the key {twice[0]!r}; remove one of them from [plugins] load"
            )
        self._records: dict[str, ModelRecord] = {}
        self.refresh()
        if default is not None and self._find(default) is None:
            known = ", ".join(sorted(self._records)) or "none"
            raise StartupError(f"generation.default_model: there is no model {default!r}; known models: {known}")
        self._default = default

    def refresh(self) -> None:
        """Look at the models folder again. Only new or changed folders are read; blocks for milliseconds."""
        records = {record.key: record for record in self._offered}
        for index_file in sorted(self._models_dir.glob("*/model_index.json")) if self._models_dir else []:
            record = self._scan(index_file)
            records.setdefault(record.key, record)  # a plugin's key wins over a folder of the same name
        self._records = records

    def list(self) -> Sequence[ModelRecord]:
        """All models, by name; unusable ones too, with their `problem`."""
        return sorted(self._records.values(), key=lambda record: (record.offer.name.lower(), record.key))

    def get(self, key_or_name: str) -> ModelRecord | None:
        """The model with that key, else the one with that name; looks at the disk again before it says None."""
        found = self._find(key_or_name)
        if found is None:
            self.refresh()
            found = self._find(key_or_name)
        return found

    def require(self, key: str) -> ModelRecord:
        """The usable model with that key.

        Raises:
            ModelUnusable: it is gone, or its folder can't be used; the text says which and why.
        """
        record = self.get(key)
        if record is None:
            raise ModelUnusable(f"the model {key!r} is no longer there")
        if record.problem:
            raise ModelUnusable(f"the model {record.offer.name!r} can't be used: {record.problem}")
        return record

    def default(self) -> ModelRecord | None:
        """The configured model, else the first usable one that calls itself default, else the only usable one."""
        if self._default is not None:
            return self._find(self._default)
        usable = [record for record in self.list() if record.problem is None]
        marked = [record for record in usable if record.offer.default]
        return marked[0] if marked else usable[0] if len(usable) == 1 else None

    def close_matches(self, key_or_name: str) -> Sequence[str]:
        """Up to three keys that the caller may have meant."""
        names = {alias: record.key for record in self._records.values() for alias in (record.offer.name, record.key)}
        found = get_close_matches(key_or_name, names, n=3, cutoff=0.5)
        return list(dict.fromkeys(names[alias] for alias in found))

    def _find(self, key_or_name: str) -> ModelRecord | None:
        by_key = self._records.get(key_or_name)
        return by_key or next((r for r in self._records.values() if r.offer.name == key_or_name), None)

    def _scan(self, index_file: Path) -> ModelRecord:
        changed_ns = _last_change_ns(index_file.parent)
        known = self._seen.get(index_file)
        if known is None or known[0] != changed_ns:
            known = self._seen[index_file] = (changed_ns, _folder_record(index_file.parent))
        return known[1]


def _record(offer: ModelOffer) -> ModelRecord:
    try:
        return ModelRecord(offer, inspect_folder(offer.path))
    except ModelUnusable as error:
        return ModelRecord(offer, None, str(error))


def _folder_record(folder: Path) -> ModelRecord:
    offer = ModelOffer(key=folder.name, name=folder.name, path=folder, source=folder.name)
    try:
        facts = inspect_folder(folder)
    except ModelUnusable as error:
        return ModelRecord(offer, None, str(error))
    side = facts.native_px
    offer = ModelOffer(
        key=folder.name,
        name=folder.name,
        path=folder,
        base=facts.base,
        source=folder.name,
        defaults=ModelDefaults(width=side, height=side),
    )
    return ModelRecord(offer, facts)


def _last_change_ns(folder: Path) -> int:
    """Newest modification of the folder, its components and their files: a few dozen stat calls."""
    newest = folder.stat().st_mtime_ns
    for entry in folder.rglob("*"):
        newest = max(newest, entry.stat().st_mtime_ns)
    return newest
