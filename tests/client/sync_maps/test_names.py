"""The names of the actions and the channels of objects."""

import pytest

from logux_store.client.sync_maps.names import Names

NAMES = Names("tasks")


@pytest.mark.parametrize(
    "channel", ["tasks", "users/1", "tasks/1/comments", "mytasks/1", None, ["tasks/1"]]
)
def test_only_the_channel_of_an_object_has_its_id(channel: object) -> None:
    assert NAMES.id_of(NAMES.channel("1")) == "1"
    assert NAMES.id_of(channel) is None


@pytest.mark.parametrize(
    "action",
    [
        {"type": "users/create", "id": "1", "fields": {}},
        {"type": "tasks/create", "id": 1, "fields": {}},
        {"type": "tasks/changed", "id": "1"},
        {"type": "tasks/change", "id": "1", "fields": ["title"]},
    ],
)
def test_what_others_send_is_looked_at_before_it_is_believed(action: dict[str, object]) -> None:
    assert not NAMES.is_whole(action)
    assert NAMES.is_whole({"type": "tasks/delete", "id": "1"})
    assert NAMES.is_whole({"type": "tasks/created", "id": "1", "fields": {}})
