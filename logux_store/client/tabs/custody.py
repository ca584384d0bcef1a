"""The persistent store in the hands of the tab that leads, and what becomes of the log when it
leads no more.

    in memory ──this tab leads──> in the store ──another leads, or the store fails──> in memory

A tab without a persistent store has its log in memory always.

Invariants: the store is open only while this tab leads, and commits nothing once its term is over;
each time that the log moves, exactly what this tab did not know is announced; but what the store
holds when the program starts is there to be read, as in a client without tabs.
"""

from functools import partial
from typing import TYPE_CHECKING

from logux_store.client.accounts import open_account
from logux_store.client.tabs.journal import EVERYTHING
from logux_store.client.tabs.leading import Leading
from logux_store.client.tabs.merge import Differences, merge, to_hand_over
from logux_store.client.tabs.shared_store import SharedStore
from logux_store.client.tabs.tab_log import TabLog
from logux_store.ids import parse_id

if TYPE_CHECKING:
    from logux_store.client.tabs.tab import Tab

__all__ = ["Custody"]


class Custody:
    """One tab's care for the `store` that it was given; None if it was given none.

    `forgot` says that this tab has in memory not all that it knew when it led, because the store
    could not be read any more.
    """

    __slots__ = ("_led", "_tab", "forgot", "store")

    def __init__(self, tab: "Tab", store: SharedStore | None) -> None:
        self._tab = tab
        self.store = store
        self.forgot = False
        self._led = False

    def open(self, part: Leading) -> Differences:
        """This tab is about to lead: bring what it has into the store."""
        tab, journal, store = self._tab, self._tab.journal, self.store
        if store is None:
            journal.end_epoch(journal.position)
            journal.begin(part.epoch, None)
            return Differences()
        owner = parse_id(tab.log.node_id).client_id
        store.take_over(partial(self._may_commit, part.term), owner)
        same = journal.epoch is not None and journal.identity == store.identity
        if same:
            hand = [*journal.pending.values()]
            since = journal.added if not self._led or self.forgot else None
        else:
            hand, since = to_hand_over(tab.log.store, journal.pending.values()), None
            if journal.epoch is None:
                # A program that starts: what the file holds is not news, and may be long.
                since = store.last_added()
        committed = store.last_added()
        copy = TabLog("copy", store, tab.log.clock, ignore)
        differences = merge(tab.log.store, copy, hand, tab.tab_id, since, tab.node.unsent)
        differences.starts = journal.epoch is None
        journal.end_epoch(EVERYTHING if same else journal.position)
        journal.begin(part.epoch, store.identity)
        journal.added = committed
        self.forgot = False
        return differences

    def move_in(self, part: Leading, differences: Differences) -> None:
        """This tab leads: its log goes on in the store."""
        tab, node, store = self._tab, self._tab.node, self.store
        if store is None:
            self._open_account()
            # What the former leader has sent, and got no answer to, is sent again.
            node.last_sent = 0
            tab.journal.replace(())
            return
        before = node.unsent
        # It is still to be committed.
        tab.journal.replace(differences.hand)
        added = store.last_added()
        try:
            tab.log.replace_store(
                store,
                differences.added,
                differences.dropped,
                differences.moved,
                starts=differences.starts,
            )
        except Exception as error:  # noqa: BLE001 - all is announced; this tab leads all the same
            tab.report(error)
        # What an earlier run has left was perhaps sent by it.
        node.mark_sent(set(node.unsent) - set(before))
        node.restore_offset(before)
        self._open_account()
        store.when_durable(partial(self._all_shared, part, added))

    def _open_account(self) -> None:
        """Let the node go on with the numbers of the user whose tabs these are."""
        log = self._tab.log
        user_id = parse_id(log.node_id).user_id
        assert user_id is not None
        open_account(log.store, user_id)
        self._tab.node.read_store()

    def _all_shared(self, part: Leading, added: int) -> None:
        journal = self._tab.journal
        if self._tab.part is part:
            journal.replace(())
            journal.added = max(journal.added, added)

    def give_back(self, part: Leading) -> None:
        """This tab leads no more: let it hand over what the store has not committed."""
        journal = self._tab.journal
        journal.replace([*journal.pending.values(), *part.undurable()])

    def _may_commit(self, term: int) -> bool:
        """Whether the store may still commit what this tab has written."""
        tab = self._tab
        assert tab.space is not None
        if tab.space.term() == term:
            return True
        if isinstance(tab.part, Leading):
            # The last moment in which it can be read.
            self.move_out(tab.part)
            tab.look_at_term_soon()
        return False

    def move_out(self, part: Leading) -> None:
        """Let the log go on in memory, with what this tab knows of it."""
        tab = self._tab
        if self.store is None or tab.log.store is not self.store:
            return
        self._led = True
        copy = tab.new_store()
        try:
            for action, meta in self.store.entries("added"):
                if meta.tab in (None, tab.tab_id):
                    copy.add(action, meta.copy(added=0))
        except Exception as error:  # noqa: BLE001 - a store that broke cannot be read
            self.forgot = True
            tab.relay("error", error)
        for op in [*tab.journal.pending.values(), *part.undurable()]:
            if op[0] == "add" and op[2].reasons:
                copy.add(op[1], op[2].copy(added=0))
        tab.log.replace_store(copy, (), (), ())
        tab.node.read_store()

    def release(self) -> None:
        """Let another tab have the store: what this one may still do touches it no more."""
        if self.store is not None:
            self.store.release()
            if self._tab.log.store is self.store:
                self._tab.log.store = self._tab.new_store()

    def problem(self) -> Exception | None:
        """What is wrong with the store, if it cannot be used any more."""
        try:
            if self.store is not None:
                self.store.last_added()
        except Exception as error:  # noqa: BLE001 - told to whoever listens
            return error
        return None


def ignore(*_: object) -> None:
    """A copy that is being made tells nobody of its changes."""
