"""Where a track has its checkpoints, and what it lets go."""

from typing import Any

import pytest

from logux_store.timeline.change import work_out
from logux_store.timeline.track import Item, Track

Action = dict[str, Any]


def item(time: int) -> Item:
    return ((time, "10:a:b", 0, time), f"{time} 10:a:b 0", {"type": "add", "v": time})


def trace(state: Any, action: Action) -> Any:
    return [*state, action["v"]]


def make_track(*times: int, every: int = 4) -> Track:
    track = Track(trace, [], every)
    if times:
        work_out(track, [item(time) for time in times], []).commit()
    return track


def add(track: Track, *times: int) -> None:
    work_out(track, [item(time) for time in times], []).commit()


def remove(track: Track, *times: int) -> None:
    work_out(track, [], [item(time) for time in times]).commit()


def marks(track: Track) -> list[int]:
    """The times of the checkpoints but for the first."""
    return [mark[0] for mark in track.marks[1:]]


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 20])
def test_there_is_a_checkpoint_every_so_many_actions_however_they_come(batch: int) -> None:
    track = make_track()
    for start in range(0, 20, batch):
        add(track, *range(start, min(start + batch, 20)))
    assert marks(track) == [3, 7, 11, 15, 19]
    assert track.states[2] == [*range(8)]
    assert track.sizes == [4, 4, 4, 4, 4, 0]


def test_appending_one_by_one_makes_the_same_checkpoints() -> None:
    track = make_track()
    for time in range(10):
        track.append(item(time), trace(track.state, item(time)[2]))
    other = make_track(*range(10))
    assert (track.items, track.marks, track.states, track.sizes, track.state) == (
        other.items, other.marks, other.states, other.sizes, other.state
    )  # fmt: skip


def test_a_segment_that_grows_to_twice_its_size_is_split() -> None:
    track = make_track(*range(0, 160, 10))
    assert marks(track) == [30, 70, 110, 150]
    add(track, 1, 2, 3)
    assert marks(track) == [30, 70, 110, 150]
    add(track, 4)
    assert marks(track) == [3, 30, 70, 110, 150]
    add(track, *range(71, 80))
    assert marks(track) == [3, 30, 70, 74, 78, 110, 150]


def test_checkpoints_stay_close_wherever_late_actions_come() -> None:
    track = make_track(*range(0, 100, 50))
    for time in range(49, 1, -1):
        add(track, time)
    assert max(track.sizes) < 2 * track.every


def test_short_segments_are_joined() -> None:
    track = make_track(*range(16))
    remove(track, 5, 6, 7)
    assert marks(track) == [3, 11, 15]
    assert track.sizes == [4, 5, 4, 0]


def test_adding_and_undoing_leaves_no_checkpoints_behind() -> None:
    track = make_track()
    for start in range(0, 400, 4):
        add(track, *range(start, start + 4))
        remove(track, *range(start, start + 4))
    assert track.marks == [()]
    assert track.items == []
    assert track.state == []


def test_forgetting_drops_whole_segments_up_to_the_place() -> None:
    track = make_track(*range(16))
    track.forget(item(2)[0])
    assert len(track.items) == 16
    track.forget(item(8)[0])
    assert [item[0][0] for item in track.items] == [*range(8, 16)]
    assert track.states[0] == [*range(8)]
    assert marks(track) == [11, 15]
    assert track.state_at(item(9)[0]) == [*range(10)]
    add(track, 12.5)  # type: ignore[arg-type]
    assert track.state == [*range(13), 12.5, 13, 14, 15]


def test_what_was_raised_is_forgotten_with_its_action() -> None:
    def raises(state: Any, action: Action) -> Any:
        raise ValueError(action["v"])

    track = Track(raises, [], 4)
    errors = work_out(track, [item(time) for time in range(8)], []).commit()
    assert len(errors) == len(track.raised) == 8
    track.forget(item(5)[0])
    assert len(track.raised) == 4
    remove(track, 6)
    assert len(track.raised) == 3


def test_a_change_that_is_not_committed_changes_nothing() -> None:
    track = make_track(*range(10))
    other = make_track(*range(10))
    work_out(track, [item(20), item(30)], [])
    work_out(track, [], [item(5)])
    work_out(track, [((5, "10:a:b", 0, 8), item(8)[1], item(8)[2])], [item(8)])
    assert (track.items, track.marks, track.states, track.sizes, track.state) == (
        other.items, other.marks, other.states, other.sizes, other.state
    )  # fmt: skip
