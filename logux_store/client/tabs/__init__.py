"""Tabs: the programs of one user on one machine, which share a log and a connection.

One tab leads: it alone writes to the persistent store and has the connection to the server. The
others follow: each has a copy of the log in memory, and a channel to the leader.

    follower --its changes--> leader --every durable change, numbered--> all followers

The leader's numbered stream is the history that the tabs share; `journal` says how a tab knows its
place in it, `merge` how two copies become one again. `space` is where the tabs of a user find each
other: a directory with locks and sockets, or an object in memory. `tab` elects; `leading` and
`following` are the two parts that a tab may have.
"""

from logux_store.client.tabs.file_space import FileSpace, open_space
from logux_store.client.tabs.memory_space import MemorySpace
from logux_store.client.tabs.shared_store import SharedStore
from logux_store.client.tabs.space import Channel, TabSpace
from logux_store.client.tabs.state_dir import UnsafeDirectoryError

__all__ = [
    "Channel",
    "FileSpace",
    "MemorySpace",
    "SharedStore",
    "TabSpace",
    "UnsafeDirectoryError",
    "open_space",
]
