"""Objects whose fields are changed independently, the last write of each field wins."""

from logux_store.client.sync_maps.filter import SyncMapFilter
from logux_store.client.sync_maps.maps import SyncMaps
from logux_store.client.sync_maps.sync_map import SyncMap
from logux_store.client.sync_maps.template import SyncMapTemplate, sync_map_template

__all__ = ["SyncMap", "SyncMapFilter", "SyncMapTemplate", "SyncMaps", "sync_map_template"]
