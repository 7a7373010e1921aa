"""What can be done to a board, from which role on, and the columns of a board that policies may use."""

from __future__ import annotations

from dataclasses import replace

from invoke_host.api import Action, GrantColumns, ResourceType
from invoke_host.boards.tables import board_grants, boards

VIEW = Action("board.view", "board", "See a board and all images on it", see=True, role="viewer")
ADD = Action("board.add", "board", "Put own images on a board, generate and upload into it", role="contributor")
EDIT = Action("board.edit", "board", "Rename and archive a board, choose its cover", role="editor")
CURATE = Action("board.curate", "board", "Star, edit, delete and take off any image of a board", role="editor")
SHARE = Action("board.share", "board", "Change a board's visibility and grants")
DELETE = Action("board.delete", "board", "Delete a board")
TRANSFER = Action("board.transfer", "board", "Give a board to another user")

ACTIONS = (VIEW, ADD, EDIT, CURATE, SHARE, DELETE, TRANSFER)

_GRANTS = GrantColumns(
    board_grants, board_grants.c.board_id, board_grants.c.user_id, board_grants.c.group_id, board_grants.c.role
)

#: Boards by id. `owner` is a user id, `visibility` one of private, shared, public.
RESOURCE = ResourceType(
    "board",
    boards,
    boards.c.id,
    {"owner": boards.c.user_id, "visibility": boards.c.visibility},
    grants=replace(_GRANTS, at_once=True),
)

_above = boards.alias("board_above")

#: The same under another name, for statements about what lies on a board.
ABOVE = ResourceType(
    "board", _above, _above.c.id, {"owner": _above.c.user_id, "visibility": _above.c.visibility}, grants=_GRANTS
)
