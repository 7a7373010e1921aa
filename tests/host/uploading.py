"""Pictures that tests send to a host, boards to put them on, and what else people keep there."""

from __future__ import annotations

import functools
import io
import secrets
from typing import Any

from orjson import dumps
from PIL import Image

from .client import Client

IMAGES = "/api/v1/images"
BOARDS = "/api/v1/boards"
_BOUNDARY = "an-unlikely-line"


@functools.cache
def picture() -> bytes:
    """A small PNG."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(file, "PNG")
    return file.getvalue()


def form(**parts: bytes | str) -> tuple[bytes, dict[str, str]]:
    """A multipart body and its header; bytes become files."""
    body = b""
    for name, value in parts.items():
        file = f'; filename="{name}.png"' if isinstance(value, bytes) else ""
        body += f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        body += (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    return body + f"--{_BOUNDARY}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}


def upload(client: Client, *, board_id: str | None = None, prompt: str = "", **query: str) -> str:
    """A picture as a client sends it; its name."""
    parts: dict[str, Any] = {"file": picture()}
    if prompt:
        parts["metadata"] = dumps({"positive_prompt": prompt}).decode()
    body, headers = form(**parts)
    asked = {"image_category": "general", "is_intermediate": "false", **query}
    if board_id is not None:
        asked["board_id"] = board_id
    path = "&".join(f"{name}={value}" for name, value in asked.items())
    answer = client.post(f"{IMAGES}/upload?{path}", body=body, headers=headers)
    assert answer.status == 201, answer.text
    return answer.json()["image_name"]


def new_board(client: Client, name: str = "", **change: Any) -> str:
    """A board; its id."""
    answer = client.post(f"{BOARDS}/?board_name={name or secrets.token_hex(4)}")
    assert answer.status == 201, answer.text
    board_id = answer.json()["board_id"]
    if change:
        changed = client.patch(f"{BOARDS}/{board_id}", change)
        assert changed.status == 200, changed.text
    return board_id


def share(client: Client, board_id: str, role: str, **who: str) -> int:
    """Grant a role; the grant's id."""
    answer = client.put(f"{BOARDS}/{board_id}/grants", {"role": role, **who})
    assert answer.status == 200, answer.text
    return answer.json()["id"]


def new_archive(client: Client, image: str) -> str:
    """A finished archive of one image; its name."""
    answer = client.post(f"{IMAGES}/download", {"image_names": [image]})
    assert answer.status == 202, answer.text
    name: str = answer.json()["bulk_download_item_name"]
    while (status := client.request("HEAD", f"{IMAGES}/download/{name}").status) == 409:
        pass  # a few milliseconds
    assert status == 200
    return name


def new_preset(client: Client, name: str) -> str:
    """A private style preset with a picture; its id."""
    data = dumps({"name": name, "positive_prompt": f"{name}, {{prompt}}", "negative_prompt": ""}).decode()
    body, headers = form(data=data, image=picture())
    answer = client.post("/api/v1/style_presets/", body=body, headers=headers)
    assert answer.status == 200, answer.text
    return answer.json()["id"]


def new_system_prompt(client: Client, name: str) -> str:
    """A private system prompt; its id."""
    answer = client.post("/api/v1/system_prompts/", {"name": name, "content": name})
    assert answer.status == 200, answer.text
    return answer.json()["id"]


def new_workflow(client: Client, name: str) -> str:
    """A private workflow with a tag and a thumbnail; its id."""
    texts = dict.fromkeys(("author", "description", "version", "contact", "notes"), name)
    lists: dict[str, Any] = {"exposedFields": [], "nodes": [], "edges": []}
    workflow = {"name": name, "tags": name, "meta": {"version": "3.0.0"}, **texts, **lists}
    answer = client.post("/api/v1/workflows/", {"workflow": workflow})
    assert answer.status == 200, answer.text
    workflow_id = answer.json()["workflow_id"]
    body, headers = form(image=picture())
    assert client.put(f"/api/v1/workflows/i/{workflow_id}/thumbnail", body=body, headers=headers).status == 200
    return workflow_id
