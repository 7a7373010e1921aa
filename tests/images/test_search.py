"""Searching: what is typed finds the same on both databases, and is never taken for the database's own language."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, event, select, update

from invoke_host.access.engine import AccessEngine
from invoke_host.images import drift, editing, listing, moves
from invoke_host.images.query import Filters, ListQuery
from invoke_host.images.search import index
from invoke_host.images.search.asking import Term, terms
from invoke_host.images.search.tables import image_search
from invoke_host.images.search.words import MAX_WORD, words, words_of
from invoke_host.images.tables import image_texts, images
from invoke_host.lineage import host_lineage
from tests.images.conftest import ALICE, BOB, Gallery

NOW = "2026-01-01 12:00:00.000"


def found(gallery: Gallery, access: AccessEngine, text: str) -> list[str]:
    query = ListQuery(Filters(search=text), limit=100)
    return [item["image_name"] for item in gallery.storage.run_read(listing.walked_page, access, ALICE, query).items]


def add(gallery: Gallery, prompt: str, **more: object) -> str:
    return gallery.add_rows(1, ALICE, metadata=json.dumps({"positive_prompt": prompt, **more}))[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A Red-hair_girl", ["a", "red", "hair", "girl"]),
        ("Ärger STRAẞE ﬁne", ["arger", "strasse", "fine"]),
        ("1girl, 8k (masterpiece:1.2)", ["1girl", "8k", "masterpiece", "1", "2"]),
        ("猫と dog", ["猫", "と", "dog"]),
        ("!? \0 *", []),
        ("x" * 100, ["x" * MAX_WORD]),
    ],
)
def test_words_have_no_case_accents_or_signs(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize("metadata", [None, "", "{", "[]", '"text"', '{"positive_prompt": null}', '{"model": "x"}'])
def test_a_file_that_says_nothing_usable_has_no_words(metadata: str | None) -> None:
    assert words_of(metadata) == []


@pytest.mark.parametrize("deep", ["[" * 100_000 + "]" * 100_000, '{"a":' * 5000 + "0" + "}" * 5000, "9" * 5000])
def test_a_file_that_says_more_than_can_be_read_has_no_words(deep: str) -> None:
    assert words_of('{"positive_prompt": "a pear", "more": ' + deep + "}") == []


def test_prompts_scheduler_seed_and_the_models_name_are_found() -> None:
    said = {"positive_prompt": "cat", "negative_prompt": "blur", "scheduler": "euler_a", "seed": 7, "steps": 30}

    assert words_of(json.dumps({**said, "model": {"name": "SD XL", "key": "k"}})) == [
        *("cat", "blur", "euler", "a", "7", "sd", "xl")
    ]


def test_what_is_typed_is_taken_apart_into_words_phrases_beginnings_and_dates() -> None:
    assert terms('cat "big dog" pupp* 2026-11 ca*') == [
        Term(("cat",)),
        Term(("big", "dog")),
        Term(("pupp",), is_prefix=True),
        Term(("2026", "11"), place="_d202611"),
        Term(("ca",)),
    ]
    assert terms("?! ''") is None


HOSTILE = st.text(
    st.sampled_from(list("ab\"'*()^:-+{}[]|&!<>\\%_;~,. 猫é\0\n\u0301\u200d💥𝔸")) | st.characters(), max_size=40
)


def test_whatever_is_typed_is_answered_and_finds_the_text_it_is_taken_from(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    name = add(each_gallery, "nothing of note")

    @settings(max_examples=150, deadline=None, database=None)
    @given(HOSTILE)
    def check(text: str) -> None:
        each_gallery.storage.run_write(_say, name, text)

        hits = found(each_gallery, access, text)

        # A quotation mark makes a phrase, which may join what stands apart in the text; without any, all words match.
        if words(text) and '"' not in text:
            assert hits == [name]
        if not words(text) and text.strip():
            assert hits == []

    check()


def _say(conn: Connection, name: str, text: str) -> None:
    """Make this the prompt of an image."""
    image_id = conn.scalars(select(images.c.id).where(images.c.name == name)).one()
    said = json.dumps({"positive_prompt": text.replace("\0", " ")})
    conn.execute(update(image_texts).where(image_texts.c.image_id == image_id).values(metadata=said))
    index.remove(conn, [image_id])
    index.add(conn, [image_id])


@pytest.mark.parametrize("word", ["_s0", "_ualice", "scope:a", "words:cat", "NOT", "cat OR dog", "NEAR(cat dog)"])
def test_the_words_of_places_and_of_the_database_are_no_words_of_a_search(
    each_gallery: Gallery, access: AccessEngine, word: str
) -> None:
    add(each_gallery, "a cat")

    assert found(each_gallery, access, word) == []


def test_an_image_is_found_where_it_is_now(each_gallery: Gallery, access: AccessEngine) -> None:
    storage = each_gallery.storage
    name = add(each_gallery, "cat")
    board = each_gallery.add_board(BOB, roles={"alice": "contributor"})

    storage.run_write(moves.place, access, ALICE, board, [name], now=NOW)
    storage.run_write(editing.set_starred, access, ALICE, [name], True, now=NOW)

    for filters in (Filters(search="cat", board_id=board), Filters(search="2026-01-01"), Filters(day="2026-01-01")):
        page = storage.run_read(listing.walked_page, access, BOB, ListQuery(filters))
        assert [item["image_name"] for item in page.items] == [name]
        assert page.total == 1
    assert storage.run_read(drift.drift) == []


def test_a_search_is_counted_up_to_its_limit_and_further_as_it_is_read(gallery: Gallery, access: AccessEngine) -> None:
    for _ in range(130):
        add(gallery, "cat")

    first = gallery.storage.run_read(listing.walked_page, access, ALICE, ListQuery(Filters(search="cat"), limit=50))
    later = gallery.storage.run_read(
        listing.walked_page, access, ALICE, ListQuery(Filters(search="cat"), limit=20, offset=105)
    )

    assert (first.total, later.total) == (100, 126)
    assert len(later.items) == 20


def test_the_migration_indexes_as_the_host_does(each_gallery: Gallery) -> None:
    migration = _migration()
    for text in ("A Red-hair_girl 1.5", "Ärger STRAẞE ﬁne 猫と犬 " + "y" * 90, "", "💥 x\u0301"):
        said = json.dumps({"positive_prompt": text, "model": {"name": "SD"}, "seed": 3})
        row = type("Row", (), {"metadata": said})
        assert migration._said(row) == words_of(said)


def _migration() -> ModuleType:
    file: Path = host_lineage().script_location / "versions" / "0003_boards.py"
    spec = importlib.util.spec_from_file_location("migration", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_search_reads_the_index_in_order_and_images_by_id(gallery: Gallery, access: AccessEngine) -> None:
    for _ in range(20):
        add(gallery, "cat")
    plans: list[str] = []
    engine: Engine = gallery.storage.engine

    def explain(conn: Connection, cursor: object, statement: str, parameters: object, *_: object) -> None:
        if "image_search" in statement:
            plans.extend(row[-1] for row in conn.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    event.listen(engine, "before_cursor_execute", explain)
    gallery.storage.run_read(listing.walked_page, access, ALICE, ListQuery(Filters(search="cat")))
    event.remove(engine, "before_cursor_execute", explain)

    assert "SCAN image_search VIRTUAL TABLE INDEX" in " ".join(plans)
    assert not [line for line in plans if "SCAN images" in line or "SCAN boards" in line]


def test_what_leaves_the_table_leaves_the_index(each_gallery: Gallery, access: AccessEngine) -> None:
    add(each_gallery, "cat")
    storage = each_gallery.storage

    storage.run_write(lambda conn: index.remove(conn, list(conn.scalars(select(images.c.id)))))

    assert storage.run_read(lambda conn: conn.execute(select(image_search.c.rowid)).all()) == []
    assert found(each_gallery, access, "cat") == []
