"""What can be done to an image, and the columns of an image that policies may use.

Whoever may see a board sees all that is on it, and who may curate it changes what is on it: `through` says so once, for
every policy. An image in the trash is another kind of thing, and is no image to anybody.
"""

from __future__ import annotations

from sqlalchemy import func

from invoke_host.api import Action, ResourceType
from invoke_host.boards import access as boards
from invoke_host.images.tables import NO_BOARD, image_counts, image_days, images

VIEW = Action("image.view", "image", "See an image, its files and its metadata", see=True, through=boards.VIEW.name)
EDIT = Action("image.edit", "image", "Change an image's category and other details", through=boards.CURATE.name)
STAR = Action("image.star", "image", "Star and unstar an image", through=boards.CURATE.name)
DELETE = Action("image.delete", "image", "Put an image into the trash", through=boards.CURATE.name)
DETACH = Action("image.detach", "image", "Take an image off its board", through=boards.CURATE.name)
#: Not through a board: nobody gets rights over an image by putting it on a board of their own.
PLACE = Action("image.place", "image", "Put an image on a board that allows it")

VIEW_TRASHED = Action(
    "trashed_image.view", "trashed_image", "See an image in the trash", see=True, through=boards.CURATE.name
)
RESTORE = Action("trashed_image.restore", "trashed_image", "Take an image out of the trash", through=boards.CURATE.name)
PURGE = Action("trashed_image.purge", "trashed_image", "Delete an image in the trash for good")

ACTIONS = (VIEW, EDIT, STAR, DELETE, DETACH, PLACE, VIEW_TRASHED, RESTORE, PURGE)

_COLUMNS = {"owner": images.c.user_id, "parent": images.c.board_id}

#: Images by name. `owner` is the id of the user who made or uploaded it, `parent` the board it is on.
RESOURCE = ResourceType(
    "image", images, images.c.name, _COLUMNS, parent=boards.ABOVE, where=images.c.deleted_at.is_(None)
)

#: Images in the trash by name.
TRASHED = ResourceType(
    "trashed_image", images, images.c.name, _COLUMNS, parent=boards.ABOVE, where=images.c.deleted_at.is_not(None)
)

#: Images on boards that the caller sees: a statement that has made sure of that need not ask it for each image.
ON_BOARD = RESOURCE.over(images, _COLUMNS, key=images.c.name, where=RESOURCE.where, within=boards.VIEW.name)

#: Live images as if they were in the trash: what somebody could do to them there.
AS_TRASHED = TRASHED.over(images, _COLUMNS, key=images.c.name, where=RESOURCE.where)

_COUNTED_COLUMNS = {"owner": image_counts.c.user_id, "parent": func.nullif(image_counts.c.board_id, NO_BOARD)}

#: The same rules over the counters, so that a total never counts what its reader may not see.
COUNTED = RESOURCE.over(image_counts, _COUNTED_COLUMNS)
COUNTED_ON_BOARD = RESOURCE.over(image_counts, _COUNTED_COLUMNS, within=boards.VIEW.name)

_DAYS_COLUMNS = {"owner": image_days.c.user_id, "parent": func.nullif(image_days.c.board_id, NO_BOARD)}

#: And over the counters of days.
DAYS = RESOURCE.over(image_days, _DAYS_COLUMNS)
DAYS_ON_BOARD = RESOURCE.over(image_days, _DAYS_COLUMNS, within=boards.VIEW.name)
