"""HTTP pages: what is asked, and who answers."""

import asyncio
from typing import Any

import pytest

from logux_store.server import Request, Response
from logux_store.server.http import Routes


def ask(routes: Routes, method: str, target: str) -> tuple[int, bytes]:
    response = asyncio.run(routes.respond(Request(method, target)))
    return response.status, response.body


def test_a_request_is_taken_apart() -> None:
    request = Request("post", "/a%20b?c=1&c=2&d=", {"X-Name": "v"}, b'{"e": 1}', "10.0.0.1")
    assert request.method == "POST"
    assert request.path == "/a b"
    assert request.query == {"c": "2", "d": ""}
    assert request.headers == {"x-name": "v"}
    assert request.json() == {"e": 1}
    assert Request("GET", "").path == "/"
    assert Request("GET", "http://localhost/a?b=c").path == "/a"
    # A proxy that keeps people from `/metrics` lets this through.
    assert Request("GET", "//host/metrics").path == "//host/metrics"


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        ("text", b"text", "text/plain; charset=utf-8"),
        (b"bytes", b"bytes", "application/octet-stream"),
        ({"a": [1]}, b'{"a": [1]}', "application/json"),
        (b"", b"", None),
    ],
)
def test_a_response_has_the_type_of_its_body(body: Any, sent: bytes, kind: str | None) -> None:
    response = Response(body)
    assert (response.body, response.headers.get("content-type")) == (sent, kind)
    named = Response(body, headers={"Content-Type": "image/png"})
    assert named.headers == {"content-type": "image/png"}


@pytest.mark.parametrize(
    ("response", "why"),
    [
        ({"headers": {"X": "a\nb"}}, "no such header"),
        ({"headers": {"X": " a"}}, "no such header"),
        ({"headers": {"X": "漢"}}, "no such header"),
        ({"headers": {"a b": "c"}}, "no such header"),
        ({"headers": {"": "c"}}, "no such header"),
        ({"status": 100}, "from 200 to 599, not 100"),
        ({"status": 1000}, "from 200 to 599, not 1000"),
        ({"status": 204}, "204 has no body"),
    ],
)
def test_what_could_not_be_sent_is_no_response(response: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Response("text", **response)


def test_the_path_and_the_method_decide_then_the_general_handlers() -> None:
    routes = Routes()

    async def later(request: Request) -> str:
        await asyncio.sleep(0)
        return "later"

    routes.add("get", "/a", lambda request: "get")
    routes.add("POST", "/a", later)
    routes.add("GET", "/empty", lambda request: None)
    routes.add_general(lambda request: "first" if request.path == "/1" else None)
    routes.add_general(lambda request: "second" if request.path in ("/1", "/2") else None)
    answers = {
        f"{method} {path}": ask(routes, method, path)
        for method, path in (
            ("GET", "/a"),
            ("HEAD", "/a"),
            ("POST", "/a"),
            ("PUT", "/a"),
            ("GET", "/empty"),
            ("GET", "/1"),
            ("PUT", "/2"),
            ("GET", "/3"),
        )
    }
    assert answers == {
        "GET /a": (200, b"get"),
        "HEAD /a": (200, b"get"),
        "POST /a": (200, b"later"),
        "PUT /a": (405, b"Method not allowed\n"),
        "GET /empty": (204, b""),
        "GET /1": (200, b"first"),
        "PUT /2": (200, b"second"),
        "GET /3": (404, b"Not found\n"),
    }


def test_a_path_begins_with_a_slash(make_server: Any) -> None:
    server = make_server()
    with pytest.raises(ValueError, match="slash"):
        server.http("GET", "a", lambda request: None)
    with pytest.raises(TypeError, match="handler"):
        server.http("GET", "/a")
    with pytest.raises(TypeError, match="handler"):
        server.http(5)
