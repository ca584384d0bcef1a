"""The product is broken on purpose, in ways that are easy to do by mistake; each has to be found
within a few seeds.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from logux_store.client import Client
from logux_store.client.subscriptions import Subscriptions
from logux_store.client.tabs.tab_node import TabNode
from logux_store.meta import Entry, Meta
from logux_store.server import queue
from logux_store.server.answers import Answers, Unconfirmed
from logux_store.server.incoming import Incoming
from logux_store.server.processing import Processing
from logux_store.store import Store, opening
from logux_store.sync import ClientNode
from logux_store.sync.base_node import BaseNode
from logux_store.sync.timers import Deadlines
from logux_store.testing.simulation import make_scenario, run_scenario
from logux_store.testing.simulation.application import Application
from logux_store.testing.simulation.disks import CommittingStore
from logux_store.timeline import Timeline

SEEDS = 100
"""Within so many seeds a fault has to show."""

RARE = 350
"""Where to begin with a fault that takes a server which crashes just before it answers."""

Patch = pytest.MonkeyPatch


def nothing(*_: Any) -> None:
    """What is forgotten."""


def acknowledgements_are_dropped(patch: Patch) -> None:
    patch.setattr(BaseNode, "_receive_synced", nothing)


def times_are_compared_by_the_second(patch: Patch) -> None:
    def coarse(key: Any) -> Any:
        return (key[0] // 1000, *key[1:])

    class Coarse(Timeline):
        def insert(self, items: Any) -> Any:
            return super().insert([(coarse(key), id, action) for key, id, action in items])

        def add(self, key: Any, id: str, action: Any) -> None:
            super().add(coarse(key), id, action)

        def change(self, inserts: Any = (), removes: Any = (), moves: Any = ()) -> Any:
            inserts = [(coarse(key), id, action) for key, id, action in inserts]
            return super().change(inserts, removes, [(id, coarse(key)) for id, key in moves])

    patch.setattr(opening, "Timeline", Coarse)


def undos_are_forgotten(patch: Patch) -> None:
    patch.setattr(Store, "_on_undo", nothing)


def what_is_not_durable_is_acknowledged(patch: Patch) -> None:
    patch.setattr(CommittingStore, "when_durable", lambda self, callback: callback())


def the_server_does_not_know_what_it_has_done(patch: Patch) -> None:
    patch.setattr(Answers, "repeat", lambda *_: False)
    patch.setattr(Unconfirmed, "__contains__", lambda *_: False)


def what_is_done_offline_is_lost(patch: Patch) -> None:
    for node in (ClientNode, TabNode):
        patch.setattr(node, "entries_since", lambda *_: ())


def the_offset_has_the_wrong_sign(patch: Patch) -> None:
    for node in (ClientNode, TabNode):

        def fix(self: Any, right: Callable[[Any], None] = node._fix_time) -> None:
            self._measured = -self._measured
            right(self)

        patch.setattr(node, "_fix_time", fix)


def a_sync_is_processed_backwards(patch: Patch) -> None:
    class Backwards(deque[Any]):
        popleft = deque.pop

    patch.setattr(queue, "deque", Backwards)


def subscriptions_do_not_come_back(patch: Patch) -> None:
    patch.setattr(Subscriptions, "missing", lambda _: [])


def since_is_later_than_what_was_received(patch: Patch) -> None:
    processed = Subscriptions.processed

    def later(self: Subscriptions, id: str, meta: Meta) -> None:
        processed(self, id, meta.copy(time=meta.time + 600_000))

    patch.setattr(Subscriptions, "processed", later)


def what_comes_again_is_applied_again(patch: Patch) -> None:
    def receive(self: Client, action: Any, meta: Meta) -> Entry:
        if self.log.by_id(meta.id) is not None:
            meta = meta.copy(id=f"{meta.id[:-1]}1")
        return action, meta

    patch.setattr(Client, "_on_receive", receive)


def what_was_sent_is_moved(patch: Patch) -> None:
    patch.setattr(ClientNode, "_send_sync", BaseNode._send_sync)


def what_a_crash_has_interrupted_is_not_taken_up(patch: Patch) -> None:
    patch.setattr(Incoming, "resume", nothing)


def what_was_not_answered_is_not_asked_again(patch: Patch) -> None:
    for node in (ClientNode, TabNode):
        patch.setattr(node, "entries_since", BaseNode.entries_since)


def a_dead_connection_is_not_noticed(patch: Patch) -> None:
    patch.setattr(Deadlines, "start", nothing)


def the_short_way_leaves_what_it_added(patch: Patch) -> None:
    def finish(self: Processing, meta: Meta, unheard: bool) -> None:
        if not unheard:
            self._server.log.remove_reason("processing", id=meta.id)

    patch.setattr(Processing, "finish", finish)


def a_load_raises(patch: Patch) -> None:
    patch.setattr(Application, "_load", lambda *_: 1 / 0)


@pytest.mark.parametrize(
    ("sabotage", "kinds"),
    [
        (acknowledgements_are_dropped, "restless"),
        (times_are_compared_by_the_second, "state order"),
        (undos_are_forgotten, "state"),
        (what_is_not_durable_is_acknowledged, "state lost order restless"),
        (the_server_does_not_know_what_it_has_done, "twice restless outcome order"),
        (what_is_done_offline_is_lost, "restless"),
        (the_offset_has_the_wrong_sign, "order"),
        (a_sync_is_processed_backwards, "order"),
        (subscriptions_do_not_come_back, "state restless"),
        (since_is_later_than_what_was_received, "state"),
        (what_comes_again_is_applied_again, "state"),
        (what_was_sent_is_moved, "state order"),
        (what_a_crash_has_interrupted_is_not_taken_up, "restless memory"),
        (what_was_not_answered_is_not_asked_again, "restless"),
        (a_dead_connection_is_not_noticed, "restless"),
        (the_short_way_leaves_what_it_added, "restless memory"),
        (a_load_raises, "raised"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_sabotage_is_found(
    sabotage: Callable[[Patch], None], kinds: str, monkeypatch: Patch
) -> None:
    sabotage(monkeypatch)
    first = RARE if sabotage is what_was_not_answered_is_not_asked_again else 0
    for seed in range(first, first + SEEDS):
        faults = run_scenario(make_scenario(seed)).faults
        if faults:
            assert faults[0].kind in kinds.split(), (seed, faults[0])
            return
    pytest.fail(f"{SEEDS} seeds have not found it")
