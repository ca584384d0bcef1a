"""Who hears what a log has to say of an action.

Most actions of a busy program are *plain*: the application's own, and not for the server. Parts of
this library that have nothing to do with those say so when they bind, and are not called in vain: a
dispatch is twice as fast for it.

Invariants: listeners for the action's own id come first, then those for its type, then those for
every action, each in the order of binding; one that is bound or unbound while an event is on its
way takes effect from the next event on.
"""

from collections.abc import Iterable
from typing import Literal, TypeAlias

from logux_store.actions import Action, is_logux
from logux_store.events import Listener, Unbind, check_listener
from logux_store.meta import Meta

__all__ = ["EVERY_KIND", "Kind", "Listeners", "Route"]

Kind: TypeAlias = Literal["plain", "sync", "logux"]
"""`logux` are the protocol's own actions, `sync` the application's that are for the server, `plain`
all others.
"""

EVERY_KIND: tuple[Kind, ...] = ("plain", "sync", "logux")

# A program has fewer types of actions than that; what others send must not fill the memory.
MANY_TYPES = 1000


class Route:
    """Listeners, by event."""

    __slots__ = ("add", "clean", "preadd")

    def __init__(self, *parts: "Route") -> None:
        self.preadd: tuple[Listener, ...] = sum((part.preadd for part in parts), ())
        self.add: tuple[Listener, ...] = sum((part.add for part in parts), ())
        self.clean: tuple[Listener, ...] = sum((part.clean for part in parts), ())

    def __bool__(self) -> bool:
        return bool(self.preadd or self.add or self.clean)


class Listeners:
    """The listeners of one log."""

    __slots__ = ("_by_kind", "_joined", "_typed", "bound", "general")

    def __init__(self) -> None:
        # How many listeners of each event there are.
        self.bound = {"preadd": 0, "add": 0, "clean": 0}
        self._by_kind: dict[Kind, Route] = {kind: Route() for kind in EVERY_KIND}
        # By type, and then by the action's `id` (not its meta's), or None for all of the type.
        self._typed: dict[str, dict[str | None, Route]] = {}
        # For types that somebody listens to by name: who hears of an action, if nobody listens to
        # its own id. Joined when it is asked for, until a listener comes or goes.
        self._joined: dict[tuple[str, Kind], Route] = {}
        # The route of plain actions, by type, for callers in a hurry: types of the application that
        # nobody listens to by name, as far as they were met.
        self.general: dict[str, Route] = {}

    def on(self, event: str, listener: Listener, kinds: Iterable[Kind]) -> Unbind:
        """Let `listener` hear an event of actions of some kinds."""
        check_listener(listener)
        return self._bind([self._by_kind[kind] for kind in kinds], event, listener)

    def type(self, event: str, type: str, id: str | None, listener: Listener) -> Unbind:
        """Let `listener` hear an event of actions of one type, or only of those with this `id`."""
        check_listener(listener)
        self.general.pop(type, None)
        routes = self._typed.setdefault(type, {})
        unbind_one = self._bind([routes.setdefault(id, Route())], event, listener)

        def unbind() -> None:
            unbind_one()
            if not any(routes.values()) and self._typed.get(type) is routes:
                del self._typed[type]
            elif id in routes and not routes[id]:
                del routes[id]

        return unbind

    def route(self, action: Action, meta: Meta) -> Route:
        """Who hears of an action."""
        type, id = action["type"], action.get("id")
        kind: Kind = "logux" if is_logux(action) else "sync" if meta.sync else "plain"
        typed = self._typed.get(type)
        if typed is None:
            if kind != "logux" and len(self.general) < MANY_TYPES:
                self.general[type] = self._by_kind["plain"]
            return self._by_kind[kind]
        joined = self._joined.get((type, kind))
        if joined is None:
            parts = typed.get(None), self._by_kind[kind]
            joined = Route(*(part for part in parts if part is not None))
            self._joined[type, kind] = joined
        special = typed.get(id) if isinstance(id, str) else None
        return joined if special is None else Route(special, joined)

    def _bind(self, routes: list[Route], event: str, listener: Listener) -> Unbind:
        """Add a listener to routes, and count it; unbinding it more than once is harmless."""
        for route in routes:
            setattr(route, event, (*getattr(route, event), listener))
        left = [*routes]
        self.bound[event] += bool(routes)
        self._joined.clear()

        def unbind() -> None:
            if left:
                self.bound[event] -= 1
            self._joined.clear()
            while left:
                route = left.pop()
                rest = [*getattr(route, event)]
                rest.remove(listener)
                setattr(route, event, tuple(rest))

        return unbind
