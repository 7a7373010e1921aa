"""What can be done to a queue item, and the columns of an item that policies may use.

Unlike other things, an item that may not be viewed is not hidden: everybody sees how long the line is. It is shown
without its content (`queue.rows`), and changing it answers 403 instead of 404.
"""

from __future__ import annotations

from invoke_host.api import Action, ResourceType
from invoke_host.queue.tables import batches, destination_counts, queue_counts, queue_items

VIEW = Action("queue_item.view", "queue_item", "See a queue item with its prompt, owner and pictures", see=True)
CANCEL = Action("queue_item.cancel", "queue_item", "Cancel a queue item")
RETRY = Action("queue_item.retry", "queue_item", "Put a failed or canceled item into the queue again")
DELETE = Action("queue_item.delete", "queue_item", "Remove a queue item, canceling it if it is not finished")

ACTIONS = (VIEW, CANCEL, RETRY, DELETE)

#: Queue items by id. `owner` is the id of the user who asked for the picture.
RESOURCE = ResourceType("queue_item", queue_items, queue_items.c.id, {"owner": queue_items.c.user_id})

#: The same rules over batches and counters, so that a count never tells what its reader may not see.
BATCH = RESOURCE.over(batches, {"owner": batches.c.user_id})
COUNTED = RESOURCE.over(queue_counts, {"owner": queue_counts.c.user_id})
DESTINATION_COUNTED = RESOURCE.over(destination_counts, {"owner": destination_counts.c.user_id})
