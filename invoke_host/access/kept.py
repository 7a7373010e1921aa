"""Which facts may be part of a key, so that what policies said with the same facts is said once.

Facts are what a policy learned about the actor for one request. Two requests with equal facts get equal SQL, because
policies are pure; so statements are kept by facts as well, as long as these are few and plain values.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any

from invoke_host.api import Actor

#: Kept answers; an actor that changes (another role, another group) is another key, the oldest fall out.
CACHE_SIZE = 2048

_PLAIN = frozenset({type(None), bool, int, float, str, bytes, date, datetime, time})

#: More facts than this cost more to compare than they save.
_MANY = 64


class Unkept(Exception):
    """These facts can't be part of a key: too many, or of a type that may change under it."""


def facts_key(facts: Mapping[str, Mapping[str, Any]]) -> Hashable:
    """The same for the same facts, and different for different ones, types included. Raises Unkept."""
    return _key(facts, [_MANY])


@lru_cache(CACHE_SIZE)
def without_session(actor: Actor) -> Actor:
    """The same person, by whichever session or token they come: a new login must not compile every statement anew.

    Only for actors without facts: those are not compared.
    """
    return replace(actor, session_id=None, token_id=None, display_name="")


def _key(value: object, left: list[int]) -> Hashable:
    left[0] -= 1
    if left[0] < 0:
        raise Unkept
    kind = type(value)
    if kind in _PLAIN:
        return (kind, value)
    if isinstance(value, Mapping):
        return (Mapping, frozenset((_key(name, left), _key(each, left)) for name, each in value.items()))
    if isinstance(value, (frozenset, set)):
        return (frozenset, frozenset(_key(each, left) for each in value))
    if isinstance(value, (list, tuple)):
        return (kind, tuple(_key(each, left) for each in value))
    raise Unkept
