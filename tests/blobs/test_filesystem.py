"""The folder blob store: durable, whole or not at all, and the right disk."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from invoke_host import faults
from invoke_host.api import StartupError
from invoke_host.storage.blobs import MARKER, FilesystemBlobStore

KEY = "images/ab/abcd.png"


@pytest.fixture
def blobs(tmp_path: Path) -> FilesystemBlobStore:
    store = FilesystemBlobStore(tmp_path / "blobs")
    store.open()
    return store


def put(store: FilesystemBlobStore, key: str, content: bytes) -> None:
    staged = store.staging("token") / "file"
    staged.write_bytes(content)
    store.adopt(staged, key)


def test_an_adopted_file_is_found_under_its_key_and_leaves_staging(blobs: FilesystemBlobStore) -> None:
    put(blobs, KEY, b"picture")

    assert blobs.path(KEY).read_bytes() == b"picture"
    info = blobs.stat(KEY)
    assert info is not None
    assert (info.key, info.size_bytes) == (KEY, 7)
    assert [found.key for found in blobs.iter()] == [KEY]
    assert list(blobs.staging("token").iterdir()) == []


def test_a_deleted_file_is_gone_and_deleting_again_says_so(blobs: FilesystemBlobStore) -> None:
    put(blobs, KEY, b"picture")

    assert blobs.delete(KEY)
    assert not blobs.delete(KEY)
    assert blobs.stat(KEY) is None
    assert blobs.stat("images/zz/none.png") is None
    assert not blobs.delete("images/zz/none.png")


def test_files_are_listed_by_prefix_and_staged_ones_never(blobs: FilesystemBlobStore) -> None:
    for key in ("images/ab/1.png", "images/cd/2.png", "thumbnails/ab/1.webp"):
        put(blobs, key, b"x")
    (blobs.staging("other") / "half.png").write_bytes(b"x")

    assert {found.key for found in blobs.iter("images/")} == {"images/ab/1.png", "images/cd/2.png"}
    assert {found.key for found in blobs.iter("images/a")} == {"images/ab/1.png"}
    assert len(list(blobs.iter())) == 3
    assert list(blobs.iter("nothing")) == []


def test_staging_folders_are_listed_and_dropped(blobs: FilesystemBlobStore) -> None:
    (blobs.staging("one") / "file").write_bytes(b"x")
    blobs.staging("two")
    assert blobs.staged() == ["one", "two"]

    blobs.drop_staging("one")
    blobs.drop_staging("one")

    assert blobs.staged() == ["two"]


@pytest.mark.parametrize("token", ["", "..", "a/b", "a\\b", "a\0b", "x" * 129, ".hidden"])
def test_a_staging_token_is_never_a_path(blobs: FilesystemBlobStore, token: str) -> None:
    with pytest.raises(ValueError, match="staging token"):
        blobs.staging(token)
    with pytest.raises(ValueError, match="staging token"):
        blobs.drop_staging(token)


def test_opening_again_finds_the_same_folder(tmp_path: Path) -> None:
    FilesystemBlobStore(tmp_path / "blobs").open()
    store = FilesystemBlobStore(tmp_path / "blobs")
    put_after_open = b"picture"
    store.open()
    put(store, KEY, put_after_open)

    FilesystemBlobStore(tmp_path / "blobs").open()

    assert store.path(KEY).read_bytes() == put_after_open
    assert (store.free_bytes() or 0) > 0
    assert str(tmp_path / "blobs") in store.describe()


@pytest.mark.parametrize("mount_point_exists", [True, False])
def test_an_unmounted_disk_stops_the_start_and_nothing_is_written_below_it(
    tmp_path: Path, mount_point_exists: bool
) -> None:
    root = tmp_path / "blobs"
    FilesystemBlobStore(root).open()
    root.rename(tmp_path / "the disk, elsewhere")
    if mount_point_exists:
        root.mkdir()

    with pytest.raises(StartupError, match="is the disk mounted"):
        FilesystemBlobStore(root).open()

    assert not root.exists() or list(root.iterdir()) == []


def test_the_disk_of_another_host_is_refused(tmp_path: Path) -> None:
    FilesystemBlobStore(tmp_path / "blobs", identity=tmp_path / "mine").open()
    FilesystemBlobStore(tmp_path / "other", identity=tmp_path / "theirs").open()

    with pytest.raises(StartupError, match="belongs to another host"):
        FilesystemBlobStore(tmp_path / "other", identity=tmp_path / "mine").open()


def test_a_folder_with_a_marker_is_adopted_by_a_host_that_lost_its_own_note(tmp_path: Path) -> None:
    FilesystemBlobStore(tmp_path / "blobs", identity=tmp_path / "note").open()
    (tmp_path / "note").unlink()

    FilesystemBlobStore(tmp_path / "blobs", identity=tmp_path / "note").open()

    assert (tmp_path / "note").read_text() == (tmp_path / "blobs" / MARKER).read_text()


def test_a_folder_that_is_a_file_is_a_start_error_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("not a folder")

    with pytest.raises(StartupError, match=str(tmp_path)):
        FilesystemBlobStore(tmp_path / "blobs").open()


@pytest.mark.parametrize("failpoint", ["save.before_fsync", "save.before_rename"])
def test_a_full_disk_leaves_nothing_under_the_final_name(
    blobs: FilesystemBlobStore, monkeypatch: pytest.MonkeyPatch, failpoint: str
) -> None:
    staged = blobs.staging("token") / "file"
    staged.write_bytes(b"picture")

    monkeypatch.setattr(faults, "_ARMED", {failpoint: ("nospace", 1)})
    monkeypatch.setattr(faults, "_PASSED", {})

    with pytest.raises(OSError, match="no space left"):
        blobs.adopt(staged, KEY)

    assert blobs.stat(KEY) is None
    blobs.adopt(staged, KEY)  # when there is room again, the same file goes in
    assert blobs.path(KEY).read_bytes() == b"picture"


def test_a_write_beyond_the_file_size_limit_never_reaches_a_final_name(blobs: FilesystemBlobStore) -> None:
    """A real failing write, by the kernel: RLIMIT_FSIZE stands in for a disk that fills up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            put(blobs, KEY, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)

    assert blobs.stat(KEY) is None
    assert list(blobs.iter()) == []


@pytest.mark.parametrize(
    ("failpoint", "stored"), [("save.before_fsync", False), ("save.before_rename", False), ("save.after_rename", True)]
)
def test_a_kill_during_adopt_leaves_the_whole_file_or_none(tmp_path: Path, failpoint: str, stored: bool) -> None:
    program = (
        "import sys; from pathlib import Path; from invoke_host.storage.blobs import FilesystemBlobStore as S\n"
        "s = S(Path(sys.argv[1])); s.open(); f = s.staging('t') / 'f'; f.write_bytes(b'p' * 100000)\n"
        "s.adopt(f, 'images/ab/abcd.png')"
    )
    root = tmp_path / "blobs"
    environment = {**os.environ, "INVOKE_HOST_FAILPOINT": f"{failpoint}:kill9"}
    ended = subprocess.run([sys.executable, "-c", program, str(root)], env=environment, timeout=60, check=False)

    assert ended.returncode == -signal.SIGKILL
    store = FilesystemBlobStore(root)
    store.open()
    info = store.stat(KEY)
    assert (info.size_bytes if info else None) == (100_000 if stored else None)
    assert store.staged() == ["t"]
