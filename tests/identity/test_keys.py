"""The file of session keys: who may read it, what damage does, how keys are replaced."""

from __future__ import annotations

import json
import os
import stat
import threading

import pytest

from invoke_host.api import StartupError
from invoke_host.identity.sessions.keys import FILE_NAME, KeyRing, read_keys
from invoke_host.identity.sessions.rotation import rotate


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "secrets"


@pytest.fixture
def open_ring(folder, clock, log):
    return lambda: KeyRing.open(folder, clock=clock, log=log.logger)


def rewrite(file, change):
    content = json.loads(file.read_text())
    change(content["keys"])
    file.write_text(json.dumps(content))


def test_a_missing_file_is_made_with_a_key_of_256_bits_that_only_its_owner_can_read(folder, open_ring):
    old = os.umask(0)
    try:
        ring = open_ring()
    finally:
        os.umask(old)
    assert len(ring.current.secret) == 32
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert ring.find(ring.current.kid) == ring.current


def test_a_second_start_finds_the_same_key_and_another_folder_has_another(folder, open_ring, tmp_path):
    first = open_ring().current
    assert open_ring().current == first
    other = KeyRing.open(tmp_path / "other").current
    assert other.secret != first.secret
    assert other.kid != first.kid


def test_nothing_half_written_is_left_beside_the_file(folder, open_ring):
    (folder).mkdir(mode=0o700)
    (folder / f".{FILE_NAME}.part").write_text("from a crash")
    open_ring()
    assert not (folder / f".{FILE_NAME}.part").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601, 0o777])
def test_a_file_that_others_can_get_at_stops_the_start_with_the_command_that_closes_it(folder, open_ring, mode):
    open_ring()
    (folder / FILE_NAME).chmod(mode)
    with pytest.raises(StartupError, match=rf"mode {mode:04o}\); run `chmod 600 .*session\.keys`.*secrets rotate"):
        open_ring()


@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_a_folder_in_which_others_could_put_a_file_stops_the_start(folder, open_ring, mode):
    open_ring()
    folder.chmod(mode)
    with pytest.raises(StartupError, match=r"run `chmod 700 .*secrets`"):
        open_ring()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": [{"kid": "a"}]}',
        '{"keys": [{"kid": "a", "secret": "!!!", "until": null}]}',
        '{"keys": [{"kid": 5, "secret": "%s", "until": null}]}' % ("A" * 44),
        '{"keys": [{"kid": "", "secret": "%s", "until": null}]}' % ("A" * 44),
        '{"keys": [{"kid": "a", "secret": "%s", "until": "soon"}]}' % ("A" * 44),
        '{"keys": [{"kid": "a", "secret": "%s", "until": 5}]}' % ("A" * 44),
    ],
)
def test_a_damaged_file_stops_the_start_with_the_ways_out(folder, open_ring, content):
    open_ring()
    (folder / FILE_NAME).write_text(content)
    with pytest.raises(StartupError, match=r"is damaged; restore it .* `invoke-host secrets rotate --forget-old`"):
        open_ring()


def test_two_keys_of_one_id_are_damage(folder, open_ring):
    open_ring()
    rewrite(folder / FILE_NAME, lambda keys: keys.append({**keys[0], "until": 4_000_000_000}))
    with pytest.raises(StartupError, match="is damaged"):
        open_ring()


def test_a_key_of_31_bytes_stops_the_start(folder, open_ring):
    open_ring()
    rewrite(folder / FILE_NAME, lambda keys: keys[0].update(secret="QUFB" * 10 + "QQ=="))
    with pytest.raises(StartupError, match="holds a key of less than 32 bytes"):
        open_ring()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="can't be written"):
        KeyRing.open(tmp_path / "file" / "secrets")


def test_two_processes_that_start_at_once_agree_on_one_key(folder):
    rings, barrier = [], threading.Barrier(8)

    def start():
        barrier.wait()
        rings.append(KeyRing.open(folder))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({ring.current.secret for ring in rings}) == 1


def test_rotating_keeps_the_old_key_for_looking_and_signs_with_the_new(folder, open_ring, clock):
    ring = open_ring()
    old = ring.current
    kid = rotate(folder, keep_s=1000, clock=clock)
    ring.reload()
    assert ring.current.kid == kid != old.kid
    assert ring.find(old.kid).secret == old.secret
    clock.advance(999)
    assert ring.find(old.kid) is not None
    clock.advance(1)
    assert ring.find(old.kid) is None
    assert ring.find(kid) is not None


def test_rotating_twice_does_not_prolong_the_oldest_key_and_drops_what_is_over(folder, open_ring, clock):
    ring = open_ring()
    oldest = ring.current.kid
    second = rotate(folder, keep_s=1000, clock=clock)
    clock.advance(600)
    rotate(folder, keep_s=1000, clock=clock)
    ring.reload()
    clock.advance(400)
    assert ring.find(oldest) is None
    assert ring.find(second) is not None
    rotate(folder, keep_s=1000, clock=clock)
    assert len(read_keys(folder / FILE_NAME)) == 3


def test_forgetting_old_keys_leaves_the_new_one_only(folder, open_ring):
    ring = open_ring()
    old = ring.current.kid
    rotate(folder)
    rotate(folder, forget_old=True)
    ring.reload()
    assert ring.find(old) is None
    assert len(read_keys(folder / FILE_NAME)) == 1


def test_a_damaged_file_is_only_replaced_when_forgetting_is_meant(folder, open_ring):
    open_ring()
    (folder / FILE_NAME).write_text("damaged")
    with pytest.raises(StartupError, match="is damaged"):
        rotate(folder)
    assert (folder / FILE_NAME).read_text() == "damaged"
    kid = rotate(folder, forget_old=True)
    assert open_ring().current.kid == kid


def test_the_new_file_is_closed_to_others_too(folder, open_ring):
    open_ring()
    rotate(folder)
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600


def test_a_running_host_looks_at_most_twice_a_second(folder, open_ring, clock):
    ring = open_ring()
    old = ring.current.kid
    kid = rotate(folder, clock=clock)
    ring.refresh()
    assert ring.current.kid == old
    clock.advance(0.5)
    ring.refresh()
    assert ring.current.kid == kid


@pytest.mark.parametrize("spoil", [lambda file: file.write_text("damaged"), lambda file: file.unlink()])
def test_a_file_that_goes_bad_while_running_is_logged_once_and_the_known_keys_stay(folder, open_ring, log, spoil):
    ring = open_ring()
    spoil(folder / FILE_NAME)
    known = ring.current
    for _ in range(3):
        ring.reload()
    assert ring.current == known
    assert [entry["event"] for entry in log.entries] == ["session_keys_unreadable"]


def test_no_key_is_shown_by_printing_it(open_ring):
    ring = open_ring()
    assert repr(ring.current) == f"Key({ring.current.kid!r})"
