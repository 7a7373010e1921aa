"""Listens to a host's event stream on a thread, as a browser does."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import orjson

from tests.machine import busy

from .client import Client
from .process import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Heard:
    """One event as it came; `id` is None for passing ones."""

    kind: str
    id: int | None
    data: dict[str, Any]


class Listener:
    """A context manager: listens from `__enter__` (the stream is open then) until its end."""

    def __init__(self, client: Client, *, last_event_id: int | None = None) -> None:
        headers = {**client.headers, "Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        self._connection = http.client.HTTPConnection(client.host, client.port, timeout=PATIENCE_S)
        self._headers = headers
        self._events: list[Heard] = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="listener", daemon=True)

    def __enter__(self) -> Self:
        self._connection.request("GET", "/api/v1/events", headers=self._headers)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.read()
        assert self._answer.headers.get_content_type() == "text/event-stream"
        assert self._answer.readline().startswith(b"retry:")  # sent once the host has registered this listener
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._connection.sock is not None:
            self._connection.sock.shutdown(2)
        self._thread.join(PATIENCE_S)
        self._answer.close()
        self._connection.close()

    @property
    def events(self) -> list[Heard]:
        """What has been heard until now."""
        with self._changed:
            return list(self._events)

    @property
    def kept(self) -> list[Heard]:
        """Those of them that have an id."""
        return [event for event in self.events if event.id is not None]

    def until(self, what: str, enough: Callable[[Heard], bool], *, times: int = 1) -> Heard:
        """The event with which it has been heard so often."""
        with self._changed:

            def found() -> Heard | None:
                hits = [event for event in self._events if enough(event)]
                return hits[times - 1] if len(hits) >= times else None

            self._changed.wait_for(lambda: found() or self._ended, PATIENCE_S)
            event = found()
        assert event is not None, f"not heard: {what}; heard were {self._events}"
        return event

    def ended(self, *, within_s: float = PATIENCE_S) -> bool:
        """Does the host end the stream in time, as far as it depends on the host?"""
        with self._changed:
            return self._changed.wait_for(lambda: self._ended, within_s * busy())

    def status(self, item_id: int, *wanted: str) -> Heard:
        """The event by which an item came into one of these states."""
        return self.until(
            f"item {item_id} becomes {' or '.join(wanted)}",
            lambda event: (
                event.kind == "queue_item_status_changed"
                and event.data["item_id"] == item_id
                and event.data["status"] in wanted
            ),
        )

    def step(self, item_id: int, at_least: int = 1) -> Heard:
        """The event of a denoising step."""
        return self.until(
            f"step {at_least} of item {item_id}",
            lambda event: (
                event.kind == "progress" and event.data["item_id"] == item_id and event.data["step"] >= at_least
            ),
        )

    def progress(self, item_id: int) -> list[int]:
        """The steps of an item that were heard of, in order."""
        return [e.data["step"] for e in self.events if e.kind == "progress" and e.data["item_id"] == item_id]

    def statuses(self, item_id: int) -> list[str]:
        """The states of an item that were heard of, in order."""
        return [
            event.data["status"]
            for event in self.events
            if event.kind == "queue_item_status_changed" and event.data["item_id"] == item_id
        ]

    def _read(self) -> None:
        fields: dict[str, str] = {}
        try:
            while line := self._answer.readline():
                text = line.decode().rstrip("\r\n")
                if text:
                    name, _, value = text.partition(": ")
                    fields[name] = value
                elif "event" in fields:
                    number = fields.get("id")
                    event = Heard(fields["event"], int(number) if number else None, orjson.loads(fields["data"]))
                    with self._changed:
                        self._events.append(event)
                        self._changed.notify_all()
                    fields = {}
                else:
                    fields = {}
        except (OSError, ValueError, http.client.HTTPException):
            pass  # the stream was closed, by either side
        with self._changed:
            self._ended = True
            self._changed.notify_all()
