from logux_store.client.dropped import Dropped


def test_the_ids_that_were_added_last_are_there() -> None:
    dropped = Dropped(3)
    for id in ("1 a 0", "2 a 0", "2 a 0", "3 b 0", "4 b 0"):
        dropped.add(id)
    assert [id in dropped for id in ("1 a 0", "2 a 0", "3 b 0", "4 b 0")] == [
        False,
        True,
        True,
        True,
    ]
