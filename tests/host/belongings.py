"""One of everything that somebody can own, and for each route of the host a request that is about these things."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from orjson import dumps

from tests.queue.graphs import EMOJI, batch, onto, sd1

from .accounts import AUTH, Person, Team
from .client import JSON
from .listener import Listener
from .table import Row
from .uploading import BOARDS, IMAGES, form, new_board, new_preset, new_system_prompt, new_workflow, picture, upload

#: Where a parameter has another meaning than in most paths, by the beginning of the path.
OTHERWISE = {("/api/v1/images/trash/", "name"): "trashed", ("/api/v1/images/download/", "item_name"): "download"}

#: Listings that can be asked for one board.
_GALLERIES = ("images/", "images/names", "gallery/items/", "gallery/items/names", "gallery/item_names")


@dataclass(frozen=True, slots=True)
class Belongings:
    """Their names, by the parameters of the routes, and whose they are. `word` stands in all that has a text."""

    person: Person
    word: str
    names: dict[str, str]

    def path(self, row: Row) -> str:
        """The route's path and query with these things in it; what nobody has where it is about something else."""
        start = next((start for start, _ in OTHERWISE if row.route.path.startswith(start)), "")

        def name(found: re.Match[str]) -> str:
            parameter = found.group(1)
            return self.names.get(OTHERWISE.get((start, parameter), parameter), "none-such")

        path = re.sub(r"\{([^{}]+)\}", name, row.route.path)
        return path + self._queries().get(_key(row), "")

    def body(self, row: Row) -> dict[str, Any]:
        """The body that the route takes, as options of a client's request."""
        if row.route.method == "GET" or (row.route.body is None and row.route.consumes == "application/json"):
            return {}
        key = _key(row)
        if key in self._forms():
            content, headers = form(**self._forms()[key])
            return {"body": content, "headers": headers}
        return {"body": dumps(self._bodies()[key]), "headers": JSON}

    def _queries(self) -> dict[str, str]:
        key, board_id = self.names["state"], self.names["board_id"]
        destination, root = f"?destination={self.names['destination']}", "client_state/{queue_id}"
        return {
            "GET queue/{queue_id}/counts_by_destination": destination,
            "PUT queue/{queue_id}/cancel_by_destination": destination,
            f"GET {root}/get_by_key": f"?key={key}",
            f"GET {root}/get_keys_by_prefix": f"?prefix={key[:3]}",
            f"POST {root}/set_by_key": f"?key={key}",
            f"POST {root}/delete_by_key": f"?key={key}",
            "POST images/upload": f"?image_category=general&is_intermediate=false&board_id={board_id}",
            **dict.fromkeys((f"GET {path}" for path in _GALLERIES), f"?board_id={board_id}"),
            "POST boards/": "?board_name=any",
        }

    def _forms(self) -> dict[str, dict[str, bytes | str]]:
        preset = dumps({"name": "any", "positive_prompt": "any", "negative_prompt": ""}).decode()
        return {
            "POST images/upload": {"file": picture()},
            "POST style_presets/": {"data": preset},
            "POST style_presets/import": {"file": b"name,prompt,negative_prompt\n"},
            "PATCH style_presets/i/{preset_id}": {"data": '{"name": "any"}', "image": picture()},
            "PUT workflows/i/{workflow_id}/thumbnail": {"image": picture()},
        }

    def _bodies(self) -> dict[str, Any]:
        names = self.names
        image, images, item = names["name"], {"image_names": [names["name"]]}, {"item_ids": [int(names["item_id"])]}
        trashed, heir = {"image_names": [names["trashed"]]}, {"user_id": names["heir"]}
        texts = dict.fromkeys(("name", "author", "description", "version", "contact", "tags", "notes"), "any")
        graph = {"exposedFields": [], "nodes": [], "edges": [], "meta": {"version": "3.0.0"}}
        nothing = {"each": {"max_pending": 0}}
        person = {"email": "nobody@example.org", "password": "incorrect horse battery 17"}
        return {
            "POST auth/login": person,
            "POST auth/setup": {**person, "setup_code": "0000-0000-0000"},
            "PATCH auth/me": {"display_name": "Anybody"},
            "POST auth/tokens": {"name": "any", "scopes": ["read"]},
            "POST auth/users": person,
            "PATCH auth/users/{user_id}": {"is_admin": True},
            "POST auth/users/{user_id}/transfer": {"to_user_id": names["heir"]},
            "POST auth/users/{user_id}/identities": {"provider": "any", "subject": "any"},
            "POST groups/": {"name": "any"},
            "PATCH groups/{group_id}": {"name": "any"},
            "PATCH limits/everyone": nothing,
            "PATCH limits/groups/{group_id}": nothing,
            "PATCH limits/users/{user_id}": nothing,
            "POST queue/{queue_id}/generate": {"positive_prompt": "a leaf", "board_id": names["board_id"], "steps": 1},
            "POST queue/{queue_id}/enqueue_batch": batch(onto(names["board_id"], sd1(EMOJI))),
            "POST queue/{queue_id}/items_by_ids": item,
            "POST queue/{queue_id}/item_summaries_by_ids": item,
            "PUT queue/{queue_id}/cancel_by_batch_ids": {"batch_ids": [names["batch_id"]]},
            "PUT queue/{queue_id}/retry_items_by_id": item["item_ids"],
            "POST images/images_by_names": images,
            "POST images/delete": images,
            "POST images/star": images,
            "POST images/unstar": images,
            "PATCH images/i/{name}": {"starred": True},
            "POST images/trash/restore": trashed,
            "POST images/trash/purge": trashed,
            "POST images/download": {"board_id": names["board_id"]},
            "PATCH boards/{board_id}": {"board_name": "any", "board_visibility": "public"},
            "PUT boards/{board_id}/grants": {**heir, "role": "viewer"},
            "POST boards/{board_id}/transfer": {**heir, "keep_role": "editor"},
            "POST board_images/": {"board_id": names["board_id"], "image_name": image},
            "DELETE board_images/": {"image_name": image},
            "POST board_images/batch": {"board_id": names["board_id"], **images},
            "POST board_images/batch/delete": images,
            "POST system_prompts/": {"name": "any", "content": "any"},
            "PATCH system_prompts/i/{prompt_id}": {"name": "any", "is_public": True},
            "POST workflows/": {"workflow": {**texts, **graph}},
            "PATCH workflows/i/{workflow_id}": {"workflow": {**texts, **graph, "id": names["workflow_id"]}},
            "PATCH workflows/i/{workflow_id}/is_public": {"is_public": True},
            "POST client_state/{queue_id}/set_by_key": "any",
        }


