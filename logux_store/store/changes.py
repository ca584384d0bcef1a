"""What waits for the timeline while the log is in a batch."""

from logux_store.meta import Entry, Meta

__all__ = ["Changes"]


class Changes:
    """What the log did since the timeline last heard of it."""

    __slots__ = ("announced", "forgotten", "inserted", "moved", "released", "undone", "waiting")

    def __init__(self) -> None:
        # Whether there is anything that the timeline has to hear of before what comes next.
        self.waiting = False
        self.inserted: list[Entry] = []
        self.undone: list[str] = []
        self.moved: list[Meta] = []
        self.released: list[str] = []
        # Undos that the log has dropped.
        self.forgotten: list[str] = []
        self.announced: list[Entry] = []

    def extend(self, later: "Changes") -> None:
        """Take in what came after these."""
        self.waiting |= later.waiting
        self.inserted += later.inserted
        self.undone += later.undone
        self.moved += later.moved
        self.released += later.released
        self.forgotten += later.forgotten
        self.announced += later.announced
