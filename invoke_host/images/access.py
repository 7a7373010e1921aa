"""What can be done to an image, and the columns of an image that policies may use."""

from __future__ import annotations

from invoke_host.api import Action, ResourceType
from invoke_host.images.tables import image_counts, images

VIEW = Action("image.view", "image", "See an image, its files and its metadata", see=True)
EDIT = Action("image.edit", "image", "Change an image's category and other details")
STAR = Action("image.star", "image", "Star and unstar an image")
DELETE = Action("image.delete", "image", "Delete an image with its files")

ACTIONS = (VIEW, EDIT, STAR, DELETE)

#: Images by name. `owner` is the id of the user who made or uploaded it.
RESOURCE = ResourceType("image", images, images.c.name, {"owner": images.c.user_id})

#: The same rules over the counters, so that a total never counts what its reader may not see.
COUNTED = RESOURCE.over(image_counts, {"owner": image_counts.c.user_id})
