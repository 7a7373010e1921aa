"""What can be done to a workflow, and the columns of one that policies may use."""

from __future__ import annotations

from invoke_host.api import Action, ResourceType
from invoke_host.workflows.tables import workflows

VIEW = Action("workflow.view", "workflow", "See and open a workflow", see=True, role="viewer")
EDIT = Action("workflow.edit", "workflow", "Change a workflow and its thumbnail")
PUBLISH = Action("workflow.publish", "workflow", "Show a workflow to everybody, or to nobody else any more")
DELETE = Action("workflow.delete", "workflow", "Delete a workflow")

ACTIONS = (VIEW, EDIT, PUBLISH, DELETE)

#: Workflows by id. `owner` is a user id, `visibility` private or public.
RESOURCE = ResourceType(
    "workflow", workflows, workflows.c.id, {"owner": workflows.c.user_id, "visibility": workflows.c.visibility}
)
