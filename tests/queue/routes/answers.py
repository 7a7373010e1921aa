"""What answers of the queue routes must be like."""

from __future__ import annotations

from typing import Any

from invoke_host.queue.routes import ROUTES
from invoke_host.testing.client import Answer
from invoke_host.testing.schemas import assert_matches_schema

ROOT = "/api/v1/queue/default"


def checked(answer: Answer, method: str, path: str, status: int = 200) -> Any:
    """The answer's content, which its route must have declared."""
    (route,) = (each for each in ROUTES if (each.method, each.path) == (method, f"/api/v1/queue/{{queue_id}}/{path}"))
    assert_matches_schema(route, answer.status, answer.json())
    assert answer.status == status, answer.text
    return answer.json()


def session(session_id: str, results: dict[str, Any] | None = None) -> dict[str, Any]:
    """What clients of InvokeAI find in an item: results and no graph."""
    return {
        "id": session_id,
        "results": results or {},
        "errors": {},
        "prepared_source_mapping": {},
        "source_prepared_mapping": {},
    }
