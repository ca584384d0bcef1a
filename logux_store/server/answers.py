"""What a client is told about its actions: `logux/processed` and `logux/undo`.

A client keeps an action until it is answered, and may send it again when the acknowledgement or
the answer was lost. So the server knows for each action that it has processed how that ended: by
the action's status if the log has kept it, else by the log store's memory of ids.

Answers for a client that is away, or that goes away before it has confirmed them, wait for it in
memory, but for those that say that a client is subscribed: that is over with its connection.

Invariant: an action that was once accepted is never processed again, as long as the memory holds;
its answer can be given again.
"""

from collections.abc import Iterator, Mapping
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, NamedTuple

from logux_store.actions import Action, to_json
from logux_store.ids import parse_id
from logux_store.meta import Meta
from logux_store.server.queue import PROCESSING, Job, is_kept
from logux_store.server.resend import ADDRESSES
from logux_store.sync import SharedAction

if TYPE_CHECKING:
    from logux_store.server.base_server import BaseServer
    from logux_store.server.server_client import ServerClient

__all__ = ["Answer", "Answers", "Unconfirmed"]

# What is kept of one client's answers and of all: numbers and bytes; the oldest go first.
ANSWERS_PER_CLIENT = 1000
BYTES_PER_CLIENT = 1_000_000
CLIENTS = 10_000
BYTES = 64_000_000


# About what one takes besides its text.
ANSWER = 200


class Answer(NamedTuple):
    """An answer that a client has not confirmed, and about how many bytes it takes."""

    action: Action
    meta: Meta
    size: int


class Unconfirmed:
    """The last answers of one client that it has not confirmed, by the ids of their actions."""

    __slots__ = ("_answers", "size")

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._answers)

    def __contains__(self, id: str) -> bool:
        return id in self._answers

    def __iter__(self) -> Iterator[Answer]:
        return iter([*self._answers.values()])

    def add(self, answer: Answer) -> None:
        """Take an answer in, and forget the oldest if there are too many."""
        answers = self._answers
        id = answer.action["id"]
        known = answers.pop(id, None)
        self.size += answer.size - (known.size if known else 0)
        answers[id] = answer
        while len(answers) > ANSWERS_PER_CLIENT or self.size > BYTES_PER_CLIENT:
            self.size -= answers.pop(next(iter(answers))).size

    def clear(self) -> None:
        """The client has confirmed everything."""
        self._answers.clear()
        self.size = 0


