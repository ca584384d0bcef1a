"""What a log store needs so that several tabs may be given the same one, of which one uses it.

A plain store belongs to the tab that it was given to. One with these methods is left alone until
its tab leads, and then the tab's log moves into it.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from logux_store.log import LogStore

__all__ = ["SharedStore"]


@runtime_checkable
class SharedStore(LogStore, Protocol):
    """A log store that outlives its tab, such as a file."""

    @property
    def identity(self) -> str:
        """The same for all objects that are the same store, such as the path of a file; known
        without opening it.
        """
        ...

    def take_over(self, holds: Callable[[], bool], owner: str, /) -> None:
        """Open the store for this tab, and from now on let no other object write to it.

        Another tab of the same `owner`, the tabs' client id, may have it: a stopped process that
        goes on later. Whatever it had not committed must fail then, with an exception, and change
        nothing. When somebody else has the store, it stays theirs, and this raises. `holds` says
        whether this tab still leads; a transaction in which it gives False must not be committed,
        and raises.
        """
        ...

    def release(self) -> None:
        """Commit what can be committed, and close; `take_over` opens the store again."""
        ...
