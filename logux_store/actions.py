"""Actions: plain dicts with a string `type`, and what makes one fit to be added or sent.

Invariant: an action that passes `check_sendable` can be encoded as JSON, and the other node will
not refuse it for its shape. pyrsistent maps and vectors count as the dicts and lists that they
hold.
"""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pyrsistent
from pyrsistent import PMap, PSet, PVector

__all__ = [
    "MAX_DEPTH",
    "Action",
    "ActionCreator",
    "check_action",
    "check_sendable",
    "define_action",
    "is_logux",
    "to_json",
]

Action: TypeAlias = dict[str, Any]

MAX_DEPTH = 200
"""How deep lists and objects in a message may be nested. Python's own limit depends on the caller,
so what one function could read another could fail to write.
"""

MAPPINGS = (dict, PMap)
CONTAINERS = (*MAPPINGS, list, tuple, PVector, PSet)
# Asking first whether a value is one of these saves half of the time of a look.
PLAIN = frozenset({str, int, float, bool, type(None)})


def is_logux(action: Action) -> bool:
    """Whether the action is the protocol's own (`logux/…`); such ones never reach a reducer."""
    type: str = action["type"]
    return type.startswith("logux/")


def check_action(action: object) -> None:
    """Raise TypeError unless `action` is a dict with a string `type`."""
    if not isinstance(action, dict):
        raise TypeError(f"an action is a dict with a 'type', not {action!r}")
    if not isinstance(action.get("type"), str):
        raise TypeError(f"an action needs a string 'type'; got {action!r}")


def check_sendable(action: Action) -> None:
    """Raise TypeError or ValueError, with the reason, unless the action can be sent as JSON."""
    try:
        to_json(action)
        _check_content(action, MAX_DEPTH)
    except (TypeError, ValueError, RecursionError) as error:
        raise type(error if not isinstance(error, RecursionError) else ValueError())(
            f"the action {action.get('type')!r} cannot be sent: {error}; "
            "use only dicts with string keys, lists, strings, finite numbers, booleans and None"
        ) from error


def _check_content(value: Any, levels: int) -> None:
    """Raise TypeError for a key that JSON would make a string of, so that the other node would have
    another action than this one; ValueError for what is nested too deep.
    """
    if levels == 0:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
    if isinstance(value, MAPPINGS):
        for key in value:
            if type(key) is not str and not isinstance(key, str):
                raise TypeError(f"it has the key {key!r}, which is no string")
        value = value.values()
    for item in value:
        if type(item) not in PLAIN and isinstance(item, CONTAINERS):
            _check_content(item, levels - 1)


def to_json(value: Any) -> str:
    """Encode a value as compact JSON; NaN and infinity raise ValueError, other types TypeError.

    JavaScript lets half a surrogate pair into a string. UTF-8 does not, so it stays an escape and
    the text can always be sent and stored.
    """
    text = _encoder.encode(value)
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def _plain(value: object) -> Any:
    if isinstance(value, PMap | PVector):
        return pyrsistent.thaw(value)
    if isinstance(value, PSet):
        return sorted(pyrsistent.thaw(value))
    raise TypeError(f"{value!r} of type {type(value).__name__} has no JSON form")


_encoder = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
)


class ActionCreator:
    """Makes actions of one type; usable wherever a type is asked for.

    >>> rename = define_action("users/rename")
    >>> rename(id="10", name="Ann")
    {'type': 'users/rename', 'id': '10', 'name': 'Ann'}
    """

    __slots__ = ("build", "type")

    def __init__(self, type: str, build: Callable[..., dict[str, Any]] = dict) -> None:
        self.type = type
        self.build = build

    def __call__(self, *args: Any, **fields: Any) -> Action:
        action = {"type": self.type, **self.build(*args, **fields)}
        if action["type"] != self.type:
            raise ValueError(
                f"a field of {self.type!r} cannot be called 'type'; choose another name"
            )
        return action

    def match(self, action: Action) -> bool:
        """Whether the action is of this type."""
        return bool(action["type"] == self.type)

    def __repr__(self) -> str:
        return f"define_action({self.type!r})"


def define_action(type: str, build: Callable[..., dict[str, Any]] = dict) -> ActionCreator:
    """Make an action creator. `build` turns the call's arguments into the action's fields; by
    default the keyword arguments are the fields.
    """
    if not isinstance(type, str):
        raise TypeError(f"an action's type is a string, not {type!r}")
    if not callable(build):
        raise TypeError(f"build is a function that gives the fields of {type!r}, not {build!r}")
    return ActionCreator(type, build)
