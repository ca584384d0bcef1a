"""From a scenario that fails to a short one that fails as well."""

from collections.abc import Callable
from dataclasses import replace

from logux_store.testing.simulation.scenario import Event, Scenario

__all__ = ["shrink"]


def shrink(scenario: Scenario, fails: Callable[[Scenario], bool], attempts: int = 500) -> Scenario:
    """Leave out events, and some of what is done at once, as long as the scenario fails, in at most
    so many attempts.
    """
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
    for place in range(len(events)):
        number = 0
        while left > 0 and number < actions_of(events[place]):
            some = [*events]
            some[place] = without(events[place], number)
            if still_fails(some):
                events = some
            else:
                number += 1
    return replace(scenario, events=events)


def actions_of(event: Event) -> int:
    """How many actions could be left out of an event; one has to stay."""
    several = event.name == "act" and isinstance(event.arguments[0], list)
    count = len(event.arguments[0]) if several else 0
    return count if count > 1 else 0


def without(event: Event, number: int) -> Event:
    """An event without one of its actions."""
    actions, *rest = event.arguments
    return replace(event, arguments=([*actions[:number], *actions[number + 1 :]], *rest))
