import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from logux_store.connections.end import frames, join_headers


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_frames_of_any_size_are_read_as_they_were_written(size: int) -> None:
    client = ClientProtocol(parse_uri("ws://a"), state=State.OPEN)
    client.receive_data(frames(["é😀", "x" * size, "last"]))
    texts: list[str] = []
    for event in client.events_received():
        assert isinstance(event, Frame)
        assert event.fin
        texts.append(bytes(event.data).decode())
    assert texts == ["é😀", "x" * size, "last"]


def test_headers_have_lower_case_names_and_one_value_each() -> None:
    items = [("Cookie", "a=1"), ("X-Test", "1"), ("cookie", "b=2"), ("x-test", "2"), ("Host", "h")]
    assert join_headers(items) == {"cookie": "a=1; b=2", "x-test": "1, 2", "host": "h"}
