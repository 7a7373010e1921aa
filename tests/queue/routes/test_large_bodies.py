"""The largest bodies: the loop stays free while they are read, worked out and enqueued."""

from __future__ import annotations

import gc
import io
from collections.abc import Iterator

import pytest
from orjson import dumps

from invoke_host.testing.client import ApiClient
from invoke_host.testing.loop import LIMIT_S, watched_loop
from tests.machine import busy
from tests.queue.conftest import Line
from tests.queue.graphs import batch, datum, sd1
from tests.queue.routes.answers import ROOT

PROMPTS = [f"{k} " + "a green pear on a table, oil on canvas, " * 18 for k in range(10_000)]

#: Whatever else goes on in the machine may make the loop stand still once; what the host does shows in each of them.
TRIES = 3


@pytest.fixture(autouse=True)
def _as_a_host_that_runs_for_a_while(line: Line) -> Iterator[None]:
    """What was there before does not belong to the requests, as it does not in a host (`gc.freeze` at its start)."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("generate", {"data": [[{"field_name": "positive_prompt", "items": PROMPTS}]]}),
        ("generate", {"positive_prompt": "x", "count": 10_000}),
        ("generate", {"data": [[{"field_name": "steps", "items": [0] * 10_000}]]}),
        ("generate", {f"field {k}": k for k in range(50_000)}),
        ("generate", {"data": [[]] * 40_000}),
        (
            "enqueue_batch",
            batch(sd1(), [datum("positive_prompt:1.value", *PROMPTS), datum("seed:1.value", *range(10_000))]),
        ),
        ("enqueue_batch", {"batch": {"graph": {"nodes": {f"n{k}": {} for k in range(20_000)}}}}),
    ],
    ids=["prompts", "count", "wrong values", "unknown fields", "empty lists", "graph", "nodes"],
)
async def test_no_body_makes_the_loop_stand_still(alice: ApiClient, path: str, body: dict[str, object]) -> None:
    raw, headers = dumps(body), {"Content-Type": "application/json"}
    assert len(raw) < 8 * 1024 * 1024
    for left in reversed(range(TRIES)):
        try:
            async with watched_loop(LIMIT_S * busy()):
                answer = await alice.post(f"{ROOT}/{path}", data=io.BytesIO(raw), headers=headers)
        except AssertionError:
            if not left:
                raise
            assert (await alice.put(f"{ROOT}/clear")).status == 200
        else:
            break
    assert answer.status in (200, 201, 422), answer.text[:300]
