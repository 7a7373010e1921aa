"""S-D2: what one user writes reaches nobody else, by no route, event, archive or log line, and changes no answer.

The owner's word stands in everything that has a text: boards, prompts, metadata, workflows, presets, system prompts,
client state, groups, tokens, labels of queue items, file names. The others ask every route that reads, with every
value of its filters and orders, about the owner's things and with the owner's words; and the same about things that
never were, with a word that nobody wrote: the answers have to be the same.
"""

from __future__ import annotations

import pytest

from invoke_host.testing.client import Answer

from .accounts import Team
from .canary_scene import DECOY, OPEN, WORD, Scene, scene_on, unpacked
from .table import ROUTES, Row

#: Answers that differ from one moment to the next, whoever asks.
RESTLESS = ("/api/v1/auth/generate-password", "/api/v1/auth/sessions", "/api/v1/auth/tokens", "/healthz", "/readyz")

#: How long the queue is and where its items stand is everybody's business.
QUEUE = "/api/v1/queue/"

#: Where the owner reads the word, each thing at least once; where who got a grant on the board does.
OWNERS = (
    "/api/v1/auth/tokens",
    "/api/v1/groups/mine",
    "/api/v1/queue/{queue_id}/list_all",
    "/api/v1/queue/{queue_id}/items_by_ids",
    "/api/v1/queue/{queue_id}/i/{item_id}",
    "/api/v1/images/i/{name}/metadata",
    "/api/v1/boards/",
    "/api/v1/boards/{board_id}",
    "/api/v1/style_presets/",
    "/api/v1/style_presets/i/{preset_id}",
    "/api/v1/system_prompts/",
    "/api/v1/system_prompts/i/{prompt_id}",
    "/api/v1/workflows/",
    "/api/v1/workflows/tags",
    "/api/v1/workflows/i/{workflow_id}",
    "/api/v1/client_state/{queue_id}/get_keys_by_prefix",
)
SHARED = {"/api/v1/boards/", "/api/v1/boards/{board_id}", "/api/v1/images/i/{name}/metadata"}
PUBLISHED = {path for path in OWNERS if path.startswith(("/api/v1/style", "/api/v1/system", "/api/v1/workflows"))}

#: Events that go to everybody, as they went when it was public.
PUBLIC_KINDS = ("_gone", "workflows_changed", "style_presets_changed", "system_prompts_changed")


@pytest.fixture(scope="module")
def scene(studio: Team) -> Scene:
    played = scene_on(studio)
    played.play()
    return played


def row_of(key: str) -> Row:
    """The route that a request of a crawl belongs to: fixed words before parameters."""
    method, _, path = key.partition(" ")
    bare = path.partition("?")[0]
    found = [row for row in ROUTES if row.route.method == method and row.matches(bare)]
    return min(found, key=lambda row: row.route.path.count("{"))


def told(crawled: dict[str, Answer]) -> set[str]:
    """Paths of routes that tell the word without being told it first."""
    return {
        row_of(key).route.path
        for key, answer in crawled.items()
        if WORD not in key and WORD.encode() in answer.body and row_of(key).route.media is None
    }


def without_names(scene: Scene, text: str) -> str:
    """The text, were it about what never was."""
    text = text.replace(WORD, DECOY)
    for name, value in scene.things.names.items():
        if len(value) > 10:
            text = text.replace(value.replace(WORD, DECOY), scene.nothing.names[name])
    return text


def differs(scene: Scene, there: Answer, nowhere: Answer) -> bool:
    def shape(answer: Answer) -> tuple[int, frozenset[str]]:
        return answer.status, frozenset(answer.headers) - {"x-request-id"}

    return shape(there) != shape(nowhere) or without_names(scene, there.text) != nowhere.text


@pytest.mark.parametrize("who", ["other", "read-only", "third", "other, published before"])
def test_no_route_tells_the_word_or_that_there_is_anything(scene: Scene, who: str) -> None:
    """`third` had a grant before."""
    there, nowhere = scene.pairs[who]
    assert len(there) > 150
    assert told(there) == set()
    for (key, answer), other in zip(there.items(), nowhere.values(), strict=True):
        path = row_of(key).route.path
        if path.endswith(OPEN):
            assert WORD not in answer.text, key
        elif path not in RESTLESS:
            assert not differs(scene, answer, other), (key, answer.status, answer.text, other.status, other.text)


def test_what_changes_things_can_t_tell_them_from_nothing_either(scene: Scene) -> None:
    assert len(scene.changes) > 30
    for line, there, nowhere in scene.changes:
        assert not differs(scene, there, nowhere), (line, there.status, there.text, nowhere.status, nowhere.text)


def test_all_lists_counts_and_orders_are_as_before_there_was_anything(scene: Scene) -> None:
    for key, answer in scene.crawls["before"].items():
        path = row_of(key).route.path
        if path not in RESTLESS and not path.startswith(QUEUE):
            later = scene.crawls["after"][key]
            assert (later.status, later.text) == (answer.status, answer.text), key


def test_the_owner_reads_the_word_everywhere(scene: Scene) -> None:
    """Or the crawl would prove nothing."""
    assert told(scene.crawls["owner"]) >= set(OWNERS)
    assert f'"{WORD} value"' in {answer.text for key, answer in scene.crawls["owner"].items() if "get_by_key" in key}


def test_who_gets_a_grant_reads_the_board_until_it_is_revoked(scene: Scene) -> None:
    assert told(scene.crawls["shared"]) == SHARED
    listed = next(answer for key, answer in scene.crawls["shared"].items() if f"search_term={WORD}" in key)
    assert listed.json()["total"] == 3
    names = set(unpacked(scene.archives["shared"]))
    assert scene.things.names["name"] in names
    assert scene.things.names["trashed"] not in names
    assert {answer.status for _, answer in scene.revoked} == {404}


def test_what_is_published_is_read_while_it_is(scene: Scene) -> None:
    assert told(scene.crawls["published"]) == SHARED | PUBLISHED


def test_an_archive_holds_nothing_that_who_asked_does_not_see(scene: Scene) -> None:
    members = unpacked(scene.archives["other"])
    assert len(members) == 1
    assert not any(name in scene.things.names.values() for name in members)
    assert not any(WORD.encode() in content for content in members.values())


@pytest.mark.parametrize("who", ["other", "read-only"])
def test_no_event_tells_the_word_and_none_of_what_was_never_public(scene: Scene, who: str) -> None:
    _, private, published, destroyed = scene.heard[who]
    assert not any(WORD in str(event) for event in [*private, *published, *destroyed])
    for event in [*private, *destroyed]:
        assert not mentioned(scene, str(event.data)), event
    kinds = {event.kind for event in published}
    assert {"boards_changed", "boards_gone", "workflows_changed", "workflows_gone"} <= kinds


def test_a_replay_tells_nothing_of_it(scene: Scene) -> None:
    assert scene.replayed
    for event in scene.replayed:
        assert WORD not in str(event), event
        # What was public for a time is told to have been, and to be gone, to those who may have seen it.
        assert not mentioned(scene, str(event.data)) or event.kind.endswith(PUBLIC_KINDS), event


def mentioned(scene: Scene, text: str) -> set[str]:
    """The owner's things that a text names; the model is everybody's, and so is what day it is."""
    names = {name: value for name, value in scene.things.names.items() if name not in ("key", "date", "heir")}
    return {name for name, value in names.items() if len(value) > 10 and value in text}


def test_no_line_of_the_log_has_the_word(scene: Scene, studio: Team) -> None:
    lines = [line for line in studio.host.log.splitlines() if WORD in line]
    assert lines == []
