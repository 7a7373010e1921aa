"""A small client of the host's HTTP API, for the commands that talk to a running host."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from invoke_host.cli.errors import CliError, ExitCode
from invoke_host.clock import SystemClock

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

_IMAGES = "/api/v1/images"

#: What a token may be made of (RFC 6750, section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)

#: Items of one request and of one answer.
IDS_AT_ONCE = 1000

#: The queue of the user interface.
DEFAULT_QUEUE = "default"

_CODES = {
    400: ExitCode.USAGE,
    401: ExitCode.REFUSED,
    403: ExitCode.REFUSED,
    404: ExitCode.NOT_FOUND,
    410: ExitCode.NOT_FOUND,
    422: ExitCode.USAGE,
    503: ExitCode.UNHEALTHY,
}


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of the stream: its kind, its payload, and its id, which passing events lack."""

    kind: str
    payload: Mapping[str, Any]
    id: str | None = None


class HostClient:
    """Requests to one host. Every method raises CliError with the host's own words when it refuses."""

    def __init__(self, session: ClientSession, url: str, queue_id: str = DEFAULT_QUEUE) -> None:
        self._session = session
        self._queue = f"/api/v1/queue/{quote(queue_id, safe='')}"
        self.url = url.rstrip("/")
        self.host_time = SystemClock().now()  # as of the last answer: estimates are told by the host's clock

    async def whoami(self) -> str:
        """The user id of the caller; `system` in single-user mode."""
        return str((await self._json("GET", "/api/v1/auth/me"))["user_id"])

    async def generate(self, body: Mapping[str, Any], idempotency_key: str) -> dict[str, Any]:
        """Enqueue; the answer has `batch.batch_id` and `item_ids`. Repeating it with the same key changes nothing."""
        headers = {"Idempotency-Key": idempotency_key}
        return dict(await self._json("POST", f"{self._queue}/generate", json=body, headers=headers))

    async def status(self) -> dict[str, Any]:
        """Counts over all users, the caller's own, and the processor."""
        return dict(await self._json("GET", f"{self._queue}/status"))

    async def item(self, item_id: int) -> dict[str, Any]:
        """One item."""
        return dict(await self._json("GET", f"{self._queue}/i/{item_id}"))

    async def items(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        """Those items that exist, in the order of `ids`."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            part = {"item_ids": list(ids[start : start + IDS_AT_ONCE])}
            found += await self._json("POST", f"{self._queue}/items_by_ids", json=part)
        return found

    async def newest(
        self,
        limit: int | None = None,
        *,
        status: str | None = None,
        batch_id: str | None = None,
        mine: bool = False,
    ) -> list[dict[str, Any]]:
        """Items, the newest first: of one status, one batch, the caller's own; all of them without `limit`."""
        filters = {"status": status, "batch_id": batch_id, "mine": "true" if mine else None}
        given = {key: value for key, value in filters.items() if value is not None}
        found: list[dict[str, Any]] = []
        while limit is None or len(found) < limit:
            wanted = IDS_AT_ONCE if limit is None else min(IDS_AT_ONCE, limit - len(found))
            before = {"before": str(found[-1]["item_id"])} if found else {}
            params = {**given, **before, "limit": str(wanted)}
            page = await self._json("GET", f"{self._queue}/list_all", params=params)
            found += reversed(page)
            if not page:  # one with fewer than were asked for may be cut because they are large
                break
        return found

    async def next_of_mine(self) -> dict[str, Any] | None:
        """The first of the caller's waiting items in the line, or None."""
        found = await self._json("GET", f"{self._queue}/line", params={"mine": "true", "limit": "1"})
        return dict(found[0]) if found else None

    async def unfinished(self, *, batch_id: str | None = None, mine: bool = False) -> list[dict[str, Any]]:
        """Items that wait or run, in no order."""
        # What waits first: an item that is started in between is then met twice, and not missed.
        rows = await self.newest(status="pending", batch_id=batch_id, mine=mine)
        rows += await self.newest(status="in_progress", batch_id=batch_id, mine=mine)
        return list({row["item_id"]: row for row in rows}.values())

    async def cancel_item(self, item_id: int) -> dict[str, Any]:
        """Cancel one item and return it; no change if it is finished."""
        return dict(await self._json("PUT", f"{self._queue}/i/{item_id}/cancel"))

    async def cancel_waiting(self) -> int:
        """Cancel everything that waits; what runs goes on. Returns how many were canceled."""
        return int((await self._json("PUT", f"{self._queue}/cancel_all_except_current"))["canceled"])

    async def cancel_batches(self, batch_ids: Sequence[str]) -> int:
        """Cancel what is unfinished of some batches. Returns how many items were canceled."""
        body = {"batch_ids": list(batch_ids)}
        return int((await self._json("PUT", f"{self._queue}/cancel_by_batch_ids", json=body))["canceled"])

    async def cancel_destination(self, destination: str) -> int:
        """Cancel what is unfinished for a destination. Returns how many items were canceled."""
        params = {"destination": destination}
        return int((await self._json("PUT", f"{self._queue}/cancel_by_destination", params=params))["canceled"])

    async def retry(self, ids: Sequence[int]) -> dict[int, int]:
        """Enqueue failed and canceled items again: the new id of each that was. At most 1000 ids; all or nothing."""
        answer = await self._json("PUT", f"{self._queue}/retry_items_by_id", json=list(ids))
        return dict(zip(answer["retried_item_ids"], answer["new_item_ids"], strict=True))

    async def delete_item(self, item_id: int) -> None:
        """Remove an item, stopping it if it runs."""
        await self._json("DELETE", f"{self._queue}/i/{item_id}")

    async def delete_waiting(self) -> int:
        """Remove everything that waits. Returns how many items were removed."""
        return int((await self._json("PUT", f"{self._queue}/delete_all_except_current"))["deleted"])

    async def delete_destination(self, destination: str) -> int:
        """Remove all items for a destination, running ones too. Returns how many."""
        path = f"{self._queue}/d/{quote(destination, safe='')}"
        return int((await self._json("DELETE", path))["deleted"])

    async def prune(self, *, mine: bool = False) -> int:
        """Remove what is finished, for administrators everybody's unless `mine`. Returns how many were removed."""
        params = {"mine": "true"} if mine else {}
        return int((await self._json("PUT", f"{self._queue}/prune", params=params))["deleted"])

    async def clear(self) -> int:
        """Remove everything, stopping what runs. Returns how many items were removed."""
        return int((await self._json("PUT", f"{self._queue}/clear"))["deleted"])

    async def set_paused(self, paused: bool, *, mine: bool) -> dict[str, Any]:
        """Stop or resume starting items of this queue, or the caller's own."""
        verb = "pause" if paused else "resume"
        path = f"{self._queue}/{'own' if mine else 'processor'}/{verb}"
        return dict(await self._json("PUT", path))

    async def metadata(self, image_name: str) -> dict[str, Any]:
        """The generation metadata of an image; empty if it has none."""
        return dict(await self._json("GET", f"{_IMAGES}/i/{image_name}/metadata") or {})

    async def image(self, image_name: str) -> bytes:
        """The bytes of the PNG file."""
        async with self._request("GET", f"{_IMAGES}/i/{image_name}/full") as response:
            return await response.read()

    async def is_ready(self) -> bool:
        """Whether `/readyz` says that the host can do its work; False also when nobody answers."""
        try:
            async with self._request("GET", "/readyz"):
                return True
        except CliError:
            return False

    async def check(self) -> None:
        """Raise CliError unless a host answers at this URL."""
        await self._json("GET", "/api/v1/app/version")

    async def events(self, after: str | None = None) -> AsyncIterator[StreamEvent]:
        """What happens from now on, or after the event with that id; ends when the host closes the stream.

        The first yield is of kind `open`.
        """
        from aiohttp import ClientTimeout

        patient = ClientTimeout(total=None, sock_read=60)  # the host sends a comment every 15 s
        headers = {} if after is None else {"Last-Event-ID": after}
        async with self._request("GET", "/api/v1/events", timeout=patient, headers=headers) as response:
            yield StreamEvent("open", {})
            kind, data, id_ = "message", "", None
            async for raw in response.content:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                name, _, value = line.partition(":")
                if name == "event":
                    kind = value.strip()
                elif name == "id":
                    id_ = value.strip()
                elif name == "data":
                    data += value.strip()
                elif not line and data:
                    yield StreamEvent(kind, json.loads(data), id_)
                    kind, data, id_ = "message", "", None

    async def _json(self, method: str, path: str, **options: Any) -> Any:
        async with self._request(method, path, **options) as response:
            try:
                return await response.json()
            except ValueError as error:
                raise CliError(f"{self.url} does not answer like an Invoke Host ({path}: no JSON)") from error

    @asynccontextmanager
    async def _request(self, method: str, path: str, **options: Any) -> AsyncIterator[ClientResponse]:
        import aiohttp

        try:
            async with self._session.request(method, self.url + path, **options) as response:
                self.host_time = _date(response) or self.host_time
                if response.status >= 400:
                    raise await _refusal(response, self.url)
                yield response
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise CliError(f"no host answers at {self.url} ({reason})", ExitCode.UNHEALTHY) from error


@asynccontextmanager
async def connect(url: str, token: str | None = None, queue_id: str = DEFAULT_QUEUE) -> AsyncIterator[HostClient]:
    """A client of one queue of the host at `url`, closed at the end; `token` goes out with every request.

    Raises:
        CliError: that is no URL, or no token; a token is never quoted.
    """
    if not _is_url(url):
        raise CliError(f"{url!r} is not a URL; write it like http://127.0.0.1:9090", ExitCode.USAGE)
    if token is not None and not _TOKEN.fullmatch(token):
        raise CliError("the token of --token or INVOKE_HOST_TOKEN has characters that no token has", ExitCode.USAGE)
    from aiohttp import ClientSession, ClientTimeout

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with ClientSession(headers=headers, timeout=ClientTimeout(total=60, sock_connect=5)) as session:
        yield HostClient(session, url, queue_id)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


def _date(response: ClientResponse) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return None


async def _refusal(response: ClientResponse, url: str) -> CliError:
    """The host's `detail` as an error of ours: a sentence, or for invalid input one line per field."""
    try:
        detail: Any = json.loads(await response.text())["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.reason or "no reason given"
    if isinstance(detail, list):
        detail = "\n".join(f"{_field(each.get('loc', ()))}: {each.get('msg', '')}" for each in detail)
    text = str(detail) if response.status in _CODES else f"{detail} (status {response.status})"
    if response.status == 401:
        text += f"\nlog in at {url} in a browser, make an API token there, and pass it in INVOKE_HOST_TOKEN or --token"
    return CliError(text, _CODES.get(response.status, ExitCode.FAILED))


def _field(loc: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in loc if part not in ("body", "query", "path")) or "request"
