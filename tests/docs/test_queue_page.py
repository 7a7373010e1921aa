"""docs/reference/queue.md names every route and every key of an item."""

from __future__ import annotations

import re
from pathlib import Path

from invoke_host.queue.routes import ROUTES
from invoke_host.queue.schema import QueueItemDTO, QueueItemSummary

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "queue.md").read_text()


def test_the_routes_on_the_page_are_those_of_the_table() -> None:
    section = PAGE.partition("## Routes")[2].partition("\n## ")[0]
    shown = set(re.findall(r"`(GET|POST|PUT|DELETE) (/[^`]*)`", section))
    assert shown == {(route.method, route.path.removeprefix("/api/v1/queue/{queue_id}")) for route in ROUTES}


def test_the_defects_of_the_reference_that_are_not_there_are_told() -> None:
    section = PAGE.partition("## Differences from InvokeAI")[2]
    told = {
        "D1": "named like a room",
        "D2": "with the id of another queue: 500 | 404",
        "D3": "prunes or clears their history counts as never served",
        "D4": "`queue_id` is ignored when the next item is taken",
        "D12": "`GET /next` goes by priority and age, not by turns",
        "D23": "a full queue answers 200 with `enqueued: 0` | 429",
    }
    assert [name for name, words in told.items() if words not in section] == []


def test_the_keys_on_the_page_are_those_of_an_item_and_a_star_marks_what_summaries_lack() -> None:
    section = PAGE.partition("## An item")[2].partition("\nSummaries")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    shown = {name: star for row in rows for name, star in re.findall(r"`(\w+)`(\*?)", row)}
    assert set(shown) == set(QueueItemDTO.model_fields)
    assert {name for name, star in shown.items() if not star} == set(QueueItemSummary.model_fields)
