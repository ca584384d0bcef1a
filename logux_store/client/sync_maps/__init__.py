"""Objects whose fields are changed independently, the last write of each field wins."""

from logux_store.client.sync_maps.filter import Filter
from logux_store.client.sync_maps.sync_map import SyncMap
from logux_store.client.sync_maps.template import SyncMaps, SyncMapTemplate, sync_map_template

__all__ = ["Filter", "SyncMap", "SyncMapTemplate", "SyncMaps", "sync_map_template"]
