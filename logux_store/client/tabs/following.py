"""The part of a follower: it hands its changes to the leader, and makes those that the leader
publishes. `leading` has the messages.

    opened -> hello -> welcome -> the log, in pieces -> joined -> both ways

Invariants: until it has joined, its own log stays as it was; then all that the leader has and it
had not is announced in one batch. What it handed over and did not see come back, it hands over to
the next leader as well.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from logux_store.actions import to_json
from logux_store.client.tabs.merge import merge, to_hand_over
from logux_store.client.tabs.messages import VERSION, read_error, read_message
from logux_store.client.tabs.ops import Op, encode_entry, encode_op, read_entry, read_op
from logux_store.client.tabs.space import Channel
from logux_store.client.tabs.tab_log import TabLog
from logux_store.events import raise_all
from logux_store.log import LogStore
from logux_store.sync import NodeState

if TYPE_CHECKING:
    from logux_store.client.tabs.tab import Tab

__all__ = ["Following", "VersionError"]


class VersionError(RuntimeError):
    """Another tab runs a version of the library that says other things to tabs."""


class Following:
    """One tab's time with one leader, that of the term `term`.

    `joined` is done when the tab has the leader's log, and raises when it does not come to that.
    """

    def __init__(self, tab: "Tab", term: int, channel: Channel) -> None:
        self.tab = tab
        self.term = term
        self.joined: asyncio.Future[None] = tab.loop.create_future()
        self._channel = channel
        self._heard = self._looked = tab.loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._handing: asyncio.Handle | None = None
        self._welcome: dict[str, Any] | None = None
        # The leader's log, as far as it has come, and what it has announced without keeping it.
        self._copy = TabLog("copy", tab.new_store(), tab.log.clock, nothing)
        self._copy.on("add", self._settle_in_copy)
        self._passing: list[Op] = []
        # Ids of entries that this tab knew, though it has them no more.
        self._known: set[str] = set()
        self._unsent: list[str] = []
        # Whether the leader is connected, so that it sends at once what it gets.
        self.connected = False

    def start(self) -> None:
        """Say hello."""
        tab = self.tab
        hello = {
            "version": VERSION,
            "tab_id": tab.tab_id,
            "node_id": tab.log.node_id,
            "subprotocol": tab.subprotocol,
            "epoch": tab.journal.epoch,
            "position": tab.journal.position,
        }
        self._channel.on_text = self._receive
        self._channel.on_close = self._lost
        self._channel.send(to_json(["hello", hello]))
        self._schedule()
        self._channel.start()

    def close(self) -> None:
        """Leave the leader, after handing over what is left."""
        if self.joined.done() and not self.joined.cancelled() and self.joined.exception() is None:
            self._hand()
        self.abandon()

    def abandon(self) -> None:
        """Say nothing any more."""
        for timer in (self._timer, self._handing):
            if timer is not None:
                timer.cancel()
        self._channel.close()
        if not self.joined.done():
            self.joined.cancel()

    def _lost(self, hung: bool = False) -> None:
        if self.joined.done():
            self.abandon()
            self.tab.leader_lost(self, hung)
            return
        error = TimeoutError("the leader hangs") if hung else ConnectionResetError("it is gone")
        self.joined.set_exception(error)
        self.abandon()

    # Signs of life.

    def _schedule(self) -> None:
        self._looked = self.tab.loop.time()
        self._timer = self.tab.loop.call_later(self.tab.timeout / 4, self._look)

    def _look(self) -> None:
        now = self.tab.loop.time()
        if now - self._looked > self.tab.timeout / 2:
            # It was this process that slept: what the leader has sent is still to be read.
            self._heard = now
        if now - self._heard > self.tab.election.patience:
            self._lost(hung=True)
        else:
            self._schedule()
            self.send("beat")

    def send(self, *message: Any) -> None:
        """Tell the leader something that does not concern the log."""
        self._hand()
        self._channel.send(to_json([*message]))

    # Own changes.

    def record(self, op: Op) -> None:
        """The log of this tab has changed."""
        self.tab.journal.add(op)
        if self._handing is None:
            self._handing = self.tab.loop.call_soon(self._hand)

    def _hand(self) -> None:
        if self._handing is not None:
            self._handing.cancel()
            self._handing = None
        tab = self.tab
        if tab.part is not self or not self.joined.done():
            return
        changes = tab.journal.to_hand()
        if not changes:
            return
        unsent = frozenset(tab.node.unsent) if any(op[0] == "add" for _, op in changes) else ()
        items: list[str] = []
        for seq, op in changes:
            offset = f",{tab.log.offset}" if op[0] == "add" and op[2].id in unsent else ""
            items.append(f"[{seq},{encode_op(op)}{offset}]")
        tab.journal.handed = changes[-1][0]
        self._channel.send(f'["ops",[{",".join(items)}]]')
        ids = [op[2].id for _, op in changes if op[0] == "add"]
        if self.connected:
            tab.node.mark_sent(ids)
            tab.handed(ids)

    # What the leader says.

    def _receive(self, text: str) -> None:
        self._heard = self.tab.loop.time()
        try:
            call = self._reading(read_message(text))
        except (KeyError, TypeError, ValueError):
            self._lost()
            raise
        call()

    def _reading(self, message: list[Any]) -> Callable[[], object]:
        """What a message asks to do; raises TypeError, KeyError or ValueError if it is none."""
        tab = self.tab
        match message:
            case ["ops", int() as position, [*items]]:
                ops = [item if item[0] == "own" else read_op(item) for item in items]
                return partial(self._follow if self._has_joined else self._prepare, position, ops)
            case ["beat"]:
                return nothing
            case ["state", state]:
                return partial(self._set_state, NodeState(state))
            case ["offset", offset]:
                return partial(self._adopt_offset, offset)
            case ["error", error]:
                return partial(tab.relay, "error", read_error(error))
            case ["client_error", error]:
                return partial(tab.relay, "client_error", read_error(error))
            case ["debug", type, debug]:
                return partial(tab.relay, "debug", type, debug)
            case ["wants", bool() as wants]:
                return partial(tab.heard_wants, wants)
            case ["subprotocol", int() as subprotocol]:
                return partial(tab.heard_subprotocol, subprotocol)
            case ["user", str() as user_id, token]:
                return partial(tab.user_changed, user_id, token, None)
            case ["answers", [*entries]]:
                return partial(self._take_answers, [("add", *read_entry(e)) for e in entries])
            case ["welcome", dict() as welcome]:
                self._welcome = welcome
                self.connected = welcome["connected"]
                return nothing
            case ["log", [*entries], [*unsent]]:
                if not self.connected:
                    self._unsent += unsent
                return partial(self._copy_entries, [("add", *read_entry(e)) for e in entries])
            case ["joined", int() as position, int() as added, dict() as values]:
                return partial(self._join, position, added, values)
            case ["refused", version]:
                return partial(self._refused, version)
        raise ValueError(f"another tab sent what tabs do not say: {message!r:.300}")

    @property
    def _has_joined(self) -> bool:
        return self.tab.part is self

    def _refused(self, version: int) -> None:
        error = VersionError(
            f"another tab speaks version {version} of what tabs say, this one {VERSION}; "
            "let all programs use the same version of Logux Store, and start them again"
        )
        if not self.joined.done():
            self.joined.set_exception(error)

    # Joining.

    def _copy_entries(self, ops: list[Op]) -> None:
        tab, welcome = self.tab, self._welcome
        assert welcome is not None
        if tab.custody.forgot and welcome["identity"] == tab.journal.identity:
            self._known |= {op[2].id for op in ops if op[2].added <= tab.journal.added}
        for op in ops:
            op[2].added = 0
            self._copy.apply(op)

    def _settle_in_copy(self, action: Any, _meta: Any) -> None:
        settle_answered(self._copy, action)

    def _prepare(self, _position: int, ops: list[Op]) -> None:
        """Something is published while the log is still coming."""
        for op in ops:
            if op[0] == "add":
                op[2].added = 0
                if not op[2].reasons and op[2].keep_last is None:
                    self._passing.append(op)
            self._copy.apply(op)

    def _join(self, position: int, added: int, values: dict[str, Any]) -> None:
        tab, journal, welcome = self.tab, self.tab.journal, self._welcome
        assert welcome is not None
        for name, value in values.items():
            self._copy.store.set_value(name, value)
        if welcome["offset"] is not None:
            pending = {op[2].id for op in journal.pending.values() if op[0] == "add"}
            own = [id for id in tab.node.unsent if id in pending or journal.epoch is None]
            tab.node.adopt_offset(welcome["offset"], own)
        if welcome["common"] is None:
            hand = to_hand_over(tab.log.store, journal.pending.values())
        else:
            hand = [op for number, op in journal.recent if number > welcome["common"]]
            hand += journal.pending.values()
        old = tab.log.store
        differences = merge(old, self._copy, hand, tab.tab_id, known=self._known)
        unsent = [*tab.node.unsent]
        for epoch, end in welcome["ends"]:
            journal.ends[epoch] = end
        journal.begin(welcome["epoch"], welcome["identity"], position)
        journal.added = added
        journal.replace(differences.hand)
        tab.part = self
        errors: list[Exception] = []
        steps: tuple[Callable[[], object], ...] = (
            partial(
                tab.log.replace_store,
                self._copy.store,
                differences.added,
                differences.dropped,
                differences.moved,
            ),
            partial(self._note_unsent, unsent),
            *(partial(tab.log.apply, op) for op in self._passing),
            partial(tab.heard_subprotocol, welcome["subprotocol"]),
            partial(tab.joined, welcome),
            partial(self.joined.set_result, None),
            self._hand,
            partial(self._ask_answers, old),
        )
        for step in steps:
            try:
                step()
            except Exception as error:  # noqa: BLE001 - raised below, when the tab has joined
                errors.append(error)
        raise_all(errors)

    def _note_unsent(self, before: list[str]) -> None:
        """Only what neither this tab nor the leader has ever sent may still be moved."""
        node = self.tab.node
        pending = {op[2].id for op in self.tab.journal.pending.values() if op[0] == "add"}
        unsent = [id for id in before if id in pending] + self._unsent
        node.mark_sent(set(node.unsent) - set(unsent))
        node.mark_unsent(unsent)

    def _ask_answers(self, old: LogStore) -> None:
        entries = [encode_entry(*entry) for entry in self.tab.unanswered(old)]
        if entries:
            self._channel.send(f'["answers",[{",".join(entries)}]]')

    def _take_answers(self, ops: list[Op]) -> None:
        with self.tab.log.batch():
            for op in ops:
                op[2].added = 0
                op[2].reasons = []
                self.tab.log.apply(op)

    # Following.

    def _set_state(self, state: NodeState) -> None:
        if state in (NodeState.DISCONNECTED, NodeState.CONNECTING):
            self.connected = False
        if self._has_joined:
            self.tab.set_state(state)
        else:
            assert self._welcome is not None
            self._welcome["state"] = state

    def _adopt_offset(self, offset: int) -> None:
        """The leader is connected, and has moved what it has; the rest moves here."""
        self.connected = True
        if not self._has_joined:
            assert self._welcome is not None
            self._welcome["offset"] = offset
            self._unsent.clear()
            return
        node = self.tab.node
        new = {op[2].id for _, op in self.tab.journal.to_hand() if op[0] == "add"}
        unsent = node.unsent
        node.adopt_offset(
            offset, [id for id in unsent if id in new], [id for id in unsent if id not in new]
        )

    def _follow(self, position: int, ops: list[Op]) -> None:
        journal = self.tab.journal
        number = position - len(ops)
        errors: list[Exception] = []
        try:
            with self.tab.log.batch():
                for op in ops:
                    number += 1
                    journal.position = number
                    try:
                        self._follow_one(number, op)
                    except Exception as error:  # noqa: BLE001 - raised below, after the others
                        errors.append(error)
        except Exception as error:  # noqa: BLE001 - raised below; the changes are made
            errors.append(error)
        raise_all(errors)

    def _follow_one(self, number: int, op: Op) -> None:
        tab, journal = self.tab, self.tab.journal
        if op[0] == "own":
            own = journal.acknowledge(op[1])
            if own is None:
                return
            journal.recent.append((number, own))
            if own[0] == "add" and len(op) == 4:
                meta = own[2]
                journal.added = op[3] or journal.added
                if meta.time != op[2]:
                    self._move(meta.id, op[2])
            return
        journal.recent.append((number, op))
        if op[0] == "add":
            journal.added = op[2].added or journal.added
            op[2].added = 0
        elif op[0] == "clean":
            journal.added = 0
        if op[0] == "move":
            self._move(op[1], op[2])
            return
        tab.log.apply(op)
        if op[0] == "add" and self.connected:
            tab.node.mark_sent([op[2].id])

    def _move(self, id: str, time: int) -> None:
        """The leader has given an action the server's time."""
        try:
            self.tab.log.apply(("move", id, time))
        finally:
            self.tab.node.mark_sent([id])


def settle_answered(log: TabLog, action: dict[str, Any]) -> None:
    """Let go of an action that the server has answered."""
    if action["type"] in ("logux/processed", "logux/undo") and isinstance(action.get("id"), str):
        log.settle(action["id"])


def nothing(*_: object) -> None:
    """There is nothing to do."""
