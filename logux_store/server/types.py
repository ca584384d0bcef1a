"""Which callbacks an action's type has.

Invariant: of the callbacks that fit a type, those for the exact type come first, then the first
regular expression that was defined, then those for other types. Nothing is defined for the
protocol's own types, which a client may not send but to subscribe and unsubscribe.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

from logux_store.actions import Action, ActionCreator
from logux_store.meta import Meta
from logux_store.server.context import Context

__all__ = ["Access", "Addresses", "Finally", "Process", "ResendTo", "TypeCallbacks", "Types"]

Addresses: TypeAlias = str | Iterable[str] | Mapping[str, Any] | None
"""A channel, several channels, or a mapping of the keys that meta has for addresses."""

Access: TypeAlias = Callable[[Context, Action, Meta], bool | Awaitable[bool]]
ResendTo: TypeAlias = Callable[[Context, Action, Meta], Addresses | Awaitable[Addresses]]
Process: TypeAlias = Callable[[Context, Action, Meta], Any]
Finally: TypeAlias = Callable[[Context, Action, Meta], Any]


class TypeCallbacks:
    """The callbacks of a type; see `Server.type`."""

    __slots__ = ("access", "access_and_process", "finally_", "process", "queue", "resend")

    def __init__(
        self,
        name: str,
        *,
        access: Access | None,
        resend: ResendTo | None = None,
        process: Process | None = None,
        access_and_process: Process | None = None,
        finally_: Finally | None = None,
        queue: str = "main",
    ) -> None:
        if access_and_process is not None and (access is not None or process is not None):
            raise TypeError(
                f"{name} has access_and_process, which stands for access and process; "
                "remove those, or it"
            )
        if access is None and access_and_process is None:
            raise TypeError(
                f"{name} needs an access callback that says who may send it, such as "
                "access=lambda ctx, action, meta: ctx.user_id == action['user']"
            )
        check_callables(
            name,
            access=access,
            resend=resend,
            process=process,
            access_and_process=access_and_process,
            finally_=finally_,
        )
        self.access = access
        self.resend = resend
        self.process = process
        self.access_and_process = access_and_process
        self.finally_ = finally_
        self.queue = queue


class Types:
    """All types that a server knows."""

    __slots__ = ("exact", "other", "patterns")

    def __init__(self) -> None:
        self.exact: dict[str, TypeCallbacks] = {}
        self.patterns: dict[re.Pattern[str], TypeCallbacks] = {}
        self.other: TypeCallbacks | None = None

    def add(self, type: str | re.Pattern[str] | ActionCreator, **callbacks: Any) -> None:
        """Define callbacks; raises ValueError when the type has some already."""
        if isinstance(type, ActionCreator):
            type = type.type
        if isinstance(type, re.Pattern):
            if type in self.patterns:
                raise ValueError(f"the types {type.pattern!r} are defined already")
            self.patterns[type] = TypeCallbacks(f"the types {type.pattern!r}", **callbacks)
        elif isinstance(type, str):
            if type.startswith("logux/"):
                raise ValueError(f"the type {type!r} is the protocol's own; the server handles it")
            if type in self.exact:
                raise ValueError(f"the type {type!r} is defined already")
            self.exact[type] = TypeCallbacks(f"the type {type!r}", **callbacks)
        else:
            raise TypeError(
                "a type is a string, a compiled regular expression or an action creator, "
                f"not {type!r}"
            )

    def add_other(self, **callbacks: Any) -> None:
        """Define callbacks for all types that have none; raises ValueError the second time."""
        if self.other is not None:
            raise ValueError("the callbacks for other types are defined already")
        self.other = TypeCallbacks("other_type", **callbacks)

    def find(self, type: str) -> TypeCallbacks | None:
        """The callbacks for a type, those for other types if it has none of its own."""
        found = self.find_defined(type)
        return self.other if found is None and not type.startswith("logux/") else found

    def find_defined(self, type: str) -> TypeCallbacks | None:
        """The callbacks that were defined for this type or for a pattern that fits it."""
        found = self.exact.get(type)
        if found is None and self.patterns and not type.startswith("logux/"):
            for pattern, callbacks in self.patterns.items():
                if pattern.search(type):
                    return callbacks
        return found


def check_callables(owner: str, **callbacks: object) -> None:
    """Raise TypeError for a callback that cannot be called."""
    for name, callback in callbacks.items():
        if callback is not None and not callable(callback):
            raise TypeError(f"{owner}: {name} is a function, not {callback!r}")
