"""Kinds of objects, which a program declares once, for all of its clients."""

from weakref import WeakValueDictionary

from logux_store.client.client import Client
from logux_store.client.sync_maps.maps import SyncMaps
from logux_store.client.sync_maps.names import Names

__all__ = ["SyncMapTemplate", "sync_map_template"]


class SyncMapTemplate:
    """A kind of objects, made by `sync_map_template`; `template(client)` gives the client's, which
    are the same each time.
    """

    __slots__ = ("_made", "names", "offline", "remote")

    def __init__(self, plural: str, offline: bool, remote: bool) -> None:
        self.names = Names(plural)
        self.offline = offline or not remote
        self.remote = remote
        # By the id of the client, which lives at least as long as they do.
        self._made: WeakValueDictionary[int, SyncMaps] = WeakValueDictionary()

    def __call__(self, client: Client) -> SyncMaps:
        maps = self._made.get(id(client))
        if maps is None or maps.is_closed:
            maps = SyncMaps(client, self.names, offline=self.offline, remote=self.remote)
            self._made[id(client)] = maps
        return maps

    def __repr__(self) -> str:
        return f"<SyncMapTemplate {self.names.plural}>"


def sync_map_template(
    plural: str, *, offline: bool = False, remote: bool = True
) -> SyncMapTemplate:
    """Declare the objects whose actions begin with `plural`, as in `tasks/create`.

    With `offline` the client's log keeps what it has seen of them, so that they can be opened
    without a connection. Without `remote` the server hears nothing of them: they are this client's
    alone, and only in its log. Raises ValueError for a `plural` that is no string or empty.
    """
    return SyncMapTemplate(plural, offline, remote)
