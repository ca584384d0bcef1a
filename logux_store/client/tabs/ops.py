"""What tabs tell each other of their logs: changes, as tuples, and as JSON on the way.

| change                             | what it does |
| ---------------------------------- | --- |
| `("add", action, meta)`            | adds an entry, or announces it where it has no reasons |
| `("drop", ids)`                    | removes entries, because they have lost all their reasons |
| `("unreason", reason, criteria)`   | takes a reason off; see `criteria_of` |
| `("change", id, diff)`             | sets keys of a meta |
| `("move", id, time)`               | gives an entry that was never sent another time |
| `("clean",)`                       | empties the log |
| `("known",)`                       | nothing: the answer to a change that was known already |

All of them can be applied twice and are then as if applied once.
"""

from typing import Any, TypeAlias

from logux_store.actions import Action, check_action, to_json
from logux_store.ids import Timed
from logux_store.meta import Meta
from logux_store.sync.messages import quote

__all__ = [
    "KNOWN",
    "Op",
    "criteria_of",
    "encode_entry",
    "encode_op",
    "read_criteria",
    "read_entry",
    "read_op",
]

Op: TypeAlias = tuple[Any, ...]

KNOWN: Op = ("known",)


def criteria_of(id: str | None, older_than: Timed | None, younger_than: Timed | None) -> Any:
    """The criteria of `Log.remove_reason` that mean the same in every tab, as JSON. Where those of
    `added` are among them, there are the `ids` of the entries instead.
    """
    criteria: dict[str, Any] = {}
    if id is not None:
        criteria["id"] = id
    if older_than is not None:
        criteria["older_than"] = [older_than.id, older_than.time]
    if younger_than is not None:
        criteria["younger_than"] = [younger_than.id, younger_than.time]
    return criteria


def read_criteria(criteria: Any) -> dict[str, Any]:
    """The arguments of `Log.remove_reason` that `criteria_of` wrote. Raises TypeError or ValueError
    for something else.
    """
    return {
        name: Meta(*value) if name in ("older_than", "younger_than") else value
        for name, value in criteria.items()
    }


def encode_entry(action: Action, meta: Meta) -> str:
    """An entry as JSON, with all of its meta. Raises TypeError or ValueError if it has none."""
    return f"[{to_json(action)},{to_json(meta.to_dict())}]"


def read_entry(value: Any) -> tuple[Action, Meta]:
    """The entry that `encode_entry` wrote. Raises TypeError or ValueError for something else."""
    action, meta = value
    check_action(action)
    return action, Meta.from_dict(meta)


def encode_op(op: Op) -> str:
    """A change as JSON. Raises TypeError or ValueError if it has none."""
    if op[0] == "add":
        return f'["add",{to_json(op[1])},{to_json(op[2].to_dict())}]'
    return to_json([*op])


def read_op(value: Any) -> Op:
    """The change that `encode_op` wrote. Raises TypeError or ValueError for something else."""
    match value:
        case ["add", action, meta]:
            return ("add", *read_entry((action, meta)))
        case ["drop", [*ids]] if all(isinstance(id, str) for id in ids):
            return ("drop", ids)
        case ["unreason", str() as reason, dict() as criteria]:
            read_criteria(criteria)
            return ("unreason", reason, criteria)
        case ["change", str() as id, dict() as diff]:
            return ("change", id, diff)
        case ["move", str() as id, int() as time]:
            return ("move", id, time)
        case ["clean"] | ["known"]:
            return (value[0],)
    raise ValueError(f"another tab sent what is no change of a log: {quote(value)}")
