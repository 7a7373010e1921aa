"""How each row of the matrix is asked for, and its answer as a cell (`test_matrix`)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any, TypeAlias

from invoke_host.testing.client import Answer

from .client import QUEUE
from .matrix_scenes import WORD, Scene
from .process import until
from .uploading import BOARDS, IMAGES, form, picture

WORKFLOWS = "/api/v1/workflows"
PROMPTS = "/api/v1/system_prompts"
PRESETS = "/api/v1/style_presets"
STATE = "/api/v1/client_state/default"
BOARD_IMAGES = "/api/v1/board_images"

Ask: TypeAlias = Callable[[Scene], str]


def status(answer: Answer) -> str:
    """The status as a cell."""
    return str(answer.status)


def found(answer: Answer, key: str, value: Any) -> str:
    """Whether the answer names it."""
    if answer.status != 200:
        return str(answer.status)
    content = answer.json()
    items = content if isinstance(content, list) else content["items"]
    return "in" if value in [item[key] if isinstance(item, dict) else item for item in items] else "out"


def done(answer: Answer, key: str, name: str) -> str:
    """Whether it was done to that one."""
    if answer.status not in (200, 201):
        return str(answer.status)
    return "done" if name in answer.json()[key] else "left"


def get(path: str) -> Ask:
    """A GET of a path with things of the scene in it."""
    return lambda scene: status(scene.client.get(fill(path, scene)))


def fill(path: str, scene: Scene) -> str:
    """The path with what the scene makes for the names in it."""
    for what in ("board", "image", "trashed", "workflow", "prompt", "preset"):
        if f"{{{what}}}" in path:
            made = getattr(scene, what)
            path = path.replace(f"{{{what}}}", made if isinstance(made, str) else made())
    return path


def patch(path: str, body: dict[str, Any]) -> Ask:
    """A PATCH, likewise."""
    return lambda scene: status(scene.client.patch(fill(path, scene), body))


def delete(path: str) -> Ask:
    """A DELETE, likewise."""
    return lambda scene: status(scene.client.delete(fill(path, scene)))


def listed(path: str, key: str, make: Callable[[Scene], str]) -> Ask:
    """Whether a list has it; the list is read after the thing was made."""

    def ask(scene: Scene) -> str:
        value = make(scene)
        return found(scene.client.get(fill(path, scene)), key, value)

    return ask


def each(path: str, key: str, make: Callable[[Scene], str], **more: Callable[[Scene], str]) -> Ask:
    """A POST with the name of one image among those asked for."""

    def ask(scene: Scene) -> str:
        name = make(scene)
        body = {"image_names": [name], **{field: value(scene) for field, value in more.items()}}
        return done(scene.client.post(path, body), key, name)

    return ask


def by_names(scene: Scene) -> str:
    name = scene.image()
    return found(scene.client.post(f"{IMAGES}/images_by_names", {"image_names": [name]}), "image_name", name)


def board_of(make: Callable[[Scene], str]) -> Ask:
    """Whether the reader is told on which board a picture is that they see."""

    def ask(scene: Scene) -> str:
        answer = scene.client.get(f"{IMAGES}/i/{make(scene)}")
        return ("in" if answer.json()["board_id"] else "out") if answer.status == 200 else str(answer.status)

    return ask


def download(body: Callable[[Scene, str], dict[str, Any]]) -> Ask:
    """Whether an archive has the picture of the board in it."""

    def ask(scene: Scene) -> str:
        name = scene.image()
        asked = scene.client.post(f"{IMAGES}/download", body(scene, name))
        if asked.status != 202:
            return str(asked.status)
        path = f"{IMAGES}/download/{asked.json()['bulk_download_item_name']}"
        packed = until("it is packed", lambda: (got := scene.client.get(path)).status == 200 and got)
        with zipfile.ZipFile(io.BytesIO(packed.body)) as archive:
            return "in" if any(name in each for each in archive.namelist()) else "out"

    return ask


def place(make: Callable[[Scene], str]) -> Ask:
    def ask(scene: Scene) -> str:
        body = {"board_id": scene.board, "image_name": make(scene)}
        return status(scene.client.post(f"{BOARD_IMAGES}/", body))

    return ask


def take_off(make: Callable[[Scene], str]) -> Ask:
    def ask(scene: Scene) -> str:
        answer = scene.client.request("DELETE", f"{BOARD_IMAGES}/", {"image_name": make(scene)})
        return status(answer)

    return ask


def send_picture(scene: Scene) -> str:
    body, headers = form(file=picture())
    path = f"{IMAGES}/upload?image_category=general&is_intermediate=false&board_id={scene.board}"
    return status(scene.client.post(path, body=body, headers=headers))


def generate(scene: Scene) -> str:
    wishes = {"positive_prompt": "a pear", "steps": 3, "width": 64, "height": 64, "board_id": scene.board}
    return status(scene.client.post(f"{QUEUE}/generate", wishes))


def set_cover(scene: Scene) -> str:
    return status(scene.client.patch(f"{BOARDS}/{scene.board}", {"cover_image_name": scene.image()}))


def give_grant(scene: Scene) -> str:
    # In single-user mode there is nobody to share with.
    whom = {"user_id": scene.people.team.admin.id}
    return status(scene.client.put(f"{BOARDS}/{scene.board}/grants", {"role": "viewer", **whom}))


def take_grant(scene: Scene) -> str:
    return status(scene.client.delete(f"{BOARDS}/{scene.board}/grants/999999"))


def transfer(scene: Scene) -> str:
    whom = {"user_id": scene.people.team.admin.id}
    return status(scene.client.post(f"{BOARDS}/{scene.board}/transfer", whom))


def change_preset(scene: Scene) -> str:
    body, headers = form(data='{"name": "other"}')
    return status(scene.client.request("PATCH", f"{PRESETS}/i/{scene.preset()}", body=body, headers=headers))


def client_state(scene: Scene) -> str:
    """Whether the caller finds what the owner has kept."""
    assert scene.maker.post(f"{STATE}/set_by_key?key=color", "teal").status == 200
    answer = scene.client.get(f"{STATE}/get_by_key?key=color")
    return ("in" if answer.json() else "out") if answer.status == 200 else str(answer.status)


def own_board(scene: Scene) -> str:
    """Another board, of the caller."""
    client = scene.maker if scene.column == "AN" else scene.client
    return client.post(f"{BOARDS}/?board_name=elsewhere").json()["board_id"]


image, mine, mine_there, loose, trashed = Scene.image, Scene.mine, Scene.mine_there, Scene.loose, Scene.trashed
THIS_BOARD: Callable[[Scene], str] = lambda scene: scene.board  # noqa: E731 - a name for a column of `each`

OPERATIONS: dict[str, Ask] = {
    "see the board": get(f"{BOARDS}/{{board}}"),
    "list of boards": listed(f"{BOARDS}/?all=true", "board_id", THIS_BOARD),
    "names of its images": listed(f"{BOARDS}/{{board}}/image_names", "", image),
    "list of its images": listed(f"{IMAGES}/?board_id={{board}}&limit=50", "image_name", image),
    "list of all images": listed(f"{IMAGES}/?limit=50", "image_name", image),
    "images on no board": listed(f"{IMAGES}/?board_id=none&limit=50", "image_name", loose),
    "search": listed(f"{IMAGES}/?search_term={WORD}&limit=50", "image_name", image),
    "see an image": get(f"{IMAGES}/i/{{image}}"),
    "its board": board_of(image),
    "board of own image": board_of(mine_there),
    "images by names": by_names,
    "its metadata": get(f"{IMAGES}/i/{{image}}/metadata"),
    "its workflow": get(f"{IMAGES}/i/{{image}}/workflow"),
    "its urls": get(f"{IMAGES}/i/{{image}}/urls"),
    "its file": get(f"{IMAGES}/i/{{image}}/full"),
    "its thumbnail": get(f"{IMAGES}/i/{{image}}/thumbnail"),
    "download it": download(lambda scene, name: {"image_names": [name]}),
    "download the board": download(lambda scene, name: {"board_id": scene.board}),
    "put own image there": place(mine),
    "put own images there": each(f"{BOARD_IMAGES}/batch", "added_images", mine, board_id=THIS_BOARD),
    "put the image elsewhere": lambda scene: status(
        scene.client.post(f"{BOARD_IMAGES}/", {"board_id": own_board(scene), "image_name": scene.image()})
    ),
    "upload there": send_picture,
    "generate there": generate,
    "take the image off": take_off(image),
    "take images off": each(f"{BOARD_IMAGES}/batch/delete", "removed_images", image),
    "take own image off": take_off(mine_there),
    "rename": patch(f"{BOARDS}/{{board}}", {"board_name": "other"}),
    "archive": patch(f"{BOARDS}/{{board}}", {"archived": True}),
    "choose the cover": set_cover,
    "visibility": patch(f"{BOARDS}/{{board}}", {"board_visibility": "shared"}),
    "see grants": get(f"{BOARDS}/{{board}}/grants"),
    "grant": give_grant,
    "take a grant back": take_grant,
    "leave": delete(f"{BOARDS}/{{board}}/grants/mine"),
    "transfer": transfer,
    "delete the board": delete(f"{BOARDS}/{{board}}"),
    "delete it with images": delete(f"{BOARDS}/{{board}}?include_images=true"),
    "star an image": patch(f"{IMAGES}/i/{{image}}", {"starred": True}),
    "star images": each(f"{IMAGES}/star", "starred_images", image),
    "edit an image": patch(f"{IMAGES}/i/{{image}}", {"image_category": "mask"}),
    "delete an image": delete(f"{IMAGES}/i/{{image}}"),
    "delete images": each(f"{IMAGES}/delete", "deleted_images", image),
    "trashed: see the image": get(f"{IMAGES}/i/{{trashed}}"),
    "trashed: its file": get(f"{IMAGES}/i/{{trashed}}/full"),
    "trashed: list of all images": listed(f"{IMAGES}/?limit=50", "image_name", trashed),
    "trash": listed(f"{IMAGES}/trash", "image_name", trashed),
    "trash: file": get(f"{IMAGES}/trash/i/{{trashed}}/full"),
    "trash: restore": each(f"{IMAGES}/trash/restore", "restored_images", trashed),
    "trash: purge": each(f"{IMAGES}/trash/purge", "purged_images", trashed),
    "workflow: list": listed(f"{WORKFLOWS}/?per_page=100", "workflow_id", Scene.workflow),
    "workflow: list of public": listed(f"{WORKFLOWS}/?per_page=100&is_public=true", "workflow_id", Scene.workflow),
    "workflow: see": get(f"{WORKFLOWS}/i/{{workflow}}"),
    "workflow: thumbnail": get(f"{WORKFLOWS}/i/{{workflow}}/thumbnail"),
    "workflow: publish": patch(f"{WORKFLOWS}/i/{{workflow}}/is_public", {"is_public": False}),
    "workflow: delete": delete(f"{WORKFLOWS}/i/{{workflow}}"),
    "workflow: take thumbnail": delete(f"{WORKFLOWS}/i/{{workflow}}/thumbnail"),
    "system prompt: list": listed(f"{PROMPTS}/", "id", Scene.prompt),
    "system prompt: see": get(f"{PROMPTS}/i/{{prompt}}"),
    "system prompt: change": patch(f"{PROMPTS}/i/{{prompt}}", {"name": "other"}),
    "system prompt: delete": delete(f"{PROMPTS}/i/{{prompt}}"),
    "style preset: list": listed(f"{PRESETS}/", "id", Scene.preset),
    "style preset: see": get(f"{PRESETS}/i/{{preset}}"),
    "style preset: picture": get(f"{PRESETS}/i/{{preset}}/image"),
    "style preset: change": change_preset,
    "style preset: delete": delete(f"{PRESETS}/i/{{preset}}"),
    "client state": client_state,
}
