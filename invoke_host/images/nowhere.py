"""What `none` means as a board, for statements that ask about rows; listings have streams and words for it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, not_, or_

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.boards.access import ABOVE, VIEW
from invoke_host.images.tables import images


def on_none(access: AccessEngine, actor: Actor) -> ColumnElement[bool]:
    """Images on no board, and the actor's own on boards that they do not see, or these would be nowhere."""
    nowhere = images.c.board_id.is_(None)
    if actor.is_admin:
        return nowhere
    seen = exists().where(ABOVE.id == images.c.board_id, access.predicate(actor, VIEW.name, ABOVE))
    return or_(nowhere, and_(images.c.user_id == actor.id, not_(seen.correlate(images))))
