"""Which callbacks a channel's name has.

A pattern is plain text with parameters: `"users/:id"` matches `"users/10"` with
`ctx.params["id"] == "10"`. A parameter takes everything up to the next slash; `*` takes anything,
slashes too; what stands in parentheses may be absent: `"posts/:id(/comments)"`.

Invariant: the channel that was defined first wins.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from logux_store.actions import Action
from logux_store.meta import Meta
from logux_store.server.context import Context
from logux_store.server.types import Access, Finally, check_callables

__all__ = ["ChannelCallbacks", "Channels", "Filter", "FilterMaker", "Load", "compile_pattern"]

Load: TypeAlias = Callable[[Context, Action, Meta], Any]
Filter: TypeAlias = Callable[[Context, Action, Meta], bool | Awaitable[bool]]
FilterMaker: TypeAlias = Callable[
    [Context, Action, Meta], Filter | bool | Awaitable[Filter | bool | None] | None
]

_PART = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)|(\*)|([()])|([^:*()]+|:)")


class ChannelCallbacks:
    """The callbacks of a channel; see `Server.channel`."""

    __slots__ = (
        "access",
        "access_and_load",
        "filter",
        "finally_",
        "load",
        "named",
        "pattern",
        "queue",
        "unsubscribe",
    )

    def __init__(
        self,
        name: str,
        pattern: re.Pattern[str],
        named: bool,
        *,
        access: Access | None,
        load: Load | None = None,
        filter: FilterMaker | None = None,
        access_and_load: Load | None = None,
        unsubscribe: Load | None = None,
        finally_: Finally | None = None,
        queue: str = "main",
    ) -> None:
        if access_and_load is not None and (access is not None or load is not None):
            raise TypeError(
                f"{name} has access_and_load, which stands for access and load; remove those, or it"
            )
        if access is None and access_and_load is None:
            raise TypeError(
                f"{name} needs an access callback that says who may subscribe, such as "
                "access=lambda ctx, action, meta: ctx.user_id == ctx.params['id']"
            )
        check_callables(
            name,
            access=access,
            load=load,
            filter=filter,
            access_and_load=access_and_load,
            unsubscribe=unsubscribe,
            finally_=finally_,
        )
        self.pattern = pattern
        self.named = named
        self.access = access
        self.load = load
        self.filter = filter
        self.access_and_load = access_and_load
        self.unsubscribe = unsubscribe
        self.finally_ = finally_
        self.queue = queue

    def match(self, channel: str) -> Any:
        """The parameters of a channel's name, or None if the pattern does not fit."""
        if not self.named:
            return self.pattern.search(channel)
        found = self.pattern.fullmatch(channel)
        return None if found is None else found.groupdict()


class Channels:
    """All channels that a server knows."""

    __slots__ = ("defined", "other")

    def __init__(self) -> None:
        self.defined: list[ChannelCallbacks] = []
        self.other: ChannelCallbacks | None = None

    def add(self, pattern: str | re.Pattern[str], **callbacks: Any) -> None:
        """Define callbacks for channels whose name fits the pattern."""
        if isinstance(pattern, re.Pattern):
            name = f"the channels {pattern.pattern!r}"
            self.defined.append(ChannelCallbacks(name, pattern, False, **callbacks))
        elif isinstance(pattern, str):
            name = f"the channel {pattern!r}"
            compiled = compile_pattern(pattern)
            self.defined.append(ChannelCallbacks(name, compiled, True, **callbacks))
        else:
            raise TypeError(
                f"a channel's pattern is a string or a compiled regular expression, not {pattern!r}"
            )

    def add_other(self, **callbacks: Any) -> None:
        """Define callbacks for all channels that have none; raises ValueError the second time."""
        if self.other is not None:
            raise ValueError("the callbacks for other channels are defined already")
        everything = re.compile(r".*", re.DOTALL)
        self.other = ChannelCallbacks("other_channel", everything, False, **callbacks)

    def find(self, channel: str) -> tuple[ChannelCallbacks, Any] | None:
        """The callbacks for a channel's name, and its parameters."""
        for callbacks in self.defined:
            params = callbacks.match(channel)
            if params is not None:
                return callbacks, params
        if self.other is not None:
            return self.other, self.other.match(channel)
        return None


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression for a pattern; ValueError says what is wrong with it."""
    parts: list[str] = []
    depth = 0
    for name, star, bracket, text in _PART.findall(pattern):
        if name:
            parts.append(f"(?P<{name}>[^/]+)")
        elif star:
            parts.append(r"(?:.*?)")
        elif bracket == "(":
            depth += 1
            parts.append("(?:")
        elif bracket == ")":
            depth -= 1
            parts.append(")?")
        else:
            parts.append(re.escape(text))
        if depth < 0:
            break
    if depth:
        raise ValueError(f"the parentheses of the channel pattern {pattern!r} do not match")
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error as error:
        raise ValueError(f"the channel pattern {pattern!r} cannot be used: {error}") from error
