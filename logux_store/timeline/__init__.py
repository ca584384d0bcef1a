"""The timeline: an ordered history of actions and the state that a reducer makes of them.

Pure: no log, no client, no I/O.
"""

from logux_store.timeline.parts import INIT
from logux_store.timeline.timeline import Timeline
from logux_store.timeline.track import Item, Reducer

__all__ = ["INIT", "Item", "Reducer", "Timeline"]
