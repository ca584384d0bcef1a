from logux_store.ids import order_key
from logux_store.log import MemoryStore
from logux_store.meta import Meta
from logux_store.testing import LogStoreContract


class TestMemoryStore(LogStoreContract):
    def make_store(self) -> MemoryStore:
        return MemoryStore()


def test_all_clients_together_are_remembered_within_a_bound() -> None:
    store = MemoryStore(remembered_per_client=3, remembered=4)
    for id in ("1 10:a 0", "2 10:a 0", "1 20:b 0", "2 20:b 0", "3 10:a 0"):
        assert store.remember(id)
    # The fifth pushed out one of the client that was not heard of for the longest time.
    assert not store.remembers("1 20:b 0")
    assert store.remember("4 10:a 0")
    assert not store.remembers("1 10:a 0"), "no client has more than its own bound"
    assert store.remember("1 30:c 0")
    assert store.remember("2 30:c 0")
    assert [store.remembers(id) for id in ("2 20:b 0", "2 10:a 0", "3 10:a 0")] == [
        False,
        False,
        True,
    ]


def test_a_client_that_is_alone_remembers_its_last_ids() -> None:
    store = MemoryStore(remembered_per_client=3, remembered=2)
    for ms in range(5):
        store.remember(f"{ms} 10:a 0")
    assert [ms for ms in range(5) if store.remembers(f"{ms} 10:a 0")] == [3, 4]


def test_everything_is_durable_at_once() -> None:
    called: list[int] = []
    MemoryStore().when_durable(lambda: called.append(1))
    assert called == [1]


def test_an_iteration_ends_when_the_store_is_cleaned() -> None:
    store = MemoryStore()
    for ms in range(3):
        store.add({"type": "t"}, Meta(f"{ms} a 0", ms, ["r"], indexes=["x"]))
    iterators = [
        store.entries(order, index=index) for order in ("created", "added") for index in (None, "x")
    ]
    for entries in iterators:
        next(entries)
    store.clean()
    assert [list(entries) for entries in iterators] == [[], [], [], []]


def test_names_that_nobody_uses_any_more_take_no_memory() -> None:
    store = MemoryStore()
    for ms in range(100):
        store.add({"type": "t"}, Meta(f"{ms} a 0", ms, [f"reason {ms}"], indexes=[f"index {ms}"]))
        store.change_meta(f"{ms} a 0", {"reasons": [f"other {ms}"]})
    for ms in range(100):
        store.remove_reason(f"other {ms}")
        store.remove_reason(f"reason {ms}")
        list(store.entries(index=f"index {ms}"))
    assert [len(names) for names in (store._reasons, store._index_created, store._index_added)] == [
        0,
        0,
        0,
    ]


def test_many_scattered_entries_leave_in_one_go() -> None:
    store = MemoryStore()
    for ms in range(1000):
        store.add({"type": "t"}, Meta(f"{ms} a 0", 1000 - ms, [("odd" if ms % 2 else "even")]))
    removed = store.remove_reason("odd")
    assert [meta.added for _, meta in removed] == list(range(2, 1001, 2))
    assert [meta.added for _, meta in store.entries("added")] == list(range(1, 1001, 2))
    assert [meta.key for _, meta in store.entries()] == [
        order_key(f"{ms} a 0", 1000 - ms) for ms in range(998, -1, -2)
    ]
