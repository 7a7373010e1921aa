"""Bodies with very many small values are refused before they are read, whatever stands in their texts."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoke_host.jsonsize import MAX_VALUES, too_many_values

values = st.recursive(
    st.none() | st.integers() | st.text(alphabet='ab,[]{}":\\é', max_size=12),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.text(alphabet='a,[{"\\', max_size=4), inner, max_size=6)
    ),
    max_leaves=30,
)


def marks(value: Any) -> int:
    """Commas and opening brackets that JSON has for it."""
    if isinstance(value, list | dict):
        inner = value if isinstance(value, list) else value.values()
        return 1 + max(len(value) - 1, 0) + sum(map(marks, inner))
    return 0


@given(value=values, ascii_only=st.booleans(), most=st.integers(0, 40))
def test_only_what_is_outside_of_texts_counts(value, ascii_only, most) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert too_many_values(raw, most) == (marks(value) > most)


@given(raw=st.binary(max_size=60), most=st.integers(0, 10))
def test_what_is_no_json_is_counted_too(raw, most) -> None:
    assert too_many_values(raw, most) in (True, False)


@pytest.mark.parametrize(
    ("raw", "many"),
    [
        (b'["' + b"a, b, [c], {d}, " * 500_000 + b'"]', False),
        (b'["' + b'\\",' * 2_000_000 + b'"]', False),
        (b'["' + b'\\",' * 2_000_000, False),
        (b"[" * 8_000_000, True),
        (b"[" + b'"",' * 2_000_000 + b'""]', True),
        (b"[" + b"1," * MAX_VALUES + b"1]", True),
        (b"[" + b"1," * (MAX_VALUES - 2) + b"1]", False),
    ],
    ids=["prompts", "quotes", "no end", "depth", "texts", "over", "under"],
)
def test_eight_megabytes_are_judged_in_linear_time(raw: bytes, many: bool) -> None:
    started = time.process_time()
    assert too_many_values(raw) is many
    assert time.process_time() - started < 0.5
