"""The board rows of the matrix in shared/design/access.md, cell by cell, over real HTTP in both modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from invoke_host.boards.routes import BOARDS, ROUTES
from invoke_host.images.routes.reads import READER
from invoke_host.images.services.reading import ImageReader
from invoke_host.testing.app import AppMaker
from invoke_host.vocabulary import ACTIONS, RESOURCES
from invoke_host.web.settings import WebSettings

from .conftest import BoardClient, Studio

#: Who calls, and how the board of Alice is open to them; Bob has the grant, Carol none.
COLUMNS = ("anonymous", "own", "private", "shared", "public", "viewer", "contributor", "editor", "admin")

#: Method, path, body, and the status in each column. `B` is the board, `I` an image on it that Alice made.
MATRIX: tuple[tuple[str, str, Any, str], ...] = (
    ("GET", "boards/B", None, "401 200 404 200 200 200 200 200 200"),
    ("GET", "boards/B/image_names", None, "401 200 404 200 200 200 200 200 200"),
    ("POST", "board_images/batch", {"board_id": "B", "image_names": []}, "401 201 404 403 201 403 201 201 201"),
    ("DELETE", "board_images/", {"image_name": "I"}, "401 200 404 403 403 403 403 200 200"),
    ("PATCH", "boards/B", {"board_name": "Roots"}, "401 200 404 403 403 403 403 200 200"),
    ("PATCH", "boards/B", {"archived": True}, "401 200 404 403 403 403 403 200 200"),
    ("PATCH", "boards/B", {"cover_image_name": "I"}, "401 200 404 403 403 403 403 200 200"),
    ("PATCH", "boards/B", {}, "401 200 404 403 403 403 403 200 200"),
    ("PATCH", "boards/B", {"board_visibility": "public"}, "401 200 404 403 403 403 403 403 200"),
    ("GET", "boards/B/grants", None, "401 200 404 403 403 403 403 403 200"),
    ("PUT", "boards/B/grants", {"user_id": "dave", "role": "viewer"}, "401 200 404 403 403 403 403 403 200"),
    ("POST", "boards/B/transfer", {"user_id": "dave"}, "401 200 404 403 403 403 403 403 200"),
    ("DELETE", "boards/B", None, "401 200 404 403 403 403 403 403 200"),
    ("DELETE", "boards/B/grants/mine", None, "401 404 404 404 404 204 204 204 404"),
)

CASES = [
    (column, method, path, body, int(statuses.split()[at]))
    for method, path, body, statuses in MATRIX
    for at, column in enumerate(COLUMNS)
]


@pytest.mark.parametrize(("column", "method", "path", "body", "status"), CASES, ids=lambda value: str(value)[:40])
async def test_a_cell_of_the_matrix(
    make_app: AppMaker, small_studio: Studio, column: str, method: str, path: str, body: Any, status: int
) -> None:
    api = await served(make_app, small_studio, single_user=False)
    visibility = column if column in ("shared", "public") else "private"
    board_id = small_studio.board("alice", visibility)
    image = small_studio.image("alice", board_id)
    if column in ("viewer", "contributor", "editor"):
        await api("alice").share(board_id, column, user_id="bob")
    caller = {"anonymous": None, "own": "alice", "admin": "root"}.get(column, "bob")
    body = filled(body, B=board_id, I=image)
    answer = await api(caller).ask(method, path.replace("B", board_id), body)
    assert answer.status == status, answer.text


@pytest.mark.parametrize(("method", "path", "body"), [row[:3] for row in MATRIX], ids=lambda value: str(value)[:40])
async def test_without_login_everything_works_on_whatever_there_is(
    make_app: AppMaker, small_studio: Studio, method: str, path: str, body: Any
) -> None:
    api = await served(make_app, small_studio, single_user=True)
    board_id = small_studio.board("alice")
    body = filled(body, B=board_id, I=small_studio.image("alice", board_id))
    status = await api.status(method, path.replace("B", board_id), body)
    assert status == 404 if path.endswith("mine") else status in (200, 201, 204)


async def test_without_login_new_boards_are_private_and_belong_to_the_local_user(
    make_app: AppMaker, small_studio: Studio
) -> None:
    api = await served(make_app, small_studio, single_user=True)
    board = await api.board(await api.make())
    assert (board["user_id"], board["board_visibility"]) == ("system", "private")
    assert "transfer" in board["permissions"]
    multi_user = await served(make_app, small_studio, single_user=False)
    assert await multi_user("alice").status("GET", f"boards/{board['board_id']}") == 404
    assert await multi_user("root").status("GET", f"boards/{board['board_id']}") == 200


def filled(body: Any, **names: str) -> Any:
    """The body with names in the place of letters."""
    return body if not isinstance(body, Mapping) else {key: names.get(str(value), value) for key, value in body.items()}


async def served(make_app: AppMaker, studio: Studio, *, single_user: bool) -> BoardClient:
    from .conftest import CALLERS

    client = await make_app(
        ROUTES,
        storage=studio.storage,
        actions=ACTIONS,
        resources=RESOURCES,
        callers=CALLERS,
        services={BOARDS: studio.service, READER: ImageReader(studio.storage, studio.access)},
        clock=studio.clock,
        config=WebSettings(single_user=single_user, version="0.0-test"),
    )
    return BoardClient(client)
