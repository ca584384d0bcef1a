"""Kinds of objects, and a client's objects of one kind."""

import gc
import weakref

import pytest

from logux_store import sync_map_template
from logux_store.testing import TestClient


def test_a_template_gives_the_same_objects_of_a_client_each_time() -> None:
    template = sync_map_template("tasks")
    client, other = TestClient("ann"), TestClient("ann")
    maps = template(client)
    assert template(client) is maps
    assert template(other) is not maps
    assert repr(template) == "<SyncMapTemplate tasks>"


def test_what_is_closed_is_replaced_and_not_used_any_more() -> None:
    template = sync_map_template("tasks", remote=False)
    client = TestClient("ann")
    maps = template(client)
    maps.close()
    for use in (
        lambda: maps.open("1"),
        lambda: maps.create_filter(),
        lambda: maps.create({"id": "1"}),
    ):
        with pytest.raises(RuntimeError, match="tasks are closed"):
            use()
    again = template(client)
    again.create({"id": "1", "title": "a"})
    assert again.open("1").fields == {"title": "a"}


def test_a_template_keeps_no_client_alive() -> None:
    template = sync_map_template("tasks")
    client = TestClient("ann")
    template(client).open("1")
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None


def test_a_template_needs_a_name() -> None:
    with pytest.raises(ValueError, match="such as 'tasks'"):
        sync_map_template("")
