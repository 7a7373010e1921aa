"""Statements that are kept for each predicate: building one costs more than running it.

The access engine hands out the same predicate object for the same actor, so the object is the key. The oldest fall out.
"""

from __future__ import annotations

from functools import lru_cache

#: Keeps what a function returned for the last 128 combinations of arguments: statements weigh some 20 KB each, and with
#: what all users share (storage.prepared) a new one takes a fraction of a millisecond.
kept = lru_cache(128)
