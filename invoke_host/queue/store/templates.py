"""Reading what the items of a batch have in common (`queue.template`)."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from invoke_host.queue.tables import batches
from invoke_host.queue.template import NOTHING, Template
from invoke_host.storage import PreparedSelect, quick


@quick
def template_of(conn: Connection, batch_id: str) -> Template:
    """The batch's template. An item of a batch that is gone, or older than templates, holds everything itself."""
    row = _TEMPLATE.first(conn, {"batch_id_": batch_id})
    return NOTHING if row is None else Template.of(*row)


_TEMPLATE = PreparedSelect(select(batches.c.request, batches.c.graph).where(batches.c.id == bindparam("batch_id_")))