def _key(row: Row) -> str:
    return f"{row.route.method} {row.route.path.removeprefix('/api/v1/')}"


def settle(team: Team, person: Person, word: str) -> Belongings:
    """Let that person make one of everything, the word in all texts, and share the board with the administrator."""
    client, admin = person.client, team.admin
    group = admin.client.post("/api/v1/groups/", {"name": f"{word} growers"}).json()["group_id"]
    assert admin.client.put(f"/api/v1/groups/{group}/members/{person.id}").status in (200, 204)
    token = client.post(f"{AUTH}/tokens", {"name": f"{word} token", "scopes": ["read"]}).json()["token_id"]
    session = client.get(f"{AUTH}/sessions").json()[0]["session_id"]
    board = new_board(client, f"{word}-board")
    grant = client.put(f"{BOARDS}/{board}/grants", {"user_id": admin.id, "role": "viewer"}).json()["id"]
    state = f"{word}-state"
    assert client.post(f"/api/v1/client_state/default/set_by_key?key={state}", f"{word} value").status == 200
    trashed = upload(client, board_id=board, prompt=f"{word} trash")
    assert client.delete(f"{IMAGES}/i/{trashed}").status == 200
    upload(client, board_id=board, prompt=f"{word} upload")
    with Listener(client) as listener:
        labels = {"origin": f"{word}-origin", "destination": f"{word}-destination"}
        made = client.generate(f"a {word} flower", negative_prompt=f"no {word}", board_id=board, **labels)
        [image] = listener.status(made["item_ids"][0], "completed").data["image_names"]
        download = client.post(f"{IMAGES}/download", {"board_id": board}).json()["bulk_download_item_name"]
        listener.until(
            "the archive",
            lambda event: event.kind == "bulk_download_complete" and event.data["bulk_download_item_name"] == download,
        )
    return Belongings(
        person,
        word,
        {
            "queue_id": "default",
            "item_id": str(made["item_ids"][0]),
            "batch_id": made["batch"]["batch_id"],
            "destination": labels["destination"],
            "name": image,
            "trashed": trashed,
            "download": download,
            "key": admin.client.get("/api/v2/models/").json()["models"][0]["key"],
            "user_id": person.id,
            "session_id": session,
            "token_id": token,
            "group_id": group,
            "board_id": board,
            "grant_id": str(grant),
            "preset_id": new_preset(client, f"{word} preset"),
            "workflow_id": new_workflow(client, f"{word} workflow"),
            "prompt_id": new_system_prompt(client, f"{word} prompt"),
            "state": state,
            "date": client.get(f"{IMAGES}/i/{image}").json()["created_at"][:10],
            "heir": admin.id,
        },
    )
