"""Frames survive the journey; anything else is told from a frame."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from invoke_host.api import (
    Job,
    JobDone,
    JobFailed,
    JobOutput,
    JobPreview,
    JobProgress,
    JobStarted,
    ModelDefaults,
    ModelOffer,
)
from invoke_host.generation.protocol import (
    HEADER,
    MAX_FRAME_BYTES,
    VERSION,
    Cancel,
    Configure,
    Credit,
    Frame,
    Heartbeat,
    Previews,
    ProtocolError,
    Ready,
    Refused,
    Run,
    decode,
    encode,
    payload_length,
)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-(2**53), 2**53)
reals = st.floats(allow_nan=False, allow_infinity=False)
paths = st.text("abc/_. é", min_size=1, max_size=20).map(Path)
json_objects = st.dictionaries(words, st.recursive(words | numbers | st.booleans() | st.none(), st.lists, max_leaves=4))
defaults = st.builds(ModelDefaults, numbers, numbers, numbers, reals, words)
offers = st.builds(
    ModelOffer,
    key=words,
    name=words,
    path=paths,
    native_size=st.none() | st.tuples(numbers, numbers),
    schedulers=st.none() | st.frozensets(words, max_size=3),
    default=st.booleans(),
    defaults=defaults,
    formerly=st.lists(words, max_size=2).map(tuple),
    refusals=st.dictionaries(words, words, max_size=2),
)
jobs = st.builds(
    Job, words, offers, words, words, numbers, numbers, numbers, reals, numbers, words, paths, json_objects
)
previews = st.builds(
    JobPreview, numbers, numbers, st.text("ABCabc+/=", max_size=20).map("data:image/jpeg;base64,{}".format)
)
frames: st.SearchStrategy[Frame] = st.one_of(
    st.builds(Configure, words, numbers, numbers, numbers, reals),
    st.builds(Run, jobs),
    st.builds(Cancel, words),
    st.builds(Previews, words, st.booleans()),
    st.builds(Ready, numbers, words, words, words, st.lists(words, max_size=3).map(tuple)),
    st.builds(Refused, words),
    st.just(Credit()),
    st.just(Heartbeat()),
    st.builds(JobStarted, words, words),
    st.builds(JobProgress, words, numbers, numbers, words, st.none() | previews),
    st.builds(JobOutput, words, numbers, paths, words, paths, words, numbers, numbers, json_objects),
    st.builds(JobDone, words, reals),
    st.builds(JobFailed, words, words, words, st.booleans()),
)


def read(data: bytes) -> Frame:
    header = data[: HEADER.size]
    length = payload_length(header)
    return decode(header, data[HEADER.size : HEADER.size + length])


@given(frames)
def test_a_frame_comes_out_as_it_went_in(frame):
    data = encode(frame)
    assert payload_length(data[: HEADER.size]) == len(data) - HEADER.size
    assert read(data) == frame


@given(st.binary(min_size=HEADER.size, max_size=64))
@example(HEADER.pack(2, VERSION, 18) + b"[]")
@example(HEADER.pack(4, VERSION, 2) + b"null")
def test_garbage_is_a_protocol_error_or_a_frame_and_nothing_else(data):
    try:
        frame = read(data)
    except ProtocolError:
        return
    assert read(encode(frame)) == frame


@given(frames, st.data())
def test_a_frame_with_one_changed_byte_never_crashes_the_reader(frame, data):
    sent = bytearray(encode(frame))
    place = data.draw(st.integers(0, len(sent) - 1))
    sent[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ProtocolError):
        read(bytes(sent))


def test_a_frame_over_the_limit_is_refused_by_both_ends_before_it_is_read():
    with pytest.raises(ProtocolError, match="over 1048576"):
        encode(Refused("x" * MAX_FRAME_BYTES))
    with pytest.raises(ProtocolError, match="over 1048576"):
        payload_length(HEADER.pack(MAX_FRAME_BYTES + 1, VERSION, 17))


def test_another_version_is_refused():
    with pytest.raises(ProtocolError, match="protocol version 2, expected 1"):
        payload_length(HEADER.pack(0, 2, 17))


def test_a_wrong_field_is_named():
    with pytest.raises(ProtocolError, match=r"bad JobDone frame: engine_s: "):
        read(HEADER.pack(31, VERSION, 35) + b'{"job_id": "a", "engine_s":"x"}')
