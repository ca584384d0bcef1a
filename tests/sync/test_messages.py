import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logux_store.actions import MAX_DEPTH, to_json
from logux_store.errors import LoguxError
from logux_store.ids import order_key
from logux_store.meta import Entry, Meta
from logux_store.sync.messages import (
    SharedAction,
    _decode_slowly,
    check_message,
    decode,
    encode,
    pack_sync,
    quote,
    unpack_sync,
    write_sync,
)

MS = 10**15 - 1

T = TypeVar("T")

node_ids = st.text(st.characters(codec="utf-8", exclude_characters=" "), min_size=1, max_size=12)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
actions = st.builds(
    lambda fields, type: {**fields, "type": type},
    st.dictionaries(st.text(), json_values, max_size=3),
    st.text(),
)


@st.composite
def entries(draw: st.DrawFn, nodes: st.SearchStrategy[str]) -> Entry:
    counter = draw(st.just(0) | st.integers(0, MS))
    id = f"{draw(st.integers(0, MS))} {draw(nodes)} {counter}"
    meta = Meta(id, draw(st.integers(0, MS)))
    meta.subprotocol = draw(st.none() | st.integers(0, 5))
    return draw(actions), meta


def attempt(call: Callable[[], T]) -> tuple[T | None, LoguxError | None]:
    """What the call gives, or the LoguxError, and nothing else, that it raises."""
    try:
        return call(), None
    except LoguxError as error:
        return None, error


def error_of(text: str | bytes) -> LoguxError:
    with pytest.raises(LoguxError) as caught:
        check_message(decode(text))
    return caught.value


@given(st.data(), node_ids, st.integers(0, MS), st.integers(0, 5), st.booleans())
def test_what_is_packed_is_unpacked_the_same(
    data: st.DataObject, node_id: str, base_time: int, subprotocol: int, shared: bool
) -> None:
    sent = data.draw(st.lists(entries(st.just(node_id) | node_ids), max_size=4))
    if shared:
        actions = [(SharedAction(action), meta, 1) for action, meta in sent]
        # Written twice: what is known from the first time must fit another connection.
        for time in (base_time + 5, base_time):
            text = write_sync(7, actions, time, node_id, subprotocol)
            assert decode(text) == decode(encode(pack_sync(7, sent, time, node_id, subprotocol)))
    else:
        text = encode(pack_sync(7, sent, base_time, node_id, subprotocol))
    message = decode(text.encode())
    check_message(message)
    assert message[:2] == ["sync", 7]
    received = unpack_sync(message, base_time, node_id)
    # The action is compared as JSON, which has one number type only where Python has two.
    assert [to_json(action) for action, _ in received] == [to_json(action) for action, _ in sent]
    for (_, got), (_, meta) in zip(received, sent, strict=True):
        assert (got.id, got.time, got.key) == (meta.id, meta.time, order_key(meta.id, meta.time))
        assert got.subprotocol == (None if meta.subprotocol == subprotocol else meta.subprotocol)


@pytest.mark.parametrize(
    ("id", "packed"),
    [("150 a 0", 50), ("150 a 2", [50, 2]), ("50 b 0", [-50, "b", 0]), ("150 b 2", [50, "b", 2])],
)
def test_an_id_leaves_out_what_the_receiver_knows(id: str, packed: Any) -> None:
    message = pack_sync(1, [({"type": "t"}, Meta(id, 170))], 100, "a", 0)
    assert message == ["sync", 1, {"type": "t"}, {"id": packed, "time": 70}]


def test_a_subprotocol_travels_only_if_it_is_not_that_of_the_sender() -> None:
    metas = [Meta("1 a 0", 1, subprotocol=n) for n in (None, 2, 3)]
    message = pack_sync(1, [({"type": "t"}, meta) for meta in metas], 0, "a", 2)
    assert [meta.get("subprotocol") for meta in message[3::2]] == [None, None, 3]


def test_other_keys_of_a_meta_are_kept_aside_and_not_obeyed() -> None:
    packed = {"id": 1, "time": 1, "reasons": ["x"], "added": 5, "key": 1, "channels": ["c"]}
    _, meta = unpack_sync(["sync", 1, {"type": "t"}, packed], 0, "a")[0]
    assert (meta.reasons, meta.added, meta.key, meta.channels) == ([], 0, (1, "a", 0, 1), None)
    assert meta.unknown == {"reasons": ["x"], "added": 5, "key": 1, "channels": ["c"]}


@pytest.mark.parametrize(("id", "time"), [(-101, 0), (0, -101), (MS, 0), (0, MS)])
def test_a_time_that_no_id_can_have_is_a_wrong_format(id: int, time: int) -> None:
    message = ["sync", 1, {"type": "t"}, {"id": id, "time": time}]
    check_message(message)
    with pytest.raises(LoguxError, match="wrong format"):
        unpack_sync(message, 100, "a")


