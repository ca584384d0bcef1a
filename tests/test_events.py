from typing import Any

import pytest

from logux_store.events import Emitter


def test_listeners_hear_events_in_the_order_in_which_they_were_bound() -> None:
    heard: list[Any] = []
    emitter = Emitter()
    emitter.on("a", lambda x: heard.append((1, x)))
    emitter.on("a", lambda x: heard.append((2, x)))
    emitter.emit("a", "x")
    emitter.emit("b", "y")
    assert heard == [(1, "x"), (2, "x")]


def test_an_unbound_listener_hears_nothing_and_unbinding_twice_is_harmless() -> None:
    heard: list[int] = []
    emitter = Emitter()
    keep = heard.append
    unbind = emitter.on("a", keep)
    emitter.on("a", keep)
    unbind()
    unbind()
    emitter.emit("a", 1)
    assert heard == [1]


def test_what_cannot_be_called_is_no_listener() -> None:
    emitter = Emitter()
    with pytest.raises(TypeError, match="a listener is a function, not None"):
        emitter.on("a", None)  # type: ignore[arg-type]

    async def later() -> None:
        pass

    with pytest.raises(TypeError, match=r"later.* is a coroutine function"):
        emitter.on("a", later)
    assert not emitter.has("a")


def test_nobody_listens_once_all_are_unbound() -> None:
    emitter = Emitter()
    unbind = emitter.on("a", print)
    assert emitter.has("a")
    unbind()
    assert not emitter.has("a")


def test_a_change_of_listeners_takes_effect_from_the_next_event_on() -> None:
    heard: list[str] = []
    emitter = Emitter()

    def first() -> None:
        heard.append("first")
        unbind()
        emitter.on("a", lambda: heard.append("new"))

    emitter.on("a", first)
    unbind = emitter.on("a", lambda: heard.append("second"))
    emitter.emit("a")
    assert heard == ["first", "second"]


def test_every_listener_runs_before_an_error_is_raised() -> None:
    heard: list[int] = []
    emitter = Emitter()
    emitter.on("a", lambda: 1 / 0)
    emitter.on("a", lambda: heard.append(1))
    with pytest.raises(ZeroDivisionError):
        emitter.emit("a")
    assert heard == [1]


def test_several_errors_are_raised_together() -> None:
    emitter = Emitter()
    emitter.on("a", lambda: 1 / 0)
    emitter.on("a", lambda: [][0])
    with pytest.raises(ExceptionGroup) as caught:
        emitter.emit("a")
    assert {type(error) for error in caught.value.exceptions} == {ZeroDivisionError, IndexError}
