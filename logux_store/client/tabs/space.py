"""Where the tabs of one user find each other, elect, and talk.

Terms count the leaders: each new one has the next higher number. Who leads is said by the term
alone. A leader that sees a higher term has been replaced, though it may still hold its lock.

Invariants: a term has one leader at most; terms only grow; a tab that is gone, however it went, is
not alive to anybody.
"""

from collections.abc import Callable
from typing import Protocol

__all__ = ["Channel", "TabSpace"]


class Channel(Protocol):
    """A stream of texts between two tabs. They arrive in order, each once, or the channel closes.

    `on_text` and `on_close` are for the owner to assign; before that nothing is lost.
    """

    on_text: Callable[[str], None]
    on_close: Callable[[], None]

    @property
    def busy(self) -> bool:
        """Whether much of what was sent still waits for the other side."""
        ...

    def start(self) -> None:
        """Begin to call `on_text` and `on_close`."""
        ...

    def send(self, text: str) -> None:
        """Send a text; it is lost when the channel has closed."""
        ...

    def close(self) -> None:
        """Close, after what was sent. `on_close` is not called on this side."""
        ...


class TabSpace(Protocol):
    """One tab's place among the user's others."""

    def client_part(self, make: Callable[[], str]) -> str:
        """The client's part of the client id, which all tabs share; made by the first."""
        ...

    def enter(self, tab_id: str) -> None:
        """From now on this tab is alive, until `leave` or the end of its process."""
        ...

    def leave(self) -> None:
        """Lead no more, and be gone."""
        ...

    def term(self) -> int:
        """The present term; 0 before the first."""
        ...

    def claim(self, hung: int | None = None) -> int | None:
        """Try to lead, without waiting. Returns the new term, or None while another tab leads or
        has just been quicker.

        The leader of the term `hung` is replaced even though it lives.
        """
        ...

    def resign(self) -> None:
        """Lead no more; channels that are open stay."""
        ...

    def listen(self, accept: Callable[[Channel], None]) -> None:
        """Let followers connect to this leader, until `resign`. Raises OSError when that fails."""
        ...

    async def connect(self, term: int) -> Channel:
        """Connect to the leader of this term. Raises OSError when it cannot be reached (yet)."""
        ...

    def dead_tabs(self) -> list[str]:
        """The ids of tabs that are gone and not yet forgotten."""
        ...

    def forget(self, tab_id: str) -> None:
        """Nothing is left of this dead tab."""
        ...

    def is_alive(self, tab_id: str) -> bool:
        """Whether this tab lives, as far as is known."""
        ...
