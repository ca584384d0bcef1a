"""The client for programs of which a user may run several at once: they share one log, one
connection and one state.

What tabs are, and how they share, is told in `tabs`. This module gives it the face of a `Client`.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from logux_store.actions import Action, check_sendable, to_json
from logux_store.client.client import SUBSCRIPTION_TYPES, Client
from logux_store.client.options import check_token
from logux_store.client.reasons import SYNCING, tab_reasons
from logux_store.client.tabs.file_space import open_space
from logux_store.client.tabs.messages import error_message
from logux_store.client.tabs.served import Served
from logux_store.client.tabs.shared_store import SharedStore
from logux_store.client.tabs.space import TabSpace
from logux_store.client.tabs.tab import Role, Tab
from logux_store.client.tabs.tab_log import TabLog
from logux_store.client.tabs.tab_node import ServerLink, TabNode
from logux_store.errors import LoguxError
from logux_store.events import Listener, Unbind
from logux_store.ids import Clock, parse_id, random_id, validate_user_id
from logux_store.log import Log, LogStore
from logux_store.log.listeners import EVERY_KIND
from logux_store.meta import Entry, Meta
from logux_store.sync import Connection, NodeState

__all__ = ["CrossTabClient"]


class CrossTabClient(Client):
    """A `Client` that shares its log and its connection with the user's other tabs: processes on
    this machine, or other clients in this one, with the same `prefix` and user.

    One of them leads: only it connects to the server and uses the persistent `store`. `role` says
    which this is: `candidate` before `start` and during an election, `leader`, or `follower`;
    `on("role", …)` tells of changes. All of them have the same `state`. When the leader goes, or
    hangs for `tab_timeout` seconds, another takes over.

    Actions without `meta.tab` reach every tab, so they must have a JSON form; those with it stay in
    theirs, and cannot be sent to the server. The tabs share a client id, kept in the state
    directory, unless `client_id` gives it (the part after the user). `state_dir` replaces the
    directory of the application `prefix` among the user's state files; it must not be writable by
    others. `space` gives, for a user id, another place for tabs to meet, such as a `MemorySpace` in
    tests.

    A `store` with the methods of `SharedStore`, such as `SQLiteStore`, is opened when this tab
    leads and left alone otherwise; give the same to every tab, and to no tab of another user who is
    there at the same time. Any other store is this tab's own until it follows.

    In a follower, `node` never connects: its state is `disconnected`, and it emits the errors of
    the leader's node. `node.connection.connect()` and `disconnect()` concern all tabs.

    Raises what `Client` raises, and OSError, with the way out, for a state directory that is not
    safe or cannot be used.
    """

    node: TabNode
    log: TabLog
    looks_at = EVERY_KIND

    def __init__(
        self,
        *,
        server: "str | Connection",
        subprotocol: int,
        user_id: str,
        store: LogStore | None = None,
        client_id: str | None = None,
        state_dir: str | os.PathLike[str] | None = None,
        tab_timeout: float = 3.0,
        space: Callable[[str], TabSpace] | None = None,
        **options: Any,
    ) -> None:
        if client_id is not None:
            validate_user_id(client_id)
        if not tab_timeout > 0:
            raise ValueError(f"tab_timeout is a number of seconds above 0, not {tab_timeout!r}")
        self._given_client_id = client_id
        self._open_space = space or partial(self._open_state_dir, state_dir)
        self._shared_store = store if isinstance(store, SharedStore) else None
        self._private_store = None if self._shared_store is store else store
        self._tab_timeout = tab_timeout
        self._served = Served()
        super().__init__(server=server, subprotocol=subprotocol, user_id=user_id, **options)
        self._tab.log, self._tab.node = self.log, self.node
        self._tab.awaited = self._outcomes.open_ids
        for event, listener in (
            ("role", partial(self._events.emit, "role")),
            ("state", self._on_tab_state),
            ("failed", self._on_failed),
            ("user", self._on_user),
            ("joined", self._on_joined),
            ("left", self._on_left),
            ("dead", self._on_dead),
            ("handed", self._on_handed),
        ):
            self._tab.events.on(event, listener)
        self.node.before_opening = self._before_opening
        self.node.before_acknowledging = self._tab.flush
        self.node.on("client_error", partial(self._tell_error, "client_error"))
        self.node.on("debug", partial(self._tell, "debug"))

    def _open_state_dir(self, state_dir: Any, user_id: str) -> TabSpace:
        return open_space(self.prefix, user_id, state_dir)

    # What the base asks for while it is being made.

    def _open_account(self) -> str:
        self._space = self._open_space(self.user_id)
        return self._given_client_id or self._space.client_part(partial(random_id, 8, self.random))

    def _make_log(self, clock: Clock) -> Log:
        self._tab = Tab(
            tab_id=self.tab_id,
            subprotocol=self.subprotocol,
            timeout=self._tab_timeout,
            random=self.random,
            store=self._shared_store,
        )
        store = self._private_store if self._private_store is not None else self._tab.new_store()
        return TabLog(self.node_id, store, clock, self._tab.record)

    def _make_node(self, connection: Connection, **options: Any) -> TabNode:
        self._tab.link = ServerLink(connection, self._tab.holds, self._tab.want)
        return TabNode(self.node_id, self.log, self._tab.link, **options)

    # What users see.

    @property
    def role(self) -> Role:
        return self._tab.role

    @property
    def state(self) -> NodeState:
        return self._tab.state

    def on(self, event: str, listener: Listener) -> Unbind:
        if event == "state":
            return self._events.on(event, listener)
        return super().on(event, listener)

    def start(self, connect: bool = True) -> None:
        """Be one of the user's tabs, and connect, unless `connect` is false: if this one leads, or
        through the one that does. Needs a running event loop.

        With no other tab there, this one leads when `start` returns, and its log is in the
        persistent store. Raises what the store raises when it cannot be opened.
        """
        self._check_alive()
        self.error = None
        if self._tab.space is None:
            self._tab.enter(self._space, connect)
        elif connect:
            self._tab.want(True)

    def change_user(self, user_id: str, token: Any = None) -> None:
        """Become another user, in all tabs: they leave their place and meet again as that user's.

        A `token` that is a string is told to them; of one that is a callable, each has its own.
        """
        validate_user_id(user_id)
        check_token(token)
        self._check_alive()
        follows = self._tab.change_user(user_id, token if isinstance(token, str) else None)
        self._become(user_id, token, last=follows)

    async def destroy(self) -> None:
        """Leave the other tabs and stop for good, once they, or the persistent store, have what
        this one has done; outcomes that are still open raise ConnectionAbortedError.
        """
        if not self.destroyed:
            await self._tab.shared()
        await super().destroy()

    async def clean(self) -> None:
        """Destroy the client and forget the log, in all tabs."""
        if not self.destroyed:
            self.log.store.clean()
            self._tab.record(("clean",))
        await self.destroy()

    def _close(self, error: Exception) -> None:
        super()._close(error)
        self._tab.leave()

    # The log.

    def _before_add(self, action: Action, meta: Meta) -> None:
        # It may be long ago that this process ran last, and another tab the leader now.
        self._tab.holds()
        if meta.tab is None:
            if f" {self.log.node_id} " in meta.id:
                check_sendable(action)
                if meta.__dict__:
                    to_json(meta.__dict__)
        elif meta.sync:
            raise ValueError(
                f"{action['type']!r} cannot be sent and kept in one tab; leave out sync or tab"
            )
        super()._before_add(action, meta)

    def _after_add(self, action: Action, meta: Meta) -> None:
        type = action["type"]
        if type in SUBSCRIPTION_TYPES and f" {self.log.node_id} " not in meta.id:
            # Each tab looks after its own subscriptions.
            return
        if type in ("logux/processed", "logux/undo"):
            id = action.get("id")
            if isinstance(id, str) and f"{self.client_id}:" in id:
                self._tab.journal.answered(id, action, meta)
        super()._after_add(action, meta)

    def _settle(self, id: str) -> None:
        self.log.settle(id)

    def _after_drop(self, entries: list[Entry]) -> None:
        # Another tab may hand it over again, or the server send it.
        own = f" {self.client_id}:"
        for _, meta in entries:
            # What the leader has dropped at once is in the state as well.
            self.dropped.add(meta.id)
            if meta.tab is None and (meta.added or own in meta.id):
                self.log.store.remember(meta.id)

    # The node.

    def _on_receive(self, action: Action, meta: Meta) -> tuple[Action, Meta] | None:
        # What this tab has dropped, a younger one may never have had.
        return None if self._is_saved(meta.id) else (action, meta)

    def _on_send(self, action: Action, meta: Meta) -> tuple[Action, Meta] | None:
        if not self._may_leave(meta):
            return None
        if action["type"] in SUBSCRIPTION_TYPES:
            node_id = parse_id(meta.id).node_id
            if action["type"] == "logux/subscribe" and not self._may_subscribe(node_id, meta.id):
                return None
            self._served.sending(node_id, action)
        return action, meta

    def _may_subscribe(self, node_id: str, id: str) -> bool:
        tab_id = node_id.rpartition(":")[2]
        if tab_id == self.tab_id:
            wanted = self.subscriptions.sent(id)
        elif self._tab.is_member(tab_id):
            return True
        else:
            assert self._tab.space is not None
            wanted = self._tab.space.is_alive(tab_id)
            if wanted:
                self._served.hold(node_id, id)
                return False
        if not wanted:
            # Left by an earlier run of the program, or by a tab that is gone.
            self.log.change_meta(id, reasons=[])
        return wanted

    def _on_state(self) -> None:
        if self.node.state == NodeState.DISCONNECTED:
            self._served.disconnected()
        self._tab.node_state_changed()

    def _on_error(self, error: Exception) -> None:
        self._tell_error("error", error)
        if self.node.relaying and not isinstance(error, LoguxError):
            # It is raised where it was found.
            return
        super()._on_error(error)
        if self.error is error and not self.node.relaying:
            self._tab.error = error

    def _on_client_error(self, error: LoguxError) -> None:
        if not self.node.relaying:
            super()._on_client_error(error)

    def _tell_error(self, name: str, error: Exception) -> None:
        self._tell(name, error_message(error))

    def _tell(self, *message: Any) -> None:
        if not self.node.relaying:
            self._tab.tell(*message)

    def _before_opening(self) -> None:
        self._tell("offset", self.node.offset)

    # The tabs.

    def _on_tab_state(self) -> None:
        if self._tab.role != "leader":
            if self.connected:
                self.subscriptions.sent_all()
            elif self.state == NodeState.CONNECTING:
                # Another leader has another connection.
                self._lose_subscriptions()
        self._restore_subscriptions()
        self._events.emit("state")

    def _on_failed(self, error: Exception | None) -> None:
        self.error = error
        if error is not None:
            self.node.relay("error", error)
            self._events.emit("error")

    def _on_handed(self, ids: list[str]) -> None:
        for id in ids:
            self.subscriptions.sent(id)

    def _on_joined(self, node_id: str) -> None:
        for id in self._served.joined(node_id):
            entry = self.log.by_id(id)
            if entry is not None:
                self.node.enqueue(*entry)

    def _on_left(self, node_id: str) -> None:
        for action in self._served.left(node_id):
            if self.node.authenticated:
                # The tab's ids have the counter 0.
                ms = int(self.log.generate_id().partition(" ")[0])
                meta = Meta(f"{ms} {node_id} 1", ms - self.log.offset, [SYNCING], sync=True)
                self.node.enqueue(action, meta)

    def _on_dead(self, tab_id: str) -> None:
        for reason in tab_reasons(tab_id):
            self.log.remove_reason(reason)

    def _on_user(self, user_id: str, token: str | None) -> None:
        if token is None and callable(self.node.token):
            self._become(user_id, self.node.token)
        else:
            self._become(user_id, token)

    def _become(self, user_id: str, token: Any, *, last: bool = False) -> None:
        started, wants = self._tab.space is not None, self._tab.wants
        self._tab.leave(keep_log=True)
        self.user_id = user_id
        self.client_id = f"{user_id}:{self._open_account()}"
        self.log.node_id = self.node.local_node_id = self.node_id
        self.node.token = token
        self.error = None
        self._end_subscriptions()
        self._events.emit("user", user_id)
        if started:
            self._tab.enter(self._space, wants, last=last)