def test_a_shared_action_is_serialised_once() -> None:
    counted = 0

    class Counted(dict[str, Any]):
        def items(self) -> Any:
            nonlocal counted
            counted += 1
            return super().items()

    action = SharedAction({"type": "t", "big": Counted(a=1)})
    meta = Meta("1 a 0", 1)
    texts = {write_sync(1, [(action, meta, 1)], time, node, 0) for node in "ab" for time in (0, 1)}
    assert counted == 1
    assert len(texts) == 4


json_texts = st.recursive(
    st.sampled_from(
        [
            "null",
            "true",
            "-0",
            "01",
            "1.",
            "1e5",
            "1E400",
            "-1e400",
            "1e-400",
            "NaN",
            "-Infinity",
            "0.1",
            "123456789012345678901.5",
            "18446744073709551616",
            "-9223372036854775809",
        ]
    )
    | st.sampled_from(
        [r'"\ud83d"', r'"\ud83d\ude00"', r'"\ude00\ud83d"', r'"\u0000"', '"\u2028é😀"', '"\n"']
    )
    | st.integers().map(str)
    | st.floats().map(str)
    | st.text().map(to_json),
    lambda inner: (
        st.lists(inner).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(st.text().map(to_json), inner)).map(
            lambda pairs: "{" + ",".join(f"{name} : {value}" for name, value in pairs) + "}"
        )
    ),
)


@given(json_texts.map(lambda text: f" [{text}] ".encode()) | st.binary())
def test_what_is_read_fast_is_what_the_standard_library_reads(data: bytes) -> None:
    try:
        message = _decode_slowly(data)
    except LoguxError:
        with pytest.raises(LoguxError, match="wrong format"):
            decode(data)
    else:
        if isinstance(message, list):
            assert repr(decode(data)) == repr(message)


@pytest.mark.parametrize("bad", [object(), float("nan")])
def test_an_action_that_has_no_json_form_cannot_be_shared(bad: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        SharedAction({"type": "t", "bad": bad})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "{}",
        "null",
        '"ping"',
        '["ping",1]]',
        '["ping",NaN]',
        '["ping",-Infinity]',
        '["headers",{"a":1e999}]',
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" + "9" * 10_000 + "]",
        b"\xff\xfe",
        b'["ping",\xc3]',
    ],
)
def test_text_that_is_no_message_is_a_wrong_format_quoted_in_short(text: str | bytes) -> None:
    error = error_of(text)
    assert error.type == "wrong-format"
    assert len(error.options) < 400


@given(st.binary() | st.text())
def test_arbitrary_text_gives_a_list_or_a_logux_error(text: str | bytes) -> None:
    message, error = attempt(lambda: decode(text))
    assert isinstance(message, list) or (error is not None and error.type == "wrong-format")


GOOD: list[list[Any]] = [
    ["connect", 5, "1:a:b", 0],
    ["connect", 0, "a", 9, {}],
    ["connect", 5, "a" * 1000, 0],
    ["connect", 5, "😀", 0, {"token": "", "subprotocol": 0, "other": [1]}],
    ["connected", 5, "server:x", [1, 2]],
    ["connected", 5, "server:x", [1, 2], {"token": "t", "subprotocol": 3}],
    ["sync", 0],
    ["sync", 1, {"type": "t"}, {"id": -1, "time": 0}],
    ["sync", 1, {"type": "", "a": None}, {"id": [1, 0], "time": -5, "subprotocol": 1, "x": {}}],
    ["sync", 1, {"type": "t"}, {"id": [1, "a", 1], "time": 1}, {"type": "t"}, {"id": 1, "time": 1}],
    ["synced", 2**53 - 1],
    ["ping", 0],
    ["pong", 0],
    ["headers", {}],
    ["headers", {"env": "development", "a": [1.5, None]}],
    ["error", "timeout"],
    ["error", "wrong-protocol", {"supported": 5, "used": 4}],
    ["error", "own", None],
    ["debug", "error", "text"],
]

SYNC: list[Any] = ["sync", 1, {"type": "t"}, {"id": 1, "time": 1}]


@pytest.mark.parametrize("message", GOOD)
def test_the_protocols_messages_pass(message: list[Any]) -> None:
    check_message(message)


def meta(**changes: Any) -> list[Any]:
    return ["sync", 1, {"type": "t"}, {"id": 1, "time": 1, **changes}]


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = {"a": value} if levels % 2 else [value]
    return value


