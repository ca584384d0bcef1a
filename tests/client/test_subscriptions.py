from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logux_store import Meta
from logux_store.client.subscriptions import Subscriptions, check_channel


def subscribe(channel: str, **fields: Any) -> dict[str, Any]:
    return {"type": "logux/subscribe", "channel": channel, **fields}


def unsubscribe(channel: str, **fields: Any) -> dict[str, Any]:
    return {"type": "logux/unsubscribe", "channel": channel, **fields}


def answer(n: int) -> Meta:
    return Meta(f"{n} server:x 0", n)


def test_a_subscription_needs_a_channel() -> None:
    check_channel(subscribe("a"))
    with pytest.raises(TypeError, match="string 'channel'"):
        check_channel({"type": "logux/subscribe"})


def test_what_was_answered_comes_back_with_since_after_a_reconnection() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(
        subscribe("a", filter={"x": 1}, since={"id": "0", "time": 0}), "1", False
    )
    assert subscriptions.sent("1")
    subscriptions.processed("1", answer(5))
    subscriptions.disconnected()
    assert subscriptions.missing() == [
        subscribe("a", filter={"x": 1}, since={"id": "5 server:x 0", "time": 5})
    ]


def test_what_was_asked_for_on_this_connection_is_not_asked_for_again() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a"), "1", False)
    subscriptions.sent("1")
    assert subscriptions.missing() == []
    subscriptions.disconnected()
    assert subscriptions.missing() == [subscribe("a")]


def test_only_the_last_unsubscription_of_a_channel_is_for_the_server() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a"), "1", False)
    subscriptions.subscribe(subscribe("a"), "2", False)
    assert subscriptions.unsubscribe(unsubscribe("a"), True) == (False, [])
    assert subscriptions.unsubscribe(unsubscribe("a"), True) == (True, [])
    subscriptions.disconnected()
    assert subscriptions.missing() == []


def test_filters_are_counted_apart() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a", filter={"x": 1}), "1", False)
    subscriptions.subscribe(subscribe("a"), "2", False)
    assert subscriptions.unsubscribe(unsubscribe("a"), True) == (True, [])
    assert [action.get("filter") for action in subscriptions.missing()] == [{"x": 1}]


def test_unsubscribing_offline_takes_back_what_was_not_sent() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a"), "1", False)
    assert subscriptions.unsubscribe(unsubscribe("a"), False) == (False, ["1"])
    assert not subscriptions.sent("1")
    assert subscriptions.missing() == []


def test_what_was_taken_back_before_its_answer_need_not_be_sent_again() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a"), "1", False)
    subscriptions.subscribe(subscribe("b"), "2", False)
    subscriptions.sent("1")
    assert subscriptions.unsubscribe(unsubscribe("a"), True) == (True, [])
    assert subscriptions.disconnected() == ["1"]
    assert not subscriptions.sent("1")
    assert subscriptions.sent("2")


def test_a_refused_subscription_is_none() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a"), "1", False)
    subscriptions.sent("1")
    subscriptions.undone("1")
    subscriptions.disconnected()
    assert subscriptions.missing() == []


def test_a_refused_resubscription_ends_one_subscription() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a"), "1", False)
    subscriptions.processed("1", answer(1))
    subscriptions.subscribe(subscribe("a"), "2", True)
    subscriptions.undone("2")
    assert subscriptions.missing() == []


def test_a_subscription_that_could_not_be_restored_is_asked_for_a_few_more_times() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a"), "1", False)
    subscriptions.sent("1")
    subscriptions.processed("1", answer(5))
    subscriptions.disconnected()
    (action,) = subscriptions.missing()
    for id in "23456":
        subscriptions.subscribe(action, id, True)
        subscriptions.sent(id)
        again = subscriptions.undone(id, "error")
        assert again == (action if id < "6" else None)
    subscriptions.disconnected()
    assert subscriptions.missing() == [action]
    subscriptions.subscribe(action, "7", True)
    assert subscriptions.undone("7", "error") == action


def test_what_was_restoring_when_the_connection_ended_is_restored_on_the_next() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a"), "1", False)
    subscriptions.processed("1", answer(5))
    subscriptions.disconnected()
    (action,) = subscriptions.missing()
    subscriptions.subscribe(action, "2", True)
    # The connection ended before the server answered, and another tab sends what is left.
    subscriptions.disconnected()
    subscriptions.sent_all()
    assert subscriptions.missing() == [action]


def test_a_new_subscription_that_failed_is_none() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a"), "1", False)
    assert subscriptions.undone("1", "error") is None
    assert subscriptions.missing() == []


def test_since_does_not_go_back_and_ends_with_the_channel() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a"), "1", False)
    subscriptions.processed("1", answer(5))
    subscriptions.subscribe(subscribe("a"), "2", False)
    subscriptions.processed("2", answer(3))
    assert [action["since"]["time"] for action in subscriptions.missing()] == [5]
    for _ in range(2):
        subscriptions.unsubscribe(unsubscribe("a"), True)
    subscriptions.subscribe(subscribe("a"), "3", False)
    assert "since" not in subscriptions.missing()[0]


def test_answers_to_other_actions_change_nothing() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a"), "1", False)
    subscriptions.processed("9", answer(1))
    subscriptions.undone("9")
    assert subscriptions.missing() == [subscribe("a")]
    subscriptions.clear()
    assert subscriptions.missing() == []


@given(st.lists(st.tuples(st.sampled_from(["+", "-"]), st.sampled_from("ab")), max_size=20))
def test_after_a_reconnection_there_is_what_was_asked_for_more_often_than_given_up(
    script: list[tuple[str, str]],
) -> None:
    subscriptions = Subscriptions()
    model = {"a": 0, "b": 0}
    for id, (step, channel) in enumerate(script):
        if step == "+":
            subscriptions.subscribe(subscribe(channel), str(id), False)
            subscriptions.sent(str(id))
            subscriptions.processed(str(id), answer(id))
            model[channel] += 1
        else:
            subscriptions.unsubscribe(unsubscribe(channel), True)
            model[channel] = max(0, model[channel] - 1)
    subscriptions.disconnected()
    assert sorted(action["channel"] for action in subscriptions.missing()) == [
        channel for channel, count in model.items() if count
    ]


def test_what_was_being_created_the_first_time_is_loaded_later() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(subscribe("a", creating=True), "1", False)
    subscriptions.disconnected()
    assert subscriptions.missing() == [subscribe("a")]
