"""Whether a recomputed state is the same as the saved one, so that a replay may stop.

Invariant: when two states are the same, no reducer can tell them apart except by `is`. So types
are compared exactly (`True`, `1` and `1.0` differ), dicts in their order, zeros by their sign.
What is not known here (an object of a user's class, a set) is the same only as itself: the price
of a wrong "no" is a longer replay, that of a wrong "yes" a wrong state.

Comparing is bounded: after about `LIMIT` values the answer is "no", so that it stays small beside
the replay that it could save. Values that both states share are one look each.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import lru_cache
from math import copysign
from typing import Any, Generic

from pyrsistent import pmap, pvector

__all__ = ["LIMIT", "same"]

LIMIT = 256

_PLAIN = frozenset({str, int, bool, bytes})
_SEQUENCES = frozenset({list, tuple, type(pvector())})
_MAPPINGS = frozenset({dict, type(pmap())})

_MISSING = object()


def same(first: Any, second: Any, limit: int = LIMIT) -> bool:
    """Whether the two are the same to any reducer, found out by looking at about `limit` values."""
    if first is second:
        return True
    # The last values of a container are compared first: new ones usually stand at the end.
    pairs = [(first, second)]
    while pairs:
        a, b = pairs.pop()
        cls = type(a)
        if cls is not type(b):
            return False
        if cls in _PLAIN:
            if a != b:
                return False
        elif cls is float:
            # A NaN is not equal to itself; only the identical one counts as the same.
            if a != b or copysign(1.0, a) != copysign(1.0, b):
                return False
        elif cls in _SEQUENCES or isinstance(a, tuple):
            # A named tuple is nothing but its items; a subclass with attributes of its own is not.
            if len(a) != len(b) or cls.__dictoffset__:
                return False
            limit -= len(a)
            if limit < 0:
                return False
            pairs += [pair for pair in zip(a, b, strict=True) if pair[0] is not pair[1]]
        elif cls in _MAPPINGS:
            if len(a) != len(b):
                return False
            limit -= len(a)
            if limit < 0:
                return False
            for (key_a, value_a), (key_b, value_b) in zip(a.items(), b.items(), strict=True):
                if key_a is not key_b:
                    pairs.append((key_a, key_b))
                if value_a is not value_b:
                    # Different counters, say, end the comparison before it has begun. Only values
                    # of one plain type are asked: others may raise.
                    kind = type(value_a)
                    if kind in _PLAIN and (kind is not type(value_b) or value_a != value_b):
                        return False
                    pairs.append((value_a, value_b))
        else:
            names = fields_of(cls)
            limit -= 1 + len(names or ())
            if names is None or limit < 0:
                return False
            if cls.__dictoffset__:
                pairs.append((a.__dict__, b.__dict__))
            for name in names:
                value_a, value_b = getattr(a, name, _MISSING), getattr(b, name, _MISSING)
                if value_a is not value_b:
                    pairs.append((value_a, value_b))
    return True


def _fields_of(cls: type) -> tuple[str, ...] | None:
    """The fields of a dataclass; None for a class whose fields may not be all that it holds."""
    if not is_dataclass(cls):
        return None
    if not all(is_dataclass(base) for base in cls.__mro__ if base not in (object, Generic)):
        return None
    return tuple(field.name for field in fields(cls))


fields_of: Callable[[type], tuple[str, ...] | None] = lru_cache(maxsize=256)(_fields_of)
