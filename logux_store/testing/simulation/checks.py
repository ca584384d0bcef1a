"""What has to be true of a simulated world when it has come to rest.

Each check gives the sentences that say what is wrong; none means that all is well.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from logux_store.actions import Action
from logux_store.log import Log
from logux_store.meta import Entry
from logux_store.sync import NodeState
from logux_store.testing.simulation.application import entries_of, make_reducer, room_of, view
from logux_store.testing.simulation.nodes import ClientProgram, ServerProgram
from logux_store.testing.simulation.sent import Sent, verdict

__all__ = ["Fault", "at_rest", "check_connections", "check_log", "check_time", "find_faults"]


class Fault(NamedTuple):
    """Something that is wrong.

    | kind | what is wrong |
    | --- | --- |
    | `state` | a client shows another state than the server's log gives |
    | `order` | an action is not in the same place everywhere |
    | `outcome` | an action has not the outcome that it should have |
    | `lost` | an action is gone that its client was told is safe |
    | `twice` | an action was processed more than once |
    | `memory` | something is remembered that nobody needs any more |
    | `leak` | the server has something that it should not have got |
    | `restless` | the world does not come to rest |
    | `raised` | code raised an exception |
    """

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def at_rest(
    servers: Sequence[ServerProgram], clients: Sequence[ClientProgram], sent: dict[str, Sent]
) -> Iterator[str]:
    """What is still under way."""
    for server in servers:
        if not server.works:
            yield f"{server.name} does not run"
        elif server.server.flow.tasks or [*server.server.incoming.queues]:
            yield f"{server.name} is processing"
        elif getattr(server.server.log.store, "pending", False):
            yield f"{server.name} has not written everything down"
    for client in clients:
        if not client.works:
            yield f"{client.name} does not run"
        elif client.client.state is not NodeState.SYNCHRONIZED:
            yield f"{client.name} is {client.client.state}"
        elif getattr(client.client.log.store, "pending", False):
            yield f"{client.name} has not written everything down"
        else:
            for action, meta in client.client.log.entries():
                if "syncing" in meta.reasons:
                    yield f"{client.name} waits for the outcome of {meta.id} {action}"
    for item in sent.values():
        if verdict(item) == "open" and not item.lost and item.client.computer.disk.durable:
            yield f"the outcome of {item.id} is open"


def find_faults(
    servers: Sequence[ServerProgram], clients: Sequence[ClientProgram], sent: dict[str, Sent]
) -> Iterator[Fault]:
    """Everything that is wrong."""
    by_name = {server.name: server for server in servers}
    for server in servers:
        yield from check_server(server)
        yield from check_connections(server)
    # What a server has forgotten its clients show, and nobody can know it.
    forgetful = clients[0].scenario.forgetful if clients else set()
    for client in clients:
        if client.server.name not in forgetful:
            server = by_name[client.server.name]
            yield from check_client(client, server)
            yield from check_log(client, server.server.log)
    for action in sent.values():
        if action.client.server.name not in forgetful:
            yield from check_sent(action, by_name[action.client.server.name].server.log)


def check_server(program: ServerProgram) -> Iterator[Fault]:
    """A server at rest remembers nothing that it need not."""
    server = program.server
    for action, meta in server.log.entries():
        if meta.reasons != ["keep"]:
            yield Fault(
                "memory", f"{program.name} keeps {meta.id} {action} because of {meta.reasons}"
            )
        if action["type"] == "draft/change":
            yield Fault("leak", f"{program.name} has got {meta.id}, a draft")
    disorder = server.log.store.value("disorder")
    if disorder is not None:
        yield Fault("order", f"{program.name}: {disorder}")


def check_connections(program: ServerProgram) -> Iterator[Fault]:
    """A server at rest has no clients but those that are connected, and nothing waits for them."""
    server = program.server
    connected = [*server.client_ids.values()]
    for client in connected:
        if client.unconfirmed:
            yield Fault("memory", f"{program.name} has unconfirmed answers for {client.client_id}")
        waiting = [*server.answers.take(client.client_id)]
        if waiting:
            yield Fault(
                "memory", f"{program.name} holds back answers for {client.client_id}: {waiting}"
            )
    if len(server.connected) != len(connected) or len(server.node_ids) != len(connected):
        yield Fault("memory", f"{program.name} has connections that nobody uses")
    for channel, nodes in server.subscriptions.channels.items():
        for node_id, subscriber in nodes.items():
            if subscriber.client not in connected:
                yield Fault(
                    "memory",
                    f"{program.name} has a subscription of {node_id} to {channel}, who is gone",
                )


def check_client(program: ClientProgram, server: ServerProgram) -> Iterator[Fault]:
    """A client shows what the server's log says, and everything has one place."""
    log = server.server.log
    rooms = [*program.wanted]
    if program.scenario.history == 1000:
        # Mail that was forgotten does not come again after a restart.
        rooms.append(f"@{program.user_id}")
    for room in rooms:
        expected, shown = fold(log, room), view(program.store.state, room)
        if program.scenario.history < 1000:
            expected, shown = whatever_the_order(expected), whatever_the_order(shown)
        if expected != shown:
            yield Fault(
                "state",
                f"{program.name} shows another {room} than {server.name} has:\n"
                f"    {program.name}: {shown}\n    {server.name}: {expected}",
            )


