"""Which models there are: those that plugins offer, and the folders under `<root>/models`."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

from invoke_host.api import ModelDefaults, ModelOffer, ModelUnusable, StartupError
from invoke_host.models.layout import FolderFacts, inspect_folder

#: What tells that something changed in a folder: path, modification, change of permissions, size.
_Trace = frozenset[tuple[str, int, int, int]]


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

    `find`, `require` and `look_again` belong to the event loop and read the disk in a thread; the other methods answer
    from memory.

    Raises:
        StartupError: two plugins offer the same key, `default` names no known model, or the folder can't be read.
    """

    def __init__(self, offers: Iterable[ModelOffer], models_dir: Path | None, *, default: str | None = None) -> None:
        self._models_dir = models_dir
        self._seen: dict[Path, tuple[_Trace, ModelRecord]] = {}
        self._refreshing = threading.Lock()
        self._looking = asyncio.Lock()
        self._looks_begun = self._look_finished = 0
        self._offered = [_record(offer) for offer in offers]
        keys = [record.key for record in self._offered]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise StartupError(
                f"two plugins offer a model with the key {twice[0]!r}; remove one of them from [plugins] load"
            )
        self._records: dict[str, ModelRecord] = {}
        try:
            self.refresh()
        except OSError as error:
            raise StartupError(f"the models folder {models_dir} can't be read: {error.strerror}") from error
        if default is not None and self.get(default) is None:
            known = ", ".join(sorted(self._records)) or "none"
            raise StartupError(f"generation.default_model: there is no model {default!r}; known models: {known}")
        self._default = default

    def refresh(self) -> None:
        """Look at the models folder again, from any thread. Only new or changed folders are read; blocks for that.

        Raises:
            OSError: the models folder itself can't be read; what was known stays known.
        """
        with self._refreshing:
            records = {record.key: record for record in self._offered}
            seen = {folder: self._scan(folder) for folder in _model_folders(self._models_dir)}
            for _, record in seen.values():
                records.setdefault(record.key, record)  # a plugin's key wins over a folder of the same name
            self._seen, self._records = seen, records

    async def look_again(self) -> None:
        """`refresh` in a thread: one at a time, shared by all who ask while it is not begun yet.

        A models folder that can't be read for a while (a network drive) leaves the catalogue as it is.
        """
        before = self._looks_begun
        async with self._looking:
            if self._look_finished > before:
                return
            self._looks_begun = this = self._looks_begun + 1
            with suppress(OSError):
                await asyncio.to_thread(self.refresh)
            self._look_finished = this

    def list(self) -> Sequence[ModelRecord]:
        """All models, by name; unusable ones too, with their `problem`."""
        return sorted(self._records.values(), key=lambda record: (record.offer.name.lower(), record.key))

    def get(self, key_or_name: str) -> ModelRecord | None:
        """The model with that key, else with that name, else one that was called so, as it was at the last look.

        None = unknown.
        """
        by_key = self._records.get(key_or_name)
        if by_key is not None:
            return by_key
        by_name = (record for record in self._records.values() if record.offer.name == key_or_name)
        by_former = (record for record in self._records.values() if key_or_name in record.offer.formerly)
        return next(chain(by_name, by_former), None)

    async def find(self, key_or_name: str) -> ModelRecord | None:
        """The same, after another look at the disk if it is unknown or could not be used."""
        found = self.get(key_or_name)
        if found is None or found.problem:
            await self.look_again()
            found = self.get(key_or_name)
        return found

    async def require(self, key: str) -> ModelRecord:
        """The usable model with that key, looked for on the disk if it is not known.

        Raises:
            ModelUnusable: it is gone, or its folder can't be used; the text says which and why.
        """
        record = await self.find(key)
        if record is None:
            raise ModelUnusable(f"the model {key!r} is no longer there")
        if record.problem:
            raise ModelUnusable(f"the model {record.offer.name!r} can't be used: {record.problem}")
        return record

    def default(self) -> ModelRecord | None:
        """The configured model, else the first usable one that calls itself default, else the only usable one."""
        if self._default is not None:
            return self.get(self._default)
        usable = [record for record in self.list() if record.problem is None]
        marked = [record for record in usable if record.offer.default]
        return marked[0] if marked else usable[0] if len(usable) == 1 else None

    def close_matches(self, key_or_name: str) -> Sequence[str]:
        """Up to three keys that the caller may have meant."""
        names = {alias: record.key for record in self._records.values() for alias in (record.offer.name, record.key)}
        found = get_close_matches(key_or_name, names, n=3, cutoff=0.5)
        return list(dict.fromkeys(names[alias] for alias in found))

    def _scan(self, folder: Path) -> tuple[_Trace, ModelRecord]:
        trace = frozenset(_traces(folder))
        known = self._seen.get(folder)
        return known if known and known[0] == trace else (trace, _folder_record(folder))


def _record(offer: ModelOffer) -> ModelRecord:
    try:
        return ModelRecord(offer, inspect_folder(offer.path))
    except ModelUnusable as error:
        return ModelRecord(offer, None, str(error))


def _folder_record(folder: Path) -> ModelRecord:
    name = os.fsencode(folder.name).decode(errors="replace")
    offer = ModelOffer(key=name, name=name, path=folder.with_name(name), source=name)
    if name != folder.name:
        return ModelRecord(offer, None, "the name of its folder is not UTF-8; rename it")
    try:
        facts = inspect_folder(folder)
    except ModelUnusable as error:
        return ModelRecord(offer, None, str(error))
    side = facts.native_px
    defaults = ModelDefaults(width=side, height=side)
    return ModelRecord(replace(offer, base=facts.base, defaults=defaults), facts)


def _model_folders(models_dir: Path | None) -> list[Path]:
    """Folders with a `model_index.json`, and those that don't let anybody see whether they have one."""
    if models_dir is None:
        return []
    try:
        return sorted(entry for entry in models_dir.iterdir() if _may_be_model(entry))
    except FileNotFoundError:
        return []


def _may_be_model(entry: Path) -> bool:
    try:
        (entry / "model_index.json").lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # `inspect_folder` tells why it can't be used
    return True


def _traces(folder: Path) -> Iterator[tuple[str, int, int, int]]:
    """The folder, its components and their files: a few dozen stat calls. What can't be read is part of the trace."""
    yield _trace(folder)
    for entry in _entries(folder):
        yield _trace(entry)
        for file in _entries(entry):
            yield _trace(file)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # a file, a link to nothing, no permission, or gone by now
        return []


def _trace(path: Path) -> tuple[str, int, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (str(path), 0, 0, 0)
    return (str(path), stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size)
