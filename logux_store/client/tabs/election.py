"""Becoming leader or follower.

    candidate ──the lock is free──────────────> leader
        │  ^──nobody listens yet: again, soon
        ├──the leader lets it join────────────> follower
        └──it is silent for too long: it hangs, and the next term is claimed all the same

Candidates do not wait for each other: when a leader dies, all of them try at once, one gets the
lock, and the others find out where it listens within milliseconds.
"""

import asyncio
from typing import TYPE_CHECKING

from logux_store.client.tabs.following import Following

if TYPE_CHECKING:
    from logux_store.client.tabs.tab import Tab

__all__ = ["Election"]

RETRY = 0.005
"""Seconds between two attempts of a candidate, for the first second; then ten times as long."""

RETRY_FAILED = 1.0
"""Seconds until a tab that could not lead tries again."""


class Election:
    """One tab's part in elections."""

    __slots__ = ("_replaced", "_running", "_tab", "joining")

    def __init__(self, tab: "Tab") -> None:
        self._tab = tab
        self._running: asyncio.Task[None] | None = None
        self.joining: Following | None = None
        """The leader that has yet to let this tab in."""
        # How often this tab has replaced a leader that hung, since it followed one last.
        self._replaced = 0

    @property
    def patience(self) -> float:
        """Seconds after which a silent leader is taken to hang. It may just be opening a long log;
        so tabs that have replaced each other for nothing wait longer each time.
        """
        return self._tab.timeout * 2.0 ** min(self._replaced, 10)

    def won_by_another(self) -> None:
        """This tab follows a leader that is alive and well."""
        self._replaced = 0

    def start(self, hung: int | None = None, *, last: bool = False) -> None:
        """Take part, until this tab leads or follows. The leader of the term `hung` is replaced
        though it lives. With `last`, another tab is on its way here and shall lead: this one does
        only if none has come for `timeout` seconds.
        """
        self._running = self._tab.loop.create_task(self._run(hung, last))

    def stop(self) -> None:
        """Take part no more."""
        if self._running is not None:
            self._running.cancel()
            self._running = None

    def try_to_lead(self, hung: int | None = None) -> bool:
        """Lead, if nobody else does. Raises what keeps this tab from leading."""
        tab, space = self._tab, self._tab.space
        assert space is not None
        term = space.claim(hung)
        if term is None:
            return False
        self._replaced += hung == term - 1
        try:
            tab.lead(term)
        except BaseException as error:
            over = space.term() != term
            space.resign()
            if over and isinstance(error, Exception):
                # It was this tab that hung, while it opened the store.
                return False
            raise
        return True

    async def _run(self, hung: int | None, last: bool) -> None:
        tab, space = self._tab, self._tab.space
        assert space is not None
        watched, since = 0, tab.loop.time()
        first = since + tab.timeout if last else since
        while True:
            pause = RETRY if tab.loop.time() - since < 1 else 10 * RETRY
            try:
                if tab.loop.time() >= first and self.try_to_lead(hung):
                    return
                term = space.term()
                if term != watched:
                    watched, since, hung = term, tab.loop.time(), None
                await self._join(term)
                return
            except TimeoutError:
                hung = watched
            except ConnectionError:
                if tab.loop.time() - since > self.patience:
                    hung = watched
            except Exception as error:  # noqa: BLE001 - told to whoever listens, and tried again
                tab.failed(error)
                pause = RETRY_FAILED
            await asyncio.sleep(pause)

    async def _join(self, term: int) -> None:
        tab, space = self._tab, self._tab.space
        assert space is not None
        try:
            async with asyncio.timeout(self.patience):
                channel = await space.connect(term)
        except TimeoutError:
            raise
        except OSError as error:
            # Whatever it is: its socket may just have been removed, or have a long queue.
            raise ConnectionRefusedError(f"the leader of the term {term}: {error}") from error
        self.joining = following = Following(tab, term, channel)
        try:
            following.start()
            await following.joined
        finally:
            self.joining = None
            if tab.part is not following:
                following.abandon()
