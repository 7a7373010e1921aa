"""A small client of the host's HTTP API, for the commands that talk to a running host."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from invoke_host.cli.errors import CliError, ExitCode

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

_QUEUE = "/api/v1/queue/default"
_IMAGES = "/api/v1/images"

#: What a token may be made of (RFC 6750, section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)

#: Ids that `items_by_ids` takes in one request.
IDS_AT_ONCE = 1000

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
    """One event of the stream: its kind and payload."""

    kind: str
    payload: Mapping[str, Any]


class HostClient:
    """Requests to one host. Every method raises CliError with the host's own words when it refuses."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self._session = session
        self.url = url.rstrip("/")

    async def generate(self, body: Mapping[str, Any], idempotency_key: str) -> dict[str, Any]:
        """Enqueue; the answer has `batch.batch_id` and `item_ids`. Repeating it with the same key changes nothing."""
        answer = await self._json("POST", f"{_QUEUE}/generate", json=body, headers={"Idempotency-Key": idempotency_key})
        return dict(answer)

    async def item_ids(self) -> list[int]:
        """Ids of the newest 10,000 items, newest first."""
        answer = await self._json("GET", f"{_QUEUE}/item_ids")
        return [int(each) for each in answer["item_ids"]]

    async def items(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        """Those items that exist, in the order of `ids`."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            part = {"item_ids": list(ids[start : start + IDS_AT_ONCE])}
            found += await self._json("POST", f"{_QUEUE}/items_by_ids", json=part)
        return found

    async def cancel_item(self, item_id: int) -> dict[str, Any]:
        """Cancel one item and return it; no change if it is finished."""
        return dict(await self._json("PUT", f"{_QUEUE}/i/{item_id}/cancel"))

    async def cancel_waiting(self) -> int:
        """Cancel everything that waits; what runs goes on. Returns how many were canceled."""
        return int((await self._json("PUT", f"{_QUEUE}/cancel_all_except_current"))["canceled"])

    async def cancel_batches(self, batch_ids: Sequence[str]) -> int:
        """Cancel what is unfinished of some batches. Returns how many items were canceled."""
        body = {"batch_ids": list(batch_ids)}
        return int((await self._json("PUT", f"{_QUEUE}/cancel_by_batch_ids", json=body))["canceled"])

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

    async def events(self) -> AsyncIterator[StreamEvent]:
        """What happens from now on; ends when the host closes the stream. The first yield is kind `open`."""
        from aiohttp import ClientTimeout

        patient = ClientTimeout(total=None, sock_read=60)  # the host sends a comment every 15 s
        async with self._request("GET", "/api/v1/events", timeout=patient) as response:
            yield StreamEvent("open", {})
            kind, data = "message", ""
            async for raw in response.content:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                name, _, value = line.partition(":")
                if name == "event":
                    kind = value.strip()
                elif name == "data":
                    data += value.strip()
                elif not line and data:
                    yield StreamEvent(kind, json.loads(data))
                    kind, data = "message", ""

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
                if response.status >= 400:
                    raise await _refusal(response, self.url)
                yield response
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise CliError(f"no host answers at {self.url} ({reason})", ExitCode.UNHEALTHY) from error


@asynccontextmanager
async def connect(url: str, token: str | None = None) -> AsyncIterator[HostClient]:
    """A client of the host at `url`, closed at the end; `token` goes out with every request.

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
        yield HostClient(session, url)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


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
