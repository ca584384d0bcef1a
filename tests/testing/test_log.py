from logux_store.testing import TestTime


def test_it_shows_its_actions_and_metas_oldest_first() -> None:
    log = TestTime().next_log()
    log.add({"type": "b"}, reasons=["r"], time=20)
    log.add({"type": "a"}, reasons=["r"], time=10)
    assert log.actions() == [{"type": "a"}, {"type": "b"}]
    assert [meta.time for meta in log.metas()] == [10, 20]


def test_it_keeps_actions_from_when_it_is_told_to() -> None:
    log = TestTime().next_log()
    log.add({"type": "a"})
    log.keep_actions()
    log.add({"type": "b"})
    assert log.actions() == [{"type": "b"}]
    assert log.metas()[0].reasons == ["test"]
