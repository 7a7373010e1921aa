"""The body of `enqueue_batch`, as clients of InvokeAI send it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from invoke_host.generation.fields import MAX_PICTURES, STRICT, Label
from invoke_host.queue.graphs.asked import ask
from invoke_host.queue.graphs.wrong import Wrong


def _readable(graph: dict[str, Any]) -> dict[str, Any]:
    wrong: list[Wrong] = []
    ask(graph, wrong)
    if wrong:
        raise ValidationError.from_exception_data(
            "graph",
            # The message as a value, so that braces in it mean nothing.
            [
                InitErrorDetails(type=PydanticCustomError(kind, "{text}", {"text": text}), loc=place, input=None)
                for place, kind, text in wrong
            ],
        )
    return graph


class GraphDatum(BaseModel):
    """A field of a node, and its values: lists beside each other are read row by row, the others combined."""

    model_config = STRICT

    node_path: Annotated[Label, Field(min_length=1)]
    field_name: Annotated[Label, Field(min_length=1)]
    items: Annotated[list[Any], Field(min_length=1, max_length=MAX_PICTURES)]


class GraphBatch(BaseModel):
    """A graph, the lists of values for it, and how often all of that. `workflow` is taken and not kept."""

    model_config = STRICT

    batch_id: Annotated[str | None, Field(pattern="^[A-Za-z0-9_-]{1,36}$", description="null = a new one.")] = None
    origin: Label | None = None
    destination: Label | None = None
    graph: Annotated[
        dict[str, Any],
        AfterValidator(_readable),
        Field(description="`nodes` by their ids, and `edges`: a text-to-image graph of Stable Diffusion."),
    ]
    data: list[Annotated[list[GraphDatum], Field(min_length=1)]] | None = None
    runs: Annotated[int, Field(ge=1, le=MAX_PICTURES)] = 1
    workflow: dict[str, Any] | None = None


class EnqueueBatch(BaseModel):
    """A batch from a graph. `prepend`: before the caller's other waiting items."""

    model_config = STRICT

    batch: GraphBatch
    prepend: bool = False
