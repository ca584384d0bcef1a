"""From a scenario that fails to a short one that fails as well."""

from collections.abc import Callable
from dataclasses import replace

from logux_store.testing.simulation.scenario import Event, Scenario

__all__ = ["shrink"]


def shrink(scenario: Scenario, fails: Callable[[Scenario], bool], attempts: int = 500) -> Scenario:
    """Leave out events as long as the scenario fails, in at most so many attempts."""
    events = scenario.events
    left = attempts

    def still_fails(some: list[Event]) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and fails(replace(scenario, events=some))

    size = len(events) // 2
    while size and left > 0:
        start = 0
        shorter = False
        while start < len(events):
            some = events[:start] + events[start + size :]
            if still_fails(some):
                events, shorter = some, True
            else:
                start += size
        if size > 1 or not shorter:
            size //= 2
    return replace(scenario, events=events)
