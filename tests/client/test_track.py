"""Waiting for an action's outcome by its id."""

import pytest

from logux_store import UndoError
from logux_store.client.track import track
from logux_store.testing import ServerDouble, TestClient, run_virtual


def test_the_outcome_of_an_action_can_be_awaited_by_its_id() -> None:
    async def test() -> None:
        server = ServerDouble()
        client = TestClient(server=server)
        done, undone = client.log.generate_id(), client.log.generate_id()
        outcome = track(client, done)
        assert track(client, done) is outcome
        client.log.add({"type": "a"}, id=done, sync=True)
        await client.connect()
        assert (await outcome).id
        server.undo_next("denied")
        client.log.add({"type": "b"}, id=undone, sync=True)
        with pytest.raises(UndoError, match="denied"):
            await track(client, undone)

    run_virtual(test())