class Answers:
    """Gives answers and remembers them."""

    __slots__ = ("_server", "_size", "_waiting")

    def __init__(self, server: "BaseServer") -> None:
        self._server = server
        self._waiting: dict[str, Unconfirmed] = {}
        self._size = 0

    def settle(self, job: Job) -> None:
        """An accepted action is done with: note how it ended, answer it if nobody has, and let the
        log drop it unless somebody wants to keep it.
        """
        server = self._server
        log = server.log
        unheard = server.processing.unheard()
        meta = job.meta
        status = "error" if job.undone else "processed"
        if is_kept(meta):
            log.change_meta(meta.id, status=status)
        meta.status = status
        try:
            if job.sender.user_id != "server":
                log.store.remember(meta.id)
                if job.undone:
                    # The later one is forgotten last, so that it is not taken for processed.
                    log.store.remember(undone_id(meta.id))
                else:
                    self._tell_processed(meta, job.sender.client_id, unheard=unheard)
        finally:
            if PROCESSING in meta.reasons:
                server.processing.finish(meta, unheard)

    def processed(self, meta: Meta, *, keep: bool = True) -> None:
        """Tell the client that its action is processed; with `keep`, when it is back if it has not
        confirmed that.
        """
        unheard = self._server.processing.unheard()
        self._tell_processed(meta, parse_id(meta.id).client_id, unheard=unheard, keep=keep)

    def _tell_processed(
        self, meta: Meta, client_id: str, *, unheard: bool, keep: bool = True
    ) -> None:
        id = meta.id
        if not unheard:
            self._give(client_id, {"type": "logux/processed", "id": id}, keep=keep)
            return
        # As `_give`, but for the log, which would tell nobody but this server of an action that it
        # does not keep and that is for one client: 3 µs instead of 15.
        server = self._server
        told = server.log.new_meta([])
        told.subprotocol = server.subprotocol
        answer = processed_action(id)
        if server.tells("add_clean"):
            told.update({"server": server.node_id, "status": "processed", "clients": [client_id]})
            server.report("add_clean", action=answer, meta=told)
        client = server.client_ids.get(client_id)
        if client is not None:
            client.send(answer, told)
        if keep:
            self._await(client, client_id, Answer(answer, told, ANSWER + len(id)))

    def undo(
        self, action: Action, meta: Meta, reason: str, extra: Mapping[str, Any]
    ) -> Meta | None:
        """Tell all who got an action that it is undone, and the client that sent it."""
        user_id, client_id, _ = parse_id(meta.id)
        keys: dict[str, Any] = {
            name: [*values] for name in ADDRESSES if (values := getattr(meta, name))
        }
        keys["reasons"] = [kept for kept in meta.reasons if kept != PROCESSING]
        answer = {**extra, **undo_action(action, meta, reason)}
        keys |= self._after(meta)
        if user_id == "server":
            return self._server.log.add(answer, status="processed", **keys)
        if client_id not in keys.get("clients", ()):
            keys.setdefault("clients", []).append(client_id)
        if client_id in keys.get("exclude_clients", ()):
            keys["exclude_clients"].remove(client_id)
        return self._give(client_id, answer, **keys)

    def undo_back(self, client_id: str, action: Action, meta: Meta, reason: str) -> None:
        """Tell one client, and nobody else, that an action is undone."""
        self._give(client_id, undo_action(action, meta, reason), **self._after(meta))

    def repeat(self, action: Action, meta: Meta) -> bool:
        """Answer an action once more, if it was processed before; False if it was not."""
        log = self._server.log
        entry = log.by_id(meta.id)
        if entry is not None:
            undone = entry[1].status == "error"
        else:
            if not log.store.remembers(meta.id):
                return False
            undone = log.store.remembers(undone_id(meta.id))
        if undone:
            self.undo_back(parse_id(meta.id).client_id, action, meta, "error")
        else:
            self.processed(meta)
        return True

    def _after(self, meta: Meta) -> dict[str, Any]:
        """The time of an undo, where the present is too early: the client's clock may be ahead by
        the error of its measurement, and JavaScript stores look for an undo after its action only.
        """
        return {"time": meta.time + 1} if meta.time >= self._server.clock() else {}

    def _give(
        self, client_id: str, answer: Action, *, keep: bool = True, **keys: Any
    ) -> Meta | None:
        keys.setdefault("clients", [client_id])
        meta = self._server.log.add(answer, status="processed", **keys)
        if keep and meta is not None and not meta.reasons:
            client = self._server.client_ids.get(client_id)
            self._await(client, client_id, Answer(answer, meta, size_of(answer)))
        return meta

    def _await(self, client: "ServerClient | None", client_id: str, answer: Answer) -> None:
        """Keep an answer until the client has confirmed it."""
        if client is not None:
            client.unconfirmed.add(answer)
        else:
            lost = Unconfirmed()
            lost.add(answer)
            self.keep(client_id, lost)

    def keep(self, client_id: str, answers: Unconfirmed) -> None:
        """Keep answers that did not reach a client until it is back."""
        waiting = self._waiting.pop(client_id, None) or Unconfirmed()
        self._size -= waiting.size
        for answer in answers:
            waiting.add(answer)
        # The client that went away last is forgotten last.
        self._waiting[client_id] = waiting
        self._size += waiting.size
        while len(self._waiting) > CLIENTS or self._size > BYTES:
            self.take(next(iter(self._waiting)))

    def take(self, client_id: str) -> Unconfirmed:
        """The answers that waited for a client that is back now."""
        waiting = self._waiting.pop(client_id, None) or Unconfirmed()
        self._size -= waiting.size
        return waiting


def size_of(answer: Action) -> int:
    """About how many bytes an answer takes; what is undone may be of any size."""
    return ANSWER + len(answer["id"]) + (len(to_json(answer)) if "action" in answer else 0)


def processed_action(id: str) -> SharedAction:
    """The answer to an action that is processed; its text is written by hand, since an encoder
    takes 1.3 µs.
    """
    action = {"type": "logux/processed", "id": id}
    return SharedAction(action, f'{{"type":"logux/processed","id":{encode_basestring(id)}}}')


def undo_action(action: Action, meta: Meta, reason: str) -> Action:
    """The action that undoes another one."""
    return {"type": "logux/undo", "id": meta.id, "action": action, "reason": reason}


def undone_id(id: str) -> str:
    """What the store remembers for an undone action: an id of the same client that no action has,
    since counters are not negative.
    """
    ms, node_id, counter = id.split(" ")
    return f"{ms} {node_id} -{int(counter) + 1}"
