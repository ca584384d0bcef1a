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
from typing import Any, Literal, TypeAlias

from logux_store.client.tabs.custody import Custody
from logux_store.client.tabs.election import Election
from logux_store.client.tabs.following import Following
from logux_store.client.tabs.journal import Journal
from logux_store.client.tabs.leading import Leading
from logux_store.client.tabs.messages import read_error
from logux_store.client.tabs.ops import Op
from logux_store.client.tabs.questions import Questions, unanswered
from logux_store.client.tabs.replica import ReplicaStore
from logux_store.client.tabs.shared_store import SharedStore
from logux_store.client.tabs.space import Channel, TabSpace
from logux_store.client.tabs.tab_log import TabLog
from logux_store.client.tabs.tab_node import ServerLink, TabNode
from logux_store.errors import LoguxError
from logux_store.events import Emitter
from logux_store.ids import Random
from logux_store.log import LogStore
from logux_store.meta import Entry
from logux_store.sync import NodeState

__all__ = ["Role", "Tab"]

Role: TypeAlias = Literal["leader", "follower", "candidate"]

NEVER = float("-inf")


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
        self,
        *,
        tab_id: str,
        subprotocol: int,
        timeout: float,
        random: Random,
        store: SharedStore | None,
    ) -> None:
        self.tab_id = tab_id
        self.subprotocol = self.newest_subprotocol = subprotocol
        self.timeout = timeout
        self.random = random
        self.events = Emitter()
        self.journal = Journal()
        self.election = Election(self)
        self.custody = Custody(self, store)
        self._questions = Questions(self.journal)
        self.space: TabSpace | None = None
        self.part: Leading | Following | None = None
        self.role: Role = "candidate"
        self.state = NodeState.DISCONNECTED
        self.wants = False
        self.error: Exception | None = None
        self.awaited: Callable[[], Iterable[str]] = tuple
        self._term = 0
        self._looked = 0.0
        # Whether this tab's application wants to be connected, until it leads or the leader knows.
        self._wish: bool | None = None

    def new_store(self) -> ReplicaStore:
        """An empty copy of the log, in memory."""
        return ReplicaStore(self._when_shared)

    def _when_shared(self, callback: Callable[[], None]) -> None:
        if self.space is None or isinstance(self.part, Leading):
            callback()
        else:
            self.journal.when_shared(callback)

    # Coming and going.

    def enter(self, space: TabSpace, wants: bool, *, last: bool = False) -> None:
        """Be among the tabs of this space, and connected if this one `wants` it. With `last`,
        another tab comes as well and shall lead. Raises what keeps this tab from leading, if it
        could lead otherwise.
        """
        self.loop = asyncio.get_running_loop()
        space.enter(self.tab_id)
        self.space = space
        self.wants = wants
        # Who does not want to connect does not disconnect the others.
        self._wish = wants or None
        try:
            if last or not self.election.try_to_lead():
                self.election.start(last=last)
        except BaseException:
            self.space = None
            space.leave()
            raise

    def leave(self, keep_log: bool = False) -> None:
        """Be gone. With `keep_log`, the log goes on in memory."""
        space, part = self.space, self.part
        self.election.stop()
        if space is None:
            return
        if isinstance(part, Leading):
            part.close()
            self.link.connection.disconnect("destroy")
            if keep_log:
                self.custody.move_out(part)
            self.custody.release()
            self.custody.give_back(part)
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

    # Leading.

    def lead(self, term: int) -> None:
        """This tab has claimed the term. Raises what keeps it from leading."""
        self._term, self._looked = term, self.loop.time()
        part = Leading(self, term)
        part.start()
        try:
            differences = self.custody.open(part)
        except BaseException:
            part.abandon()
            self.custody.release()
            raise
        former = self.log.store
        self.part = part
        self.error = None
        self.custody.move_in(part, differences)
        if self._wish is not None:
            self.wants, self._wish = self._wish, None
        self._change_role("leader")
        self._emit("failed", None)
        self.sweep()
        self.ask_server(self.unanswered(former))
        if self.wants:
            self.link.connection.connect()
        self.set_state(self.node.state)

    def failed(self, error: Exception) -> None:
        """This tab could not lead."""
        if self.error is not error:
            self.error = error
            self._emit("failed", error)

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

    def look_at_term_soon(self) -> None:
        """There is reason to think that this tab's term is over."""
        self._looked = NEVER
        self.loop.call_soon(self.holds)

    def _step_down(self, part: Leading) -> None:
        """Another tab leads. Nothing is sent any more; what was not durable, it will be handed."""
        assert self.space is not None
        part.abandon()
        self.part = None
        self.link.connection.disconnect("destroy")
        self.custody.move_out(part)
        self.custody.release()
        self.custody.give_back(part)
        self.space.resign()
        self._be_candidate(None)

    def look_after_store(self) -> None:
        """Step down if the store has failed: perhaps another tab can use it, or this one later."""
        if isinstance(self.part, Leading) and (error := self.custody.problem()) is not None:
            self._step_down(self.part)
            self.failed(error)

    def _be_candidate(self, hung: int | None) -> None:
        self._change_role("candidate")
        if self.state != NodeState.DISCONNECTED:
            # The next leader will connect at once.
            self.set_state(NodeState.CONNECTING)
        self.election.start(hung)

    def sweep(self) -> None:
        """Look for tabs that are gone, so that what was kept for them alone can go as well."""
        assert self.space is not None
        for tab_id in self.space.dead_tabs():
            self._emit("dead", tab_id)
            self.space.forget(tab_id)

    def unanswered(self, former: LogStore) -> list[Entry]:
        """This tab's actions that were answered when it was away; see `questions`."""
        return unanswered(self.awaited(), self.log.store, former)

    def ask_server(self, entries: Iterable[Entry]) -> None:
        """Ask how the server answered these actions; no tab knows it."""
        self._questions.ask(self.node, entries)

    def member_joined(self, node_id: str) -> None:
        """A follower has got the log."""
        self._emit("joined", node_id)

    def member_left(self, node_id: str) -> None:
        """A follower has left, or was left."""
        self._emit("left", node_id)

    def is_member(self, tab_id: str) -> bool:
        """Whether this tab leads the one with this id."""
        return isinstance(self.part, Leading) and self.part.is_member(tab_id)

    # Following.

    def joined(self, welcome: dict[str, Any]) -> None:
        """This tab follows a leader, and has its log."""
        self.error = None
        self.election.won_by_another()
        self.custody.forgot = False
        self.wants = welcome["wants"]
        self.node.read_store()
        self._change_role("follower")
        self._emit("failed", None)
        self.set_state(NodeState(welcome["state"]))
        wish, self._wish = self._wish, None
        if wish is not None and wish != self.wants:
            self.want(wish)
        if welcome["error"] is not None:
            self.relay("error", read_error(welcome["error"]))

    def leader_lost(self, part: Following, hung: bool) -> None:
        """The channel to the leader is broken, or silent for too long."""
        if self.part is part:
            self.part = None
            self._be_candidate(part.term if hung else None)

    def handed(self, ids: list[str]) -> None:
        """The leader, which is connected, gets these actions of this tab."""
        self._emit("handed", ids)

    # What all tabs hear of.

    def _emit(self, event: str, *args: Any) -> None:
        """Emit an event. What a listener raises must not keep this tab from doing its part."""
        for error in self.events.collect(event, *args):
            self.report(error)

    def report(self, error: Exception) -> None:
        """Tell the loop of an error that concerns nobody who could be told otherwise."""
        self.loop.call_exception_handler(
            {"message": "A listener of a tab raised an exception", "exception": error}
        )

    def _change_role(self, role: Role) -> None:
        if self.role != role:
            self.role = role
            self._emit("role")

    def node_state_changed(self) -> None:
        """The state of this tab's own node, which matters only while it leads."""
        if isinstance(self.part, Leading) and self.holds():
            if self.state == NodeState.CONNECTING and self.node.authenticated:
                self._questions.repeat(self.node)
            self.set_state(self.node.state)

    def set_state(self, state: NodeState) -> None:
        """The state of the leader's node, which is every tab's."""
        if self.state is state:
            return
        self.state = state
        if isinstance(self.part, Leading):
            self.part.tell("state", state)
        self._emit("state")

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
        if not isinstance(self.part, Leading):
            # The leader may be gone before it hears of it, and another have other wishes.
            self._wish = wanted
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

    def heard_wants(self, wants: bool) -> None:
        """The leader has heard of a wish, perhaps of this tab's."""
        self.wants = wants
        if wants == self._wish:
            self._wish = None

    def change_user(self, user_id: str, token: str | None) -> bool:
        """This tab's application has changed the user: tell the other tabs. Whether there is a
        leader, which still has the store.
        """
        if isinstance(self.part, Leading):
            self.part.tell_user(user_id, token)
            return False
        leader = self.part or self.election.joining
        if leader is not None:
            leader.send("user", user_id, token)
        return leader is not None

    def user_changed(self, user_id: str, token: str | None, origin: Channel | None) -> None:
        """Another tab's application has changed the user."""
        if isinstance(self.part, Leading):
            self.part.tell_user(user_id, token, origin)
        self._emit("user", user_id, token)

    def heard_subprotocol(self, subprotocol: int) -> None:
        """Some tab has this subprotocol; if it is newer than this one's, this one is too old."""
        if subprotocol > self.newest_subprotocol:
            self.newest_subprotocol = subprotocol
            self.tell("subprotocol", subprotocol)
            versions = {"supported": subprotocol, "used": self.subprotocol}
            self.relay("error", LoguxError("wrong-subprotocol", versions, received=True))
