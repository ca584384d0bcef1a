from logux_store.log import MemoryStore
from logux_store.testing import TestTime


def test_each_reading_is_one_millisecond_later() -> None:
    time = TestTime()
    assert [time(), time(), time()] == [1, 2, 3]
    assert time.now == 3


def test_its_logs_are_numbered_and_share_the_time() -> None:
    time = TestTime()
    first, second = time.next_log(), time.next_log()
    assert [first.generate_id(), second.generate_id()] == ["1 test1 0", "2 test2 0"]


def test_a_log_may_have_a_node_id_and_a_store() -> None:
    store = MemoryStore()
    log = TestTime().next_log(node_id="10:a:b", store=store)
    assert log.node_id == "10:a:b"
    assert log.store is store
