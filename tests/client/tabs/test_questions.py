"""Which actions were answered when a tab was away."""

from logux_store import Meta
from logux_store.client.tabs.questions import unanswered
from logux_store.log import MemoryStore


def store(*entries: tuple[str, str, list[str]]) -> MemoryStore:
    """A store with entries: type, id, reasons."""
    result = MemoryStore()
    for type, id, reasons in entries:
        result.add({"type": type}, Meta(id, 1, [*reasons]))
    return result


def asked(awaited: list[str], present: MemoryStore, former: MemoryStore) -> list[str]:
    return [meta.id for _, meta in unanswered(awaited, present, former)]


def test_what_the_log_keeps_for_being_sent_waits_for_its_answer() -> None:
    log = store(("set", "1 10:a:a 0", ["syncing"]), ("set", "2 10:a:a 0", ["timeTravel"]))
    assert asked(["1 10:a:a 0", "2 10:a:a 0"], log, store()) == ["2 10:a:a 0"]


def test_an_awaited_action_that_the_others_have_dropped_was_answered() -> None:
    former = store(("set", "1 10:a:a 0", ["timeTravel"]))
    assert asked(["1 10:a:a 0", "2 10:a:a 0"], store(), former) == ["1 10:a:a 0"]


def test_an_action_of_another_tab_was_perhaps_undone_before_it_was_dropped() -> None:
    former = store(
        ("set", "1 10:a:b 0", ["syncing", "timeTravel"]),
        ("set", "2 10:a:b 0", ["syncing"]),
        ("set", "3 10:a:b 0", ["timeTravel"]),
        ("logux/subscribe", "4 10:a:b 0", ["syncing"]),
    )
    present = store(("set", "2 10:a:b 0", ["timeTravel"]))
    assert asked([], present, former) == ["1 10:a:b 0"]
    assert asked(["1 10:a:b 0"], present, former) == ["1 10:a:b 0"]
