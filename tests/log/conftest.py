"""A log whose clock shows what a test wants, and what is heard from it."""

from types import SimpleNamespace

import pytest

from logux_store.log import Log


@pytest.fixture
def clock() -> SimpleNamespace:
    """Set `now`."""
    return SimpleNamespace(now=1000)


@pytest.fixture
def log(clock: SimpleNamespace) -> Log:
    return Log("10:a:b", clock=lambda: clock.now)


@pytest.fixture
def heard(log: Log) -> list[tuple[str, str]]:
    """The events, each with the id of its action."""
    events: list[tuple[str, str]] = []
    for event in ("preadd", "add", "clean"):
        log.on(event, lambda action, meta, event=event: events.append((event, meta.id)))
    log.on("batch", lambda: events.append(("batch", "")))
    return events
