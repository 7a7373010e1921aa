"""`/api/v1/audit/`: the audit log, for administrators. There is no route that changes it."""

from __future__ import annotations

from typing import Final

from invoke_host.audit.schema import AuditPageDTO, AuditQuery, entry_dto
from invoke_host.audit.service import AuditLog
from invoke_host.web import ADMIN, Route, json_response, query_of, web

AUDIT: Final = web.AppKey("audit", AuditLog)


async def list_entries(request: web.Request) -> web.StreamResponse:
    """Logins, failed ones too, and changes of users, groups and access: who, what, when, from where. Newest first."""
    query = query_of(request, AuditQuery)
    page = await request.app[AUDIT].page(query.filters, limit=query.limit, before=query.before)
    cursor = None if page.next_before is None else str(page.next_before)
    return json_response({"items": [entry_dto(entry) for entry in page.entries], "next_cursor": cursor})


ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/v1/audit/", list_entries, ADMIN, "Read the audit log", "audit", query=AuditQuery,
          responses=((200, AuditPageDTO),)),
)  # fmt: skip
