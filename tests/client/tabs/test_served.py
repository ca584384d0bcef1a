from typing import Any

from logux_store.client.tabs.served import Served


def subscribe(channel: str, **fields: Any) -> dict[str, Any]:
    return {"type": "logux/subscribe", "channel": channel, **fields}


def unsubscribe(channel: str, **fields: Any) -> dict[str, Any]:
    return {"type": "logux/unsubscribe", "channel": channel, **fields}


def test_a_tab_that_leaves_leaves_what_it_has_not_ended_itself() -> None:
    served = Served()
    for action in (
        subscribe("a", since={"id": "1 s 0", "time": 1}),
        subscribe("a", filter={"x": 1}),
        subscribe("b"),
        subscribe("b"),
        subscribe("c"),
        unsubscribe("c"),
    ):
        served.sending("10:a:1", action)
    served.sending("10:a:2", subscribe("a"))
    assert served.left("10:a:1") == [
        unsubscribe("a"),
        unsubscribe("a", filter={"x": 1}),
        unsubscribe("b"),
    ]
    assert served.left("10:a:1") == []
    assert served.left("10:a:2") == [unsubscribe("a")]


def test_what_waits_for_a_tab_is_there_when_it_joins() -> None:
    served = Served()
    served.hold("10:a:1", "1 10:a:1 0")
    served.hold("10:a:1", "2 10:a:1 0")
    assert served.joined("10:a:2") == []
    assert served.joined("10:a:1") == ["1 10:a:1 0", "2 10:a:1 0"]
    assert served.joined("10:a:1") == []


def test_with_the_connection_the_server_forgets_everything() -> None:
    served = Served()
    served.sending("10:a:1", subscribe("a"))
    served.hold("10:a:2", "1 10:a:2 0")
    served.disconnected()
    assert served.left("10:a:1") == []
    assert served.joined("10:a:2") == []
