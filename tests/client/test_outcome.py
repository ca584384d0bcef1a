import asyncio

import pytest

from logux_store import Meta, Outcome, UndoError
from logux_store.client.outcome import Outcomes

META = Meta("1 server:x 0", 1)
UNDO = UndoError({"type": "logux/undo", "id": "1 a 0", "reason": "denied"})


def test_an_outcome_is_decided_once() -> None:
    outcome = Outcome("1 a 0")
    assert not outcome.done
    with pytest.raises(asyncio.InvalidStateError, match="still open"):
        outcome.result()
    outcome.decide(META)
    outcome.decide(UNDO)
    assert outcome.done
    assert outcome.result() is META


async def test_it_can_be_awaited_before_and_after_by_many() -> None:
    outcome = Outcome("1 a 0")

    async def wait() -> Meta:
        return await outcome

    tasks = [asyncio.ensure_future(wait()) for _ in range(3)]
    await asyncio.sleep(0)
    outcome.decide(META)
    assert await asyncio.gather(*tasks) == [META, META, META]
    assert await outcome is META


async def test_an_undo_is_raised_where_it_is_awaited_and_nowhere_else() -> None:
    outcome = Outcome("1 a 0")
    outcome.decide(UNDO)
    with pytest.raises(UndoError, match="denied"):
        await outcome


async def test_who_gives_up_waiting_disturbs_nobody() -> None:
    outcome = Outcome("1 a 0")

    async def wait() -> Meta:
        return await outcome

    impatient, patient = asyncio.ensure_future(wait()), asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    outcome.decide(META)
    assert await patient is META
    assert impatient.cancelled()


def test_outcomes_are_tracked_by_id_until_they_are_decided() -> None:
    outcomes = Outcomes()
    outcome = outcomes.track("1 a 0")
    assert outcomes.track("1 a 0") is outcome
    outcomes.decide("1 a 0", META)
    outcomes.decide("2 a 0", META)
    assert outcome.done
    assert outcomes.track("1 a 0") is not outcome
    other = outcomes.track("2 a 0")
    outcomes.fail_all(UNDO)
    for failed in (other, outcomes.track("3 a 0")):
        with pytest.raises(UndoError):
            failed.result()
    assert outcomes.open_ids() == []


def test_an_outcome_says_what_it_is() -> None:
    outcome = Outcome("1 a 0")
    assert repr(outcome) == "<Outcome of '1 a 0': open>"
    outcome.decide(UNDO)
    assert repr(outcome) == "<Outcome of '1 a 0': undone>"
