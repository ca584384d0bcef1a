"""A tab among the user's others: it elects, and has one of two parts, `Leading` or `Following`.

    start ──> candidate ──the lock is free──────────> leader ──its term is over──> candidate
                  │
                  └──the leader lets it join──> follower ──the leader is gone or hangs──> candidate

A leader's lock dies with its process, and the followers' channels break at that moment, so they
elect at once. A leader that hangs keeps its lock: when its followers have heard nothing for
`timeout` seconds, one of them begins a new term nevertheless. So a leader may go on for a while
only without looking whether its term is still the present one: half of the timeout, since it tells
its followers more often than that that it lives. `holds` is asked before anything passes between
the leader and its store, the server or a follower; it looks when it is time to.

Invariants: at most one part at a time, and none while candidate; while this tab leads with a
persistent store, its log is in there, else in memory.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, TypeAlias

from logux_store.client.tabs.following import Following, read_error
from logux_store.client.tabs.journal import EVERYTHING, Journal
from logux_store.client.tabs.leading import Leading
from logux_store.client.tabs.merge import Differences, merge, to_hand_over
from logux_store.client.tabs.ops import Op
from logux_store.client.tabs.replica import ReplicaStore
from logux_store.client.tabs.shared_store import SharedStore
from logux_store.client.tabs.space import Channel, TabSpace
from logux_store.client.tabs.tab_log import SYNCING, TabLog
from logux_store.client.tabs.tab_node import ServerLink, TabNode
from logux_store.errors import LoguxError
from logux_store.events import Emitter
from logux_store.ids import Random
from logux_store.log import LogStore
from logux_store.meta import Entry
from logux_store.sync import NodeState

__all__ = ["Role", "Tab"]

Role: TypeAlias = Literal["leader", "follower", "candidate"]

RETRY = 0.005
"""Seconds between two attempts of a candidate, for the first second; then ten times as long."""

NEVER = float("-inf")

RETRY_FAILED = 1.0
"""Seconds until a tab that could not lead tries again."""


class Tab:
    """What a `CrossTabClient` has beyond a `Client`.

    Events: `role` (); `state` (); `failed` (error or None) when the tab cannot lead, and when that
    is over; `user` (user id, token) when another tab has changed the user; `joined` (node id) and
    `left` (node id) of followers, and `dead` (tab id); `handed` (ids) when actions are on their way
    to a leader that is connected.
    """

    loop: asyncio.AbstractEventLoop
    log: TabLog
    node: TabNode
    link: ServerLink

    def __init__(
        self, *, tab_id: str, subprotocol: int, timeout: float, random: Random, store: Any
    ) -> None:
        self.tab_id = tab_id
        self.subprotocol = self.newest_subprotocol = subprotocol
        self.timeout = timeout
        self.random = random
        self.store: SharedStore | None = store
        self.events = Emitter()
        self.journal = Journal()
        self.space: TabSpace | None = None
        self.part: Leading | Following | None = None
        self.role: Role = "candidate"
        self.state = NodeState.DISCONNECTED
        self.wants = False
        self.error: Exception | None = None
        self.awaited: Callable[[], Iterable[str]] = tuple
        self._term = 0
        self._looked = 0.0
        # Whether it has followed or led before in this place.
        self._met = False
        # Actions about which the server is asked again.
        self._questions: dict[str, Entry] = {}
        # How often it has replaced a leader that hung, since it followed one last.
        self.replaced = 0
        # Whether this tab led before, and whether it has in memory not all that it knew then.
        self._stepped_down = self.forgot = False
        self._election: asyncio.Task[None] | None = None

    def new_store(self) -> ReplicaStore:
        """An empty copy of the log, in memory."""
        return ReplicaStore(self._when_shared)

    def _when_shared(self, callback: Callable[[], None]) -> None:
        if self.space is None or isinstance(self.part, Leading):
            callback()
        else:
            self.journal.when_shared(callback)

    # Coming and going.

    def enter(self, space: TabSpace) -> None:
        """Be among the tabs of this space. Raises what keeps this tab from leading, if it could
        lead otherwise.
        """
        self.loop = asyncio.get_running_loop()
        space.enter(self.tab_id)
        self.space = space
        self._met = False
        try:
            if not self._try_to_lead():
                self._elect()
        except BaseException:
            self.space = None
            space.leave()
            raise

    def leave(self, keep_log: bool = False) -> None:
        """Be gone. With `keep_log`, the log goes on in memory."""
        space, part = self.space, self.part
        if self._election is not None:
            self._election.cancel()
            self._election = None
        if space is None:
            return
        if isinstance(part, Leading):
            part.close()
            self.link.connection.disconnect("destroy")
            if self.store is not None:
                if keep_log:
                    self._go_on_in_memory(part)
                self.store.release()
            self.journal.replace(part.undurable())
        elif part is not None:
            part.close()
        self.part = self.space = None
        space.leave()
        self._change_role("follower")
        self.set_state(NodeState.DISCONNECTED)

    async def shared(self) -> None:
        """Wait until the other tabs, or the persistent store, have all changes of this one; for
        `timeout` seconds at most.
        """
        if self.space is None:
            return
        done: asyncio.Future[None] = self.loop.create_future()

        def finish() -> None:
            if not done.done():
                done.set_result(None)

        self.log.store.when_durable(finish)
        await asyncio.wait([done], timeout=self.timeout)

    def record(self, op: Op) -> None:
        """The log has changed."""
        part = self.part
        if part is not None and (op[0] != "move" or isinstance(part, Leading)):
            part.record(op)
        elif self.space is not None and op[0] != "move":
            self.journal.add(op)

    # The election.

    def _elect(self, hung: int | None = None) -> None:
        self._election = self.loop.create_task(self._run_election(hung))

    async def _run_election(self, hung: int | None) -> None:
        space = self.space
        assert space is not None
        watched, since = 0, self.loop.time()
        while True:
            pause = RETRY if self.loop.time() - since < 1 else 10 * RETRY
            try:
                if self._try_to_lead(hung):
                    return
                term = space.term()
                if term != watched:
                    watched, since, hung = term, self.loop.time(), None
                await self._join(term)
                return
            except TimeoutError:
                hung = watched
            except ConnectionError:
                if self.loop.time() - since > self.patience:
                    hung = watched
            except Exception as error:  # noqa: BLE001 - told to whoever listens, and tried again
                self._fail(error)
                pause = RETRY_FAILED
            await asyncio.sleep(pause)

    async def _join(self, term: int) -> None:
        assert self.space is not None
        async with asyncio.timeout(self.patience):
            channel = await self.space.connect(term)
        following = Following(self, term, channel)
        try:
            following.start()
            await following.joined
        finally:
            if self.part is not following:
                following.abandon()

    def _try_to_lead(self, hung: int | None = None) -> bool:
        assert self.space is not None
        term = self.space.claim(hung)
        if term is None:
            return False
        self.replaced += hung == term - 1
        try:
            self._lead(term)
        except BaseException:
            self.part = None
            self.space.resign()
            raise
        return True

    @property
    def patience(self) -> float:
        """Seconds after which a silent leader is taken to hang. It may just be opening a long log;
        so tabs that have replaced each other for nothing wait longer each time.
        """
        return self.timeout * 2.0 ** min(self.replaced, 10)

    def _fail(self, error: Exception) -> None:
        if self.error is not error:
            self.error = error
            self.events.emit("failed", error)

    # Leading.

    def _lead(self, term: int) -> None:
        assert self.space is not None
        self._term, self._looked = term, self.loop.time()
        part = Leading(self, term)
        part.start()
        before, old = self.node.unsent, self.log.store
        differences = Differences()
        try:
            if self.store is None:
                self.journal.end_epoch(self.journal.position)
                self.journal.begin(part.epoch, None)
                self.part = part
                self.journal.replace(())
            else:
                differences = self._open_store(self.store, part)
                self.part = part
        except BaseException:
            part.abandon()
            raise
        self.error = None
        if self.store is not None:
            self.log.replace_store(
                self.store, differences.added, differences.dropped, differences.moved
            )
            # What an earlier run has left was perhaps sent by it.
            self.node.mark_sent(set(self.node.unsent) - set(before))
            self.node.restore_offset(before)
            self.store.when_durable(partial(self._all_shared, part))
            self.node.read_store()
        else:
            # What the former leader has sent, and got no answer to, is sent again.
            self.node.last_sent = 0
        self._met = True
        self._change_role("leader")
        self.events.emit("failed", None)
        self.sweep()
        self.ask_server(self.unanswered(old))
        if self.wants:
            self.link.connection.connect()
        self.set_state(self.node.state)

    def _open_store(self, store: SharedStore, part: Leading) -> Differences:
        """Bring what this tab has into the persistent store."""
        journal, space, term = self.journal, self.space, part.term
        assert space is not None
        store.take_over(partial(self._may_commit, term))
        same = journal.epoch is not None and journal.identity == store.identity
        if same:
            hand = [*journal.pending.values()]
            since = journal.added if not self._stepped_down or self.forgot else None
        else:
            hand, since = to_hand_over(self.log.store, journal.pending.values()), None
        copy = TabLog("copy", store, self.log.clock, ignore)
        differences = merge(self.log.store, copy, hand, self.tab_id, since, self.node.unsent)
        journal.end_epoch(EVERYTHING if same else journal.position)
        journal.begin(part.epoch, store.identity)
        journal.added = store.last_added()
        self.forgot = False
        return differences

    def _may_commit(self, term: int) -> bool:
        """Whether the persistent store may still commit what this tab has written."""
        assert self.space is not None
        if self.space.term() == term:
            return True
        part = self.part
        if isinstance(part, Leading) and self.log.store is self.store:
            # The last moment in which it can be read.
            self._go_on_in_memory(part)
            self._looked = NEVER
            self.loop.call_soon(self.holds)
        return False

    def _all_shared(self, part: Leading) -> None:
        if self.part is part:
            self.journal.replace(())

    def holds(self, check: bool = False) -> bool:
        """Whether this tab leads, still. Looks, if it is time to or with `check`, and steps down if
        its term is over.
        """
        if not isinstance(self.part, Leading):
            return False
        now = self.loop.time()
        if not check and now - self._looked < self.timeout / 2:
            return True
        assert self.space is not None
        if self.space.term() == self._term:
            self._looked = now
            return True
        self._step_down(self.part)
        return False

    def _step_down(self, part: Leading) -> None:
        """Another tab leads. Nothing is sent any more; what was not durable, it will be handed."""
        assert self.space is not None
        part.abandon()
        self.part = None
        self._stepped_down = True
        self.link.connection.disconnect("destroy")
        if self.store is not None:
            self._go_on_in_memory(part)
            self.store.release()
        self.journal.replace(part.undurable())
        self.space.resign()
        self._be_candidate(None)

    def _go_on_in_memory(self, part: Leading) -> None:
        """Leave the persistent store, with what this tab knows of it."""
        if self.log.store is not self.store:
            return
        copy = self.new_store()
        try:
            for action, meta in self.log.store.entries("added"):
                if meta.tab in (None, self.tab_id):
                    copy.add(action, meta.copy(added=0))
        except Exception as error:  # noqa: BLE001 - a store that broke cannot be read
            self.forgot = True
            self.relay("error", error)
        for op in part.undurable():
            if op[0] == "add" and op[2].reasons:
                copy.add(op[1], op[2].copy(added=0))
        self.log.replace_store(copy, (), (), ())
        self.node.read_store()

    def look_after_store(self) -> None:
        """Step down if the store has failed: perhaps another tab can use it, or this one later."""
        part = self.part
        if self.store is None or not isinstance(part, Leading):
            return
        try:
            self.store.last_added()
        except Exception as error:  # noqa: BLE001 - told to whoever listens
            self._step_down(part)
            self._fail(error)

    def _be_candidate(self, hung: int | None) -> None:
        self._change_role("candidate")
        if self.state != NodeState.DISCONNECTED:
            # The next leader will connect at once.
            self.set_state(NodeState.CONNECTING)
        self._elect(hung)

    def sweep(self) -> None:
        """Look for tabs that are gone, so that what was kept for them alone can go as well."""
        assert self.space is not None
        for tab_id in self.space.dead_tabs():
            self.events.emit("dead", tab_id)
            self.space.forget(tab_id)

    def unanswered(self, old: LogStore) -> list[Entry]:
        """This tab's actions whose outcomes are awaited, while the log does not keep them for being
        sent any more: they were answered when this tab was away. `old` has them still.
        """
        entries: list[Entry] = []
        for id in self.awaited():
            present, former = self.log.by_id(id), old.by_id(id)
            entry = present or former
            if entry is not None and (present is None or SYNCING not in present[1].reasons):
                entries.append(entry)
        return entries

    def ask_server(self, entries: Iterable[Entry]) -> None:
        """Send actions again that the server has answered, so that it says the answer again: there
        is no tab that knows it.
        """
        for action, meta in entries:
            again = meta.copy(added=0, sync=True, reasons=[SYNCING])
            self._questions[meta.id] = (action, again)
            if self.node.authenticated:
                self.node.enqueue(action, again)

    def _repeat_questions(self) -> None:
        for id, (action, meta) in [*self._questions.items()]:
            if id in self.journal.answers:
                del self._questions[id]
            else:
                self.node.enqueue(action, meta)

    def member_joined(self, node_id: str) -> None:
        """A follower has got the log."""
        self.events.emit("joined", node_id)

    def member_left(self, node_id: str) -> None:
        """A follower has left, or was left."""
        self.events.emit("left", node_id)

    def is_member(self, tab_id: str) -> bool:
        """Whether this tab leads the one with this id."""
        return isinstance(self.part, Leading) and self.part.is_member(tab_id)

    # Following.

    def joined(self, welcome: dict[str, Any]) -> None:
        """This tab follows a leader, and has its log."""
        self.error = None
        wanted, self.wants = self.wants, welcome["wants"]
        self.node.read_store()
        self._change_role("follower")
        self.events.emit("failed", None)
        self.set_state(NodeState(welcome["state"]))
        if wanted and not self._met and not self.wants:
            self.want(True)
        self._met = True
        if welcome["error"] is not None:
            self.relay("error", read_error(welcome["error"]))

    def leader_lost(self, part: Following, hung: bool) -> None:
        """The channel to the leader is broken, or silent for too long."""
        if self.part is part:
            self.part = None
            self._be_candidate(part.term if hung else None)

    def handed(self, ids: list[str]) -> None:
        """The leader, which is connected, gets these actions of this tab."""
        self.events.emit("handed", ids)

    # What all tabs hear of.

    def _change_role(self, role: Role) -> None:
        if self.role != role:
            self.role = role
            self.events.emit("role")

    def node_state_changed(self) -> None:
        """The state of this tab's own node, which matters only while it leads."""
        if isinstance(self.part, Leading) and self.holds():
            if self._questions and self.state == NodeState.CONNECTING and self.node.authenticated:
                self._repeat_questions()
            self.set_state(self.node.state)

    def set_state(self, state: NodeState) -> None:
        """The state of the leader's node, which is every tab's."""
        if self.state is state:
            return
        self.state = state
        if isinstance(self.part, Leading):
            self.part.tell("state", state)
        self.events.emit("state")

    def tell(self, *message: Any) -> None:
        """Tell the followers, if this tab leads."""
        if isinstance(self.part, Leading):
            self.part.tell(*message)

    def flush(self) -> None:
        """Send the followers what is published, if this tab leads."""
        if isinstance(self.part, Leading):
            self.part.flush()

    def relay(self, event: str, *args: Any) -> None:
        """Emit an event of the leader's node here as well."""
        self.node.relay(event, *args)

    def want(self, wanted: bool) -> None:
        """The application of some tab wants to be connected, or not to be."""
        if isinstance(self.part, Following):
            self.part.send("connect", wanted)
            return
        self.wants = wanted
        self.error = None
        if isinstance(self.part, Leading) and self.holds():
            self.tell("wants", wanted)
            if wanted:
                self.link.connection.connect()
            else:
                self.link.connection.disconnect("user")

    def change_user(self, user_id: str, token: str | None) -> None:
        """This tab's application has changed the user: tell the other tabs."""
        if isinstance(self.part, Following):
            self.part.send("user", user_id, token)
        else:
            self.tell("user", user_id, token)

    def user_changed(self, user_id: str, token: str | None, origin: Channel | None) -> None:
        """Another tab's application has changed the user."""
        if isinstance(self.part, Leading):
            self.part.tell("user", user_id, token, without=origin)
        self.events.emit("user", user_id, token)

    def heard_subprotocol(self, subprotocol: int) -> None:
        """Some tab has this subprotocol; if it is newer than this one's, this one is too old."""
        if subprotocol > self.newest_subprotocol:
            self.newest_subprotocol = subprotocol
            self.tell("subprotocol", subprotocol)
            versions = {"supported": subprotocol, "used": self.subprotocol}
            self.relay("error", LoguxError("wrong-subprotocol", versions, received=True))


def ignore(*_: object) -> None:
    """A copy that is being made tells nobody of its changes."""
