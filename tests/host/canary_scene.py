"""The scene of test_canary.py: an owner with a word of their own, and people who should not hear of it."""

from __future__ import annotations

import io
import uuid
import zipfile
from dataclasses import dataclass, field, replace

from orjson import dumps
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from invoke_host.testing.client import Answer

from .accounts import Bearer, Person, Team, add, api_token
from .belongings import Belongings, settle
from .client import Client
from .crawl import crawl, reading
from .listener import Heard, Listener
from .table import ROUTES
from .uploading import BOARDS, IMAGES, form, new_board, new_workflow, share, upload

#: What the owner writes, and what nobody does; of the same length, so that texts can be compared.
WORD, DECOY = "quixotrine", "quixotrone"

#: What stands around the word in the owner's things.
TEXTS = ("{}", "{} workflow", "{}-state", "{}-destination")

#: Everybody may know that a queue item is there, where it stands and when; so these answer about it.
OPEN = ("/i/{item_id}", "/i/{item_id}/cancel", "/items_by_ids", "/item_summaries_by_ids", "/retry_items_by_id")

#: What was asked for, and what came.
Crawled = dict[str, Answer]


def texts(word: str) -> list[str]:
    """What is searched for."""
    return [text.format(word) for text in TEXTS]


def nowhere(things: Belongings) -> Belongings:
    """Names of the same kinds for things that never were."""
    same = {"queue_id", "key", "date", "heir"}
    names = {name: value if name in same else _other(value) for name, value in things.names.items()}
    return replace(things, word=DECOY, names=names)


def _other(value: str) -> str:
    if value.isdigit():
        return "987654321"
    if value.endswith(".zip"):
        return value.removesuffix(".zip")[::-1] + ".zip"
    return value.replace(WORD, DECOY) if WORD in value else str(uuid.uuid4()) + value[36:]


