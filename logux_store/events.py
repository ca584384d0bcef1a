"""Events: who listens to what, and what happens when a listener raises.

Invariants: listeners run in the order in which they were bound; one that is bound or unbound while
an event is on its way takes effect from the next event on; `emit` lets every listener run, and
only then raises what some of them raised, so that one faulty listener cannot keep the others from
seeing the event.
"""

from collections.abc import Callable, Hashable
from inspect import iscoroutinefunction
from typing import Any

__all__ = ["Emitter", "Listener", "Unbind", "call_all", "check_listener", "emit_to", "raise_all"]

Listener = Callable[..., Any]
Unbind = Callable[[], None]


class Emitter:
    """Listeners by event."""

    __slots__ = ("listeners",)

    def __init__(self) -> None:
        # Tuples, so that an event in progress is not disturbed by a change of the listeners.
        self.listeners: dict[Hashable, tuple[Listener, ...]] = {}

    def on(self, event: Hashable, listener: Listener) -> Unbind:
        """Call `listener` at every `event`; returns a function that unbinds it (more than once is
        harmless). Raises TypeError for what is no function.
        """
        check_listener(listener)
        self.listeners[event] = (*self.listeners.get(event, ()), listener)
        return Bound(self, event, listener)

    def has(self, event: Hashable) -> bool:
        """Whether anybody listens, for callers that can save the work of an event nobody hears."""
        return event in self.listeners

    def emit(self, event: Hashable, *args: Any) -> None:
        """Call every listener of `event`; raises afterwards what they raised, several as an
        ExceptionGroup.
        """
        listeners = self.listeners.get(event)
        if listeners is None:
            return
        if len(listeners) == 1:
            # Nobody else has to hear the event, so an error needs no catching; saves 0.3 µs.
            listeners[0](*args)
        else:
            emit_to(listeners, *args)

    def collect(self, event: Hashable, *args: Any) -> list[Exception]:
        """Call every listener of `event`, and return what they raised."""
        return call_all(self.listeners.get(event, ()), *args)


class Bound:
    """A listener that is bound; calling this unbinds it. A tenth of the memory of a closure: a
    server's connection has nine of them.
    """

    __slots__ = ("_emitter", "_event", "_listener")

    def __init__(self, emitter: Emitter, event: Hashable, listener: Listener) -> None:
        self._emitter: Emitter | None = emitter
        self._event = event
        self._listener = listener

    def __call__(self) -> None:
        emitter, self._emitter = self._emitter, None
        if emitter is None:
            return
        rest = list(emitter.listeners[self._event])
        rest.remove(self._listener)
        if rest:
            emitter.listeners[self._event] = tuple(rest)
        else:
            del emitter.listeners[self._event]


def check_listener(listener: object) -> None:
    """Raise TypeError for what cannot be called, or would have to be awaited: better now than at
    the first event.
    """
    if not callable(listener):
        raise TypeError(f"a listener is a function, not {listener!r}")
    if iscoroutinefunction(listener):
        raise TypeError(
            f"a listener is a plain function, which may start a task; {listener!r} is a coroutine "
            "function, which nobody would await"
        )


def emit_to(listeners: tuple[Listener, ...], *args: Any) -> None:
    """Call all of `listeners`, then raise what they raised: the one exception, or a group of
    several.
    """
    raise_all(call_all(listeners, *args))


def call_all(listeners: tuple[Listener, ...], *args: Any) -> list[Exception]:
    """Call all of `listeners`, and return what they raised."""
    errors: list[Exception] = []
    for listener in listeners:
        try:
            listener(*args)
        except Exception as error:  # noqa: BLE001 - for the caller, once everybody has heard the event
            errors.append(error)
    return errors


def raise_all(errors: list[Exception], several: str = "several listeners raised") -> None:
    """Raise the one error, or a group of several with that text, or nothing."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup(several, errors)
