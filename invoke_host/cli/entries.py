"""Entries of the audit log as lines of text, JSON and CSV."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from invoke_host.audit.schema import AuditEntryDTO, entry_dto
from invoke_host.audit.service import AuditLog
from invoke_host.audit.store import MARGIN, Filters
from invoke_host.cli.errors import CliError
from invoke_host.clock import timestamp
from invoke_host.masking import one_line

if TYPE_CHECKING:
    from invoke_host.audit.store import Entry
    from invoke_host.cli.accounts import Accounts

#: Entries read at once.
_PAGE = 1000

#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_text(entry: Entry) -> str:
    """One line for people."""
    who = entry.actor_name or "nobody"
    where = f" from {entry.address}" if entry.address else ""
    about = f" {entry.target_type} {entry.target_name or entry.target_id or ''}".rstrip() if entry.target_type else ""
    more = "" if entry.details == "{}" else f" {entry.details}"
    return one_line(f"{entry.at} {entry.action} {entry.outcome}:{about} by {who} ({entry.via}){where}{more}")


def as_jsonl(entry: Entry) -> str:
    """One line for programs, with the keys of `GET /api/v1/audit/`."""
    return json.dumps(entry_dto(entry), ensure_ascii=False)


def between(accounts: Accounts, since: datetime | None, until: datetime | None) -> Iterator[Entry]:
    """Entries of that time, oldest first, read in pages."""
    log = AuditLog(accounts.services.storage)
    wanted = Filters(since=since, until=until)
    over = None if until is None else timestamp(until + MARGIN)
    last = 0 if since is None else _before(accounts, log, since - MARGIN)
    while page := accounts.run(log.after(last, _PAGE)):
        yield from filter(wanted.match, page)
        last = page[-1].id
        if over is not None and page[-1].at >= over:
            return


def write_jsonl(entries: Iterable[Entry], file: IO[str]) -> int:
    """Write one JSON object per line; returns how many."""
    count = 0
    for count, entry in enumerate(entries, start=1):  # noqa: B007 - its last value is the result
        file.write(as_jsonl(entry) + "\n")
    return count


def write_csv(entries: Iterable[Entry], file: IO[str]) -> int:
    """Write a table with a line of headings; returns how many entries. No cell is taken for a formula."""
    writer = csv.DictWriter(file, list(AuditEntryDTO.model_fields), lineterminator="\n")
    writer.writeheader()
    count = 0
    for count, entry in enumerate(entries, start=1):  # noqa: B007 - its last value is the result
        row = entry_dto(entry) | {"details": entry.details}
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return count


@contextmanager
def whole_file(output: Path) -> Iterator[IO[str]]:
    """A file that is there whole or not at all, for its owner alone. A device or a pipe is written to as it is.

    Raises:
        CliError: it can't be written.
    """
    try:
        if output.exists() and not output.is_file():
            with output.open("w", encoding="utf-8") as file:
                yield file
            return
        handle, part = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.absolute().parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(part).replace(output)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CliError(f"{output}: can't be written: {error.strerror}") from error


def _before(accounts: Accounts, log: AuditLog, moment: datetime) -> int:
    """The id of the last entry before that moment, 0 if there is none."""
    before: int | None = None
    while True:
        page = accounts.run(log.page(Filters(until=moment), limit=1, before=before))
        if page.entries:
            return page.entries[0].id
        if page.next_before is None:
            return 0
        before = page.next_before


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