@dataclass
class Scene:
    """Who takes part, and what they got. `pairs` are crawls about the owner's things and about nothing."""

    team: Team
    owner: Person
    other: Person
    reader: Bearer
    third: Person
    things: Belongings
    nothing: Belongings
    crawls: dict[str, Crawled] = field(default_factory=dict)
    pairs: dict[str, tuple[Crawled, Crawled]] = field(default_factory=dict)
    changes: list[tuple[str, Answer, Answer]] = field(default_factory=list)
    heard: dict[str, list[list[Heard]]] = field(default_factory=dict)
    archives: dict[str, bytes] = field(default_factory=dict)
    revoked: list[tuple[str, Answer]] = field(default_factory=list)
    replayed: list[Heard] = field(default_factory=list)

    def play(self) -> None:
        """From nothing over sharing and publishing to nothing, the others listening all the time."""
        blank = replace(self.nothing, names={**self.nothing.names, "name": "none-such.png"})
        with Listener(self.other.client) as others, Listener(self.reader) as token:
            ears = {"other": others, "read-only": token}
            first = self._mark(ears)
            self.crawls["before"] = crawl(self.other.client, blank, texts(DECOY))
            self.things = settle(self.team, self.owner, WORD)
            self.nothing = nowhere(self.things)
            upload_with_words(self.owner.client, self.things.names["board_id"])
            self._share_and_revoke()
            self.crawls["after"] = crawl(self.other.client, blank, texts(DECOY))
            self._mark(ears)
            for name, client in {
                "other": self.other.client,
                "read-only": self.reader,
                "third": self.third.client,
            }.items():
                self._probe(name, client)
            self._try_changes()
            self._publish(public=True)
            self.crawls["published"] = crawl(self.other.client, self.things, texts(WORD))
            self._publish(public=False)
            self._probe("other, published before", self.other.client)
            self._mark(ears)
            self.crawls["owner"] = crawl(self.owner.client, self.things, texts(WORD))
            self._destroy()
            last = self._mark(ears)
        with Listener(self.other.client, last_event_id=first.id) as again:
            again.until("the last mark", lambda event: event.id == last.id)
            self.replayed = again.events

    def _mark(self, ears: dict[str, Listener]) -> Heard:
        """Note what was heard since the last time. Events come in order, and this one is behind all others."""
        client = self.other.client
        mark = upload(client)
        for name, listener in ears.items():
            heard = listener.until(
                "the mark", lambda event: event.kind == "images_changed" and mark in event.data["added"]
            )
            phases = self.heard.setdefault(name, [])
            phases.append(listener.events[sum(map(len, phases)) :])
        assert client.delete(f"{IMAGES}/i/{mark}").status == 200
        assert client.post(f"{IMAGES}/trash/purge", {"image_names": [mark]}).status == 200
        return heard

    def _share_and_revoke(self) -> None:
        client, board, image = self.third.client, self.things.names["board_id"], self.things.names["name"]
        with Listener(client) as listener:
            grant = share(self.owner.client, board, "viewer", user_id=self.third.id)
            listener.until("the board", lambda e: e.kind == "boards_changed" and board in str(e.data))
            self.crawls["shared"] = crawl(client, self.things, texts(WORD))
            tags = {kind: client.get(f"{IMAGES}/i/{image}/{kind}").headers["etag"] for kind in ("full", "thumbnail")}
            self.archives["shared"] = self._archive(listener, client, {"board_id": board})
            assert self.owner.client.delete(f"{BOARDS}/{board}/grants/{grant}").status == 204
            for kind, tag in tags.items():
                path = f"{IMAGES}/i/{image}/{kind}"
                self.revoked += [(path, client.get(path)), (path, client.get(path, headers={"If-None-Match": tag}))]
            listener.until("the board is gone", lambda e: e.kind == "boards_gone" and board in str(e.data))
        own = upload(self.other.client)
        with Listener(self.other.client) as listener:
            wanted = [image, own, self.things.names["trashed"]]
            self.archives["other"] = self._archive(listener, self.other.client, {"image_names": wanted})
        self.other.client.delete(f"{IMAGES}/i/{own}")
        self.other.client.delete(f"{IMAGES}/trash")

    def _archive(self, listener: Listener, client: Client, wanted: dict[str, object]) -> bytes:
        answer = client.post(f"{IMAGES}/download", wanted)
        assert answer.status == 202, answer.text
        name = answer.json()["bulk_download_item_name"]
        listener.until("the archive", lambda e: e.kind == "bulk_download_complete" and name in str(e.data))
        return client.get(f"{IMAGES}/download/{name}").body

    def _probe(self, name: str, client: Client) -> None:
        self.pairs[name] = crawl(client, self.things, texts(WORD)), crawl(client, self.nothing, texts(DECOY))

    def _try_changes(self) -> None:
        """What changes things, about what is there and what is not, as far as requests can tell them apart."""
        for row in ROUTES:
            there, elsewhere = ((each.path(row), each.body(row)) for each in (self.things, self.nothing))
            if row in reading() or row.route.path.endswith(OPEN) or there == elsewhere or not row.route.tag:
                continue
            method = row.route.method
            first, second = (self.other.client.request(method, path, **body) for path, body in (there, elsewhere))
            self.changes.append((row.line, first, second))

    def _publish(self, *, public: bool) -> None:
        client, names = self.owner.client, self.things.names
        data, headers = form(data=dumps({"is_public": public}).decode())
        board = {"board_visibility": "shared" if public else "private"}
        answers = [
            client.patch(f"{BOARDS}/{names['board_id']}", board),
            client.patch(f"/api/v1/workflows/i/{names['workflow_id']}/is_public", {"is_public": public}),
            client.patch(f"/api/v1/system_prompts/i/{names['prompt_id']}", {"is_public": public}),
            client.patch(f"/api/v1/style_presets/i/{names['preset_id']}", body=data, headers=headers),
        ]
        assert {answer.status for answer in answers} == {200}, answers

    def _destroy(self) -> None:
        client, names = self.owner.client, self.things.names
        answers = [
            client.delete(f"{IMAGES}/i/{names['name']}"),
            client.post(f"{IMAGES}/trash/purge", {"image_names": [names["trashed"]]}),
            client.delete(f"{BOARDS}/{names['board_id']}?include_images=true"),
            client.delete(f"{IMAGES}/trash"),
            client.delete(f"/api/v1/workflows/i/{names['workflow_id']}"),
            client.delete(f"/api/v1/system_prompts/i/{names['prompt_id']}"),
            client.delete(f"/api/v1/style_presets/i/{names['preset_id']}"),
            client.delete(f"/api/v1/queue/default/i/{names['item_id']}"),
        ]
        assert {answer.status for answer in answers} == {200}, answers


def upload_with_words(client: Client, board_id: str) -> None:
    """A picture with the word in the name of its file and in all texts inside."""
    info, file = PngInfo(), io.BytesIO()
    for key in ("invokeai_metadata", "invokeai_workflow", "invokeai_graph"):
        info.add_text(key, f'{{"name": "{WORD}", "positive_prompt": "{WORD}"}}')
    Image.new("RGB", (16, 16), "navy").save(file, "PNG", pnginfo=info)
    body, headers = form(file=file.getvalue())
    body = body.replace(b'filename="file.png"', f'filename="{WORD}.png"'.encode())
    path = f"{IMAGES}/upload?image_category=user&is_intermediate=false&board_id={board_id}"
    answer = client.post(path, body=body, headers=headers)
    assert answer.status == 201, answer.text


def unpacked(archive: bytes) -> dict[str, bytes]:
    """The members of an archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def scene_on(team: Team) -> Scene:
    """The people, before anything has happened. The other one has things, too, so that counts are not all zero."""
    owner, other, third = (add(team.admin, name) for name in ("owner", "other", "third"))
    upload(other.client, board_id=new_board(other.client, "mine"))
    new_workflow(other.client, "mine")
    bodies = ("state", "destination", "name", "board_id", "trashed", "batch_id", "workflow_id", "heir")
    names = dict.fromkeys(bodies, "none-such")
    nothing = Belongings(owner, DECOY, {**names, "queue_id": "default", "item_id": "987654321"})
    return Scene(team, owner, other, api_token(other, "read"), third, nothing, nothing)
