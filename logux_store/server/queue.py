"""The order in which one client's actions are processed.

A client has a queue for each queue name in use, `main` unless a type or a channel says otherwise.
The next action of a queue starts when the one before it is finished: access, resend and process
included. Each is judged by itself: that one is undone does not undo those behind it, whose fate
would otherwise depend on how soon they came.

Invariants: at most one action of a queue is being processed; a queue that has nothing to do does
not exist; a job that is done, but none that was cancelled, ends with its receipts done.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from logux_store.actions import Action, to_json
from logux_store.ids import ParsedId, parse_id
from logux_store.log import LogStore
from logux_store.meta import Meta

if TYPE_CHECKING:
    from logux_store.server.server_client import ServerClient

__all__ = ["PROCESSING", "ClientQueue", "Job", "Queues", "Receipt", "is_kept"]

PROCESSING = "processing"
"""The reason that keeps an action in the log until it is processed."""


class Receipt:
    """Counts what is left of one `sync` before it may be acknowledged."""

    __slots__ = ("_acknowledge", "_left", "_store")

    def __init__(self, entries: int, store: LogStore, acknowledge: Callable[[], None]) -> None:
        # One more for whoever hands out the entries, so that it ends after the last of them.
        self._left = entries + 1
        self._store = store
        self._acknowledge = acknowledge

    def done(self) -> None:
        """One of the entries is accepted, or refused."""
        self._left -= 1
        if self._left == 0:
            self._store.when_durable(self._acknowledge)


class Job:
    """An action on its way through the server.

    `client` is the connection that it came from last, None when the server made the action itself
    or took it up again after a restart. `accepted` says that it passed the access check and is in
    the log, `undone` that somebody has undone it, so that it must not be answered as processed.
    `size` is that of the action's JSON, 0 until it is known to have to wait; `sender` who made the
    action, by its id.
    """

    __slots__ = ("accepted", "action", "client", "meta", "receipts", "sender", "size", "undone")

    def __init__(
        self,
        action: Action,
        meta: Meta,
        client: "ServerClient | None" = None,
        sender: ParsedId | None = None,
    ) -> None:
        self.action = action
        self.meta = meta
        self.client = client
        self.sender = parse_id(meta.id) if sender is None else sender
        self.receipts: list[Receipt] = []
        self.accepted = client is None
        self.size = 0
        self.undone = False

    def accept(self) -> None:
        """The client need not send this action again."""
        self.accepted = True
        receipts, self.receipts = self.receipts, []
        for receipt in receipts:
            receipt.done()


class ClientQueue:
    """One queue of one client; `size` is that of the jobs that wait."""

    __slots__ = ("name", "running", "size", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting: deque[Job] = deque()
        self.size = 0
        self.running = False

    def weigh(self) -> None:
        """Find out the size of the jobs that came last. Those that need not wait are never asked
        for theirs.
        """
        for job in reversed(self.waiting):
            if job.size:
                break
            job.size = len(to_json(job.action))
            self.size += job.size


class Queues:
    """The queues of all clients; `work` does everything for one job."""

    __slots__ = ("_by_client", "_work", "jobs")

    def __init__(self, work: Callable[[Job], Coroutine[Any, Any, None]]) -> None:
        self._by_client: dict[str, dict[str, ClientQueue]] = {}
        self._work = work
        self.jobs: dict[str, Job] = {}

    def __iter__(self) -> Iterator[ClientQueue]:
        for queues in self._by_client.values():
            yield from queues.values()

    def waiting(self, client_id: str) -> tuple[int, int]:
        """How many actions of a client wait, and their size in bytes."""
        count = size = 0
        for queue in self._by_client.get(client_id, {}).values():
            count += len(queue.waiting)
            size += queue.size
        return count, size

    def add(self, client_id: str, name: str, job: Job) -> ClientQueue:
        """Put a job at the end of a queue; somebody has to `run` it, unless it is running."""
        queues = self._by_client.setdefault(client_id, {})
        queue = queues.get(name)
        if queue is None:
            queue = queues[name] = ClientQueue(name)
        queue.waiting.append(job)
        self.jobs[job.meta.id] = job
        return queue

    async def run(self, client_id: str, queue: ClientQueue) -> None:
        """Do all jobs of a queue, one after the other."""
        queue.running = True
        waiting = queue.waiting
        try:
            while waiting:
                job = waiting.popleft()
                queue.size -= job.size
                try:
                    await self._work(job)
                finally:
                    # A subscription that was sent again has another job under the same id.
                    if self.jobs.get(job.meta.id) is job:
                        del self.jobs[job.meta.id]
                # Not when the work was cancelled: then the client has to send it again.
                if job.receipts:
                    job.accept()
        finally:
            queue.running = False
            # What is left when this was cancelled is sent again, and then no job that waits.
            for job in waiting:
                self.jobs.pop(job.meta.id, None)
            queues = self._by_client[client_id]
            del queues[queue.name]
            if not queues:
                del self._by_client[client_id]


def is_kept(meta: Meta) -> bool:
    """Whether the log keeps an action for more than processing it."""
    return bool(meta.reasons) and meta.reasons != [PROCESSING]
