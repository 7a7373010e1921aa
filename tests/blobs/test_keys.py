"""A key never leaves the store, whatever it looks like."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoke_host.storage.blobs import MAX_KEY, FilesystemBlobStore, safe_join

ROOT = Path("/srv/blobs")

HOSTILE = [
    "",
    ".",
    "..",
    "../x",
    "a/../b",
    "a/..",
    "/etc/passwd",
    "//x",
    "a//b",
    "a/",
    "..\\x",
    "a\\b",
    "C:\\x",
    "c:x",
    "a\0b",
    "a\nb",
    "a\rb",
    "a\x7fb",
    "~root",
    ".hidden",
    "a/.hidden",
    "%2e%2e/x",
    "a\u2215b",
    "a\uff0fb",
    "\u202eb",
    "x" * 4096,
    "a/" * 200 + "b",
]


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_key_is_refused_by_every_method(tmp_path: Path, key: str) -> None:
    store = FilesystemBlobStore(tmp_path / "blobs")
    store.open()
    staged = store.staging("token") / "file"
    staged.write_bytes(b"x")

    for call in (store.path, store.stat, store.delete, lambda key: store.adopt(staged, key)):
        with pytest.raises(ValueError, match="key"):
            call(key)
    assert staged.exists()


@given(st.text() | st.from_regex(r"[./\\a-z%\x00]{0,40}", fullmatch=True))
def test_any_text_is_refused_or_stays_inside(key: str) -> None:
    try:
        path = safe_join(ROOT, key)
    except ValueError:
        return
    assert path.is_relative_to(ROOT)
    assert path != ROOT
    assert str(path.relative_to(ROOT)) == key
    assert ".." not in path.parts
    assert len(key) <= MAX_KEY


@given(
    st.lists(st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}", fullmatch=True), min_size=1, max_size=5).map("/".join)
)
def test_plain_names_are_keys(key: str) -> None:
    assert safe_join(ROOT, key) == ROOT / key


def test_a_link_that_leads_out_of_the_store_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("canary")
    store = FilesystemBlobStore(tmp_path / "blobs")
    store.open()
    (tmp_path / "blobs" / "images").symlink_to(outside, target_is_directory=True)

    for call in (store.path, store.stat, store.delete):
        with pytest.raises(OSError, match="leads out"):
            call("images/secret")
    assert list(store.iter()) == []
    assert (outside / "secret").read_text() == "canary"


def test_a_link_in_place_of_a_file_is_no_stored_file_and_its_target_survives_deletion(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    store = FilesystemBlobStore(tmp_path / "blobs")
    store.open()
    (tmp_path / "blobs" / "images").mkdir()
    (tmp_path / "blobs" / "images" / "x.png").symlink_to(secret)

    assert store.stat("images/x.png") is None
    assert list(store.iter()) == []
    assert store.delete("images/x.png")
    assert secret.read_text() == "canary"


def test_a_store_whose_own_folder_is_a_link_works(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "blobs").symlink_to(tmp_path / "disk", target_is_directory=True)
    store = FilesystemBlobStore(tmp_path / "blobs")
    store.open()

    assert store.path("images/ab/x.png") == tmp_path / "blobs" / "images" / "ab" / "x.png"