BAD: list[Any] = [
    {},
    [],
    [1],
    [None],
    ["connect"],
    ["connect", True, "a", 0],
    ["connect", 5.0, "a", 0],
    ["connect", "5", "a", 0],
    ["connect", -1, "a", 0],
    ["connect", 5, "", 0],
    ["connect", 5, "a b", 0],
    ["connect", 5, "a" * 1001, 0],
    ["sync", 1, {"type": "t"}, {"id": [1, "a" * 1001, 0], "time": 1}],
    ["connect", 5, "\ud83d", 0],
    ["connect", 5, 1, 0],
    ["connect", 5, "a", -1],
    ["connect", 5, "a", 2**53],
    ["connect", 5, "a", False],
    ["connect", 5, "a", 0, []],
    ["connect", 5, "a", 0, None],
    ["connect", 5, "a", 0, {"token": 1}],
    ["connect", 5, "a", 0, {"token": None}],
    ["connect", 5, "a", 0, {"subprotocol": "1.0.0"}],
    ["connect", 5, "a", 0, {"subprotocol": True}],
    ["connect", 5, "a", 0, {}, {}],
    ["connected", 5, "a", 0],
    ["connected", 5, "a", [1]],
    ["connected", 5, "a", [1, -2]],
    ["connected", 5, "a", [1, 10**15]],
    ["connected", 5, "a", [1, 2.5]],
    ["connected", 5, "a", [1, 2, 3]],
    ["sync"],
    ["sync", 1, {"type": "t"}],
    ["sync", True, *SYNC[2:]],
    ["sync", 1.5, *SYNC[2:]],
    ["sync", 1, [], SYNC[3]],
    ["sync", 1, {}, SYNC[3]],
    ["sync", 1, {"type": 1}, SYNC[3]],
    ["sync", 1, {"type": "t"}, []],
    ["sync", 1, {"type": "t"}, {"id": 1}],
    ["sync", 1, {"type": "t"}, {"time": 1}],
    ["sync", 1, {"type": "t", "a": nested(MAX_DEPTH)}, SYNC[3]],
    ["sync", 1, {"type": "t", "a": nested(MAX_DEPTH + 1)}, SYNC[3]],
    [*SYNC, {"type": None}, {"id": 2, "time": 2}],
    meta(id=True),
    meta(id=1.5),
    meta(id="1"),
    meta(id=None),
    meta(id=10**15),
    meta(id=[]),
    meta(id=[1]),
    meta(id=[1, -1]),
    meta(id=[1, 10**15]),
    meta(id=[1, True]),
    meta(id=[1.0, 1]),
    meta(id=[1, "a"]),
    meta(id=[1, "a b", 0]),
    meta(id=[1, "", 0]),
    meta(id=[1, "\udc00", 0]),
    meta(id=[1, 2, 0]),
    meta(id=[1, "a", "0"]),
    meta(id=[1, "a", 0, 0]),
    meta(time=False),
    meta(time="1"),
    meta(time=0.5),
    meta(time=-(10**15)),
    meta(subprotocol="1"),
    meta(subprotocol=-1),
    meta(subprotocol=None),
    meta(x=nested(MAX_DEPTH)),
    ["synced"],
    ["synced", None],
    ["synced", 1, 1],
    ["synced", -1],
    ["ping"],
    ["pong", "1"],
    ["headers"],
    ["headers", []],
    ["headers", None],
    ["headers", nested(MAX_DEPTH + 1)],
    ["error"],
    ["error", 1],
    ["error", "a", 1, 2],
    ["error", "a", nested(MAX_DEPTH)],
    ["debug", "error"],
    ["debug", "warning", "text"],
    ["debug", "error", {}],
]


@pytest.mark.parametrize("message", BAD, ids=lambda message: quote(message)[:60])
def test_a_message_of_another_shape_is_a_wrong_format(message: Any) -> None:
    with pytest.raises(LoguxError) as caught:
        check_message(message)
    assert caught.value.type == "wrong-format"


def test_nesting_up_to_the_limit_passes() -> None:
    check_message(["sync", 1, {"type": "t", "a": nested(MAX_DEPTH - 1)}, SYNC[3]])
    check_message(["headers", {"a": nested(MAX_DEPTH - 1)}])


@pytest.mark.parametrize("name", ["", "duilian", "Ping", "receive", "__class__"])
def test_a_message_of_another_name_is_unknown(name: str) -> None:
    with pytest.raises(LoguxError) as caught:
        check_message([name, 1])
    assert (caught.value.type, caught.value.options) == ("unknown-message", name)


names = st.sampled_from([message[0] for message in GOOD])


@st.composite
def nearly(draw: st.DrawFn) -> list[Any]:
    """A good message with one place changed."""
    message: list[Any] = json.loads(json.dumps(draw(st.sampled_from(GOOD))))
    place: Any = message
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return message
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], list | dict) or draw(st.booleans()):
            place[key] = draw(json_values)
            return message
        place = place[key]


@given(
    nearly()
    | json_values
    | st.builds(lambda name, rest: [name, *rest], names, st.lists(json_values))
)
@example([["sync"]])
def test_arbitrary_json_passes_whole_or_is_a_logux_error(message: Any) -> None:
    _, error = attempt(lambda: check_message(message))
    if error is not None:
        assert error.type in ("wrong-format", "unknown-message")
        encode(["error", error.type, error.options]).encode()
        return
    assert decode(encode(message)) == message
    if message[0] == "sync":
        unpacked, error = attempt(lambda: unpack_sync(message, 1000, "a"))
        assert error is None or error.type == "wrong-format"
        for action, meta in unpacked or []:
            assert meta.key == order_key(meta.id, meta.time)
            assert isinstance(action["type"], str)


def test_what_is_nested_too_deep_to_be_written_is_still_quoted() -> None:
    with pytest.raises(LoguxError) as caught:
        check_message(["headers", nested(100_000)])
    assert caught.value.options == "<list>"
