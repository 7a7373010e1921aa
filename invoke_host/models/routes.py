"""The read side of the reference's `/api/v2/models`: any logged-in user may see which models there are."""

from __future__ import annotations

from typing import Any, Final

from invoke_host.api import NotFound
from invoke_host.generation.schedulers import AVAILABLE, SCHEDULERS
from invoke_host.models.schema import ModelConfig, ModelList, ModelsQuery
from invoke_host.models.service import ModelCatalog, ModelRecord
from invoke_host.web import LOGGED_IN, Route, json_response, query_of, web

MODELS: Final = web.AppKey("models", ModelCatalog)


async def list_models(request: web.Request) -> web.Response:
    """All models that match the filters; folders that were added since the last call are found."""
    query, catalog = query_of(request, ModelsQuery), request.app[MODELS]
    await catalog.look_again()
    rows = [as_config(record, catalog) for record in catalog.list()]
    wanted = [row for row in rows if _matches(row, query)]
    order = {"default": "name", "size": "file_size"}.get(query.order_by, query.order_by)
    wanted.sort(key=lambda row: row[order], reverse=query.direction == "DESC")
    return json_response({"models": wanted})


async def get_model(request: web.Request) -> web.Response:
    """One model by its key, or by one that it had formerly."""
    key, catalog = request.match_info["key"], request.app[MODELS]
    record = await catalog.find(key)
    # `find` also takes names; this address does not
    if record is None or key not in (record.key, *record.offer.formerly):
        raise NotFound(f"there is no model with the key {key!r}")
    return json_response(as_config(record, catalog))


def as_config(record: ModelRecord, catalog: ModelCatalog) -> dict[str, Any]:
    """The record in the shape of `ModelConfig`."""
    offer, facts = record.offer, record.facts
    default = catalog.default()
    usable_with = AVAILABLE if offer.schedulers is None else AVAILABLE & offer.schedulers
    return {
        "key": offer.key,
        "hash": record.hash,
        "path": offer.path.name,
        "file_size": facts.size_bytes if facts else 0,
        "name": offer.name,
        "description": offer.description or None,
        "source": offer.source or offer.path.name,
        "source_type": "path",
        "cover_image": None,
        "type": offer.type,
        "base": offer.base,
        "format": offer.format,
        "variant": "normal",
        "prediction_type": facts.prediction_type if facts else "epsilon",
        "repo_variant": None,
        "default_settings": {
            "width": offer.defaults.width,
            "height": offer.defaults.height,
            "steps": offer.defaults.steps,
            "cfg_scale": offer.defaults.cfg_scale,
            "scheduler": offer.defaults.scheduler,
        },
        "trigger_phrases": None,
        "is_default": default is not None and default.key == offer.key,
        "usable": record.problem is None,
        "problem": record.problem,
        "native_width": offer.native_size[0] if offer.native_size else None,
        "native_height": offer.native_size[1] if offer.native_size else None,
        "schedulers": [name for name in SCHEDULERS if name in usable_with],
    }


def _matches(row: dict[str, Any], query: ModelsQuery) -> bool:
    return (
        (not query.base_models or row["base"] in query.base_models)
        and query.model_type in (None, row["type"])
        and query.model_name in (None, row["name"])
        and query.model_format in (None, row["format"])
    )


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "GET",
        "/api/v2/models/",
        list_models,
        LOGGED_IN,
        summary="The models of this host",
        tag="models",
        query=ModelsQuery,
        responses=((200, ModelList),),
    ),
    Route(
        "GET",
        "/api/v2/models/i/{key}",
        get_model,
        LOGGED_IN,
        summary="One model",
        tag="models",
        responses=((200, ModelConfig), (404, None)),
    ),
)
