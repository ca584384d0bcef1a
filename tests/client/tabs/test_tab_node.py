"""A tab's node and its way to the server."""

from typing import Any

from logux_store import LocalPair, ServerNode
from logux_store.client.tabs.tab_node import ServerLink, TabNode
from logux_store.meta import Meta
from logux_store.testing import TestLog, TestPair

NOW = 1_000_000


class Two:
    """A tab's node, whose clock is 500 ms ahead, and a server's; and what happened in order."""

    def __init__(self) -> None:
        self.pair = TestPair()
        self.leads = True
        self.asked: list[bool] = []
        self.link = ServerLink(self.pair.left, lambda: self.leads, self.asked.append)
        self.log = TestLog("10:a:1", None, lambda: NOW + 500)
        self.happened: list[Any] = []
        self.node = TabNode("10:a:1", self.log, self.link, ping=None, timeout=None)
        self.node.before_opening = lambda: self.happened.append("opening")
        self.node.before_acknowledging = lambda: self.happened.append("acknowledging")
        self.pair.left.on("message", lambda message: None)
        self.server_log = TestLog("server:x", None, lambda: NOW)
        self.server_log.keep_actions()
        self.server = ServerNode(
            "server:x", self.server_log, self.pair.right, ping=None, timeout=None
        )

    def connect(self) -> None:
        self.pair.left.connect()
        self.pair.deliver()

    def add(self, type: str, tab: str = "1", number: int = 1, **keys: Any) -> str:
        id = f"{NOW + 500 + number} 10:a:{tab} 0"
        keys.setdefault("reasons", ["syncing"])
        # As tabs hand over what they have added: the time is that of the local clock.
        meta = Meta(id, NOW + 500 + number, sync=True, **keys)
        self.log.put({"type": type}, meta, generated=False)
        return id

    def times(self) -> dict[str, int]:
        return {action["type"]: meta.time - NOW for action, meta in self.log.entries()}


def test_the_unsent_actions_of_all_tabs_get_the_servers_time() -> None:
    two = Two()
    two.add("mine", "1", 1)
    two.add("other's", "2", 2)
    two.log.add({"type": "stranger's"}, Meta(f"{NOW + 503} 20:b:1 0", NOW + 503, ["r"]))
    two.connect()
    assert two.times() == {"mine": 1, "other's": 2, "stranger's": 503}
    assert two.node.offset == two.log.offset == 500
    assert two.node.unsent == []
    sent = {meta.id: meta.time for meta in two.server_log.metas()}
    assert {meta.id: meta.time for meta in two.log.metas()}.items() >= sent.items()


def test_what_may_have_been_sent_keeps_its_time() -> None:
    two = Two()
    sent, unsent = two.add("sent", "2", 1), two.add("unsent", "2", 2)
    two.node.mark_sent([sent])
    assert two.node.unsent == [unsent]
    two.connect()
    # One that comes after what was sent stays after it.
    assert two.times() == {"sent": 501, "unsent": 501}
    assert [action["type"] for action in two.log.actions()] == ["sent", "unsent"]


def test_an_action_that_waits_is_sent_without_reading_the_others() -> None:
    two = Two()
    two.add("answered", "1", 1, reasons=["kept"])
    two.add("waiting", "2", 2)
    assert [action["type"] for action, _ in two.node.entries_since(0)] == ["waiting"]
    assert two.node.entries_since(2) == []


def test_tabs_hear_of_everything_before_the_server_does() -> None:
    two = Two()
    two.pair.right.on("message", lambda message: two.happened.append(message[0]))
    two.add("mine")
    two.connect()
    two.server_log.add({"type": "server's"})
    two.pair.deliver()
    assert two.happened == ["connect", "opening", "sync", "acknowledging", "synced"]


def test_the_log_may_get_another_store_while_nothing_is_connected() -> None:
    two = Two()
    two.connect()
    two.add("mine")
    two.pair.deliver()
    assert two.node.last_sent == 1
    two.pair.left.disconnect()
    other = TestLog("10:a:1", None, lambda: NOW)
    other.store.set_last_synced(sent=7, received=9)
    two.log.store = other.store
    two.node.read_store()
    assert (two.node.last_sent, two.node.last_received) == (7, 9)


def test_nothing_passes_while_the_tab_does_not_lead() -> None:
    two = Two()
    two.connect()
    two.leads = False
    two.pair.clear()
    two.node.enqueue({"type": "mine"}, Meta(f"{NOW} 10:a:1 0", NOW))
    two.server_log.add({"type": "server's"}, reasons=["r"])
    two.pair.deliver()
    assert two.pair.left_sent == []
    assert two.log.actions() == []


def test_an_applications_wish_to_connect_is_the_tabs_to_fulfil() -> None:
    two = Two()
    two.link.connect()
    two.link.disconnect()
    assert two.asked == [True, False]
    two.connect()
    assert two.link.connected
    two.link.disconnect("timeout")
    assert not two.link.connected
    assert two.asked == [True, False]
    two.link.destroy()


async def test_a_link_waits_for_what_takes_time_to_close() -> None:
    await ServerLink(LocalPair().left, bool, print).wait_closed()


def test_events_of_the_leader_are_emitted_and_told_from_the_nodes_own() -> None:
    two = Two()
    heard: list[Any] = []
    two.node.on("debug", lambda type, text: heard.append((text, two.node.relaying)))
    two.node.relay("debug", "error", "told")
    two.connect()
    two.server.send_debug("own")
    two.pair.deliver()
    assert heard == [("told", True), ("own", False)]


def test_what_was_handed_over_and_moved_then_does_not_hold_back_later_actions() -> None:
    two = Two()
    handed = two.add("handed")
    two.node.adopt_offset(500, [])
    two.node.mark_sent([handed])
    # The leader, which has moved it before it was sent, tells of that.
    two.log.move(handed, NOW + 1)
    two.node.adopt_offset(400, [])
    two.log.add({"type": "later"}, reasons=["syncing"], sync=True)
    assert two.times() == {"handed": 1, "later": 100}


def test_what_the_leader_has_yet_to_move_does_not_hold_back_later_actions() -> None:
    two = Two()
    handed = two.add("handed")
    two.node.adopt_offset(500, [], [handed])
    assert two.node.unsent == []
    two.node.adopt_offset(400, [])
    two.log.add({"type": "later"}, reasons=["syncing"], sync=True)
    two.log.move(handed, NOW + 1)
    assert two.times() == {"handed": 1, "later": 100}