def check_log(program: ClientProgram, log: Log) -> Iterator[Fault]:
    """In a client's log everything has the place that it has in the server's, and it is not too
    long.
    """
    client = program.client
    for _, meta in client.log.entries():
        there = log.by_id(meta.id)
        if there is not None and there[1].time != meta.time:
            yield Fault(
                "order",
                f"{meta.id} is at {meta.time} in {program.name}, at {there[1].time} in the server",
            )
    entries = [*client.log.entries()]
    if sorted(entries, key=lambda entry: entry[1].key) != entries:
        yield Fault("order", f"the log of {program.name} is out of order")
    # It looks for what to drop every 25 additions, and when a batch has ended.
    if len(entries) > program.scenario.history + 100:
        yield Fault("memory", f"{program.name} keeps {len(entries)} actions")


def fold(log: Log, room: str) -> Any:
    """What the plain fold over a server's log says of a room."""
    entries = entries_of(log, room)
    undone = {action["id"] for action, _ in entries if action["type"] == "logux/undo"}
    reducer = make_reducer()
    state = reducer(None, {"type": "@@init"})
    for action, meta in sorted(entries, key=key):
        if action["type"] != "logux/undo" and meta.id not in undone:
            state = reducer(state, action)
    return view(state, room)


def whatever_the_order(seen: Any) -> Any:
    """What is in a room, for a client that has forgotten where it belongs."""
    match seen:
        case (texts, dict(), count):
            return sorted(texts), count
        case mail:
            return sorted(mail)


def key(entry: Entry) -> Any:
    """The canonical order, as the protocol says it."""
    meta = entry[1]
    ms, node_id, counter = meta.id.split(" ")
    return (meta.time, node_id, int(counter), int(ms))


def check_sent(sent: Sent, log: Log) -> Iterator[Fault]:
    """An action has one outcome, and the server has done what the outcome says."""
    outcome = verdict(sent)
    action = sent.action
    name = f"{sent.id} {action}"
    times = log.store.value(f"done {sent.id}") or 0
    if times > 1:
        yield Fault("twice", f"{name} was processed {times} times")
    entry = log.by_id(sent.id)
    yield from check_time(sent, log)
    kept = action["type"] != "signal/send"
    undone = is_undone(log, action, sent.id)
    if sent.lost or outcome == "open":
        # Its client is gone, and with it whoever waited.
        return
    if len({answer == "processed" for answer in sent.answers}) > 1 and not undone:
        yield Fault("outcome", f"{name} was answered {sent.answers}")
    accepted = entry is not None if kept else times == 1
    if outcome == "processed":
        if not accepted:
            yield Fault("lost", f"{name} was lost after it was answered as processed")
        if times != 1:
            yield Fault("lost", f"{name} was answered as processed, but is not")
    elif accepted and not undone and kept:
        yield Fault("outcome", f"{name} was answered as {outcome}, but it is there")
    expected = {
        "ok": {"processed"},
        "denied": {"denied"},
        "fails": {"error"},
        "fickle": {"processed", "denied"},
    }[action["verdict"]]
    if outcome not in expected | {"moderated"}:
        yield Fault("outcome", f"the outcome of {name} is {outcome}")


def check_time(sent: Sent, log: Log) -> Iterator[Fault]:
    """An action has the time at which it was done, by the server's clock."""
    entry = log.by_id(sent.id)
    precision = sent.client.scenario.precision
    if entry is not None and precision is not None and sent.is_timed:
        wrong = entry[1].time - sent.time
        if abs(wrong) > precision:
            yield Fault("order", f"the time of {sent.id} {sent.action} is wrong by {wrong} ms")


def is_undone(log: Log, action: Action, id: str) -> bool:
    """Whether the server's log says that an action is undone."""
    room = room_of(action)
    return room is not None and any(
        undo["type"] == "logux/undo" and undo["id"] == id for undo, _ in entries_of(log, room)
    )
