"""HTTP pages of a server: what is asked, what is answered, and who answers.

No sockets: `front` serves these pages beside the WebSocket, an adapter may serve them elsewhere.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["Handler", "Request", "Response", "Routes"]


class Request:
    """An HTTP request. `path` is decoded, `query` has the last value of each name, the names in
    `headers` are in lower case.
    """

    __slots__ = ("body", "headers", "method", "path", "query", "remote_address")

    def __init__(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        remote_address: str = "",
    ) -> None:
        if target.startswith("/"):
            # Not urlsplit: it takes `//host/metrics` for the path `/metrics`.
            path, _, query = target.partition("?")
        else:
            _, _, path, query, _ = urlsplit(target)
        self.method = method.upper()
        self.path = unquote(path) or "/"
        self.query = dict(parse_qsl(query, keep_blank_values=True))
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}
        self.body = body
        self.remote_address = remote_address

    def json(self) -> Any:
        """The body as JSON; raises ValueError if it is none."""
        return json.loads(self.body)


class Response:
    """An HTTP response. A str is sent as text, bytes as they are, anything else as JSON, unless
    `headers` have a content-type.

    Raises ValueError for a status or a header that there cannot be, and for a body where there is
    none.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, body: Any = b"", status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}
        if isinstance(body, bytes):
            self.body = body
            kind = "application/octet-stream"
        elif isinstance(body, str):
            self.body = body.encode()
            kind = "text/plain; charset=utf-8"
        else:
            self.body = json.dumps(body).encode()
            kind = "application/json"
        if self.body:
            self.headers.setdefault("content-type", kind)
        check_response(self)


HEADER_NAME = re.compile(r"[-!#$%&'*+.^_`|~0-9a-z]+")
HEADER_VALUE = re.compile(r"([\x21-\x7e\x80-\xff]+([ \t]+[\x21-\x7e\x80-\xff]+)*)?")


def check_response(response: Response) -> None:
    """Raise ValueError for what could not be sent."""
    if not 200 <= response.status <= 599:
        raise ValueError(f"the status of a response is from 200 to 599, not {response.status!r}")
    if response.body and response.status in (204, 304):
        raise ValueError(f"a response with the status {response.status} has no body")
    for name, value in response.headers.items():
        if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
            raise ValueError(f"HTTP has no such header: {name!r}: {value!r}")


Answer: TypeAlias = Response | str | bytes | dict[str, Any] | list[Any] | None

Handler: TypeAlias = Callable[[Request], Answer | Awaitable[Answer]]
"""Answers a request, plain or async: with a Response, or with its body, or with None for an empty
answer. A handler for all requests gives None for what is not its.
"""


class Routes:
    """Who answers which requests."""

    __slots__ = ("_exact", "_general")

    def __init__(self) -> None:
        self._exact: dict[str, dict[str, Handler]] = {}
        self._general: list[Handler] = []

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Let a handler answer one method and path."""
        if not path.startswith("/"):
            raise ValueError(f"a path begins with a slash; got {path!r}")
        self._exact.setdefault(path, {})[method.upper()] = handler

    def add_general(self, handler: Handler) -> None:
        """Let a handler see all requests that no path of its own is for."""
        self._general.append(handler)

    async def respond(self, request: Request) -> Response:
        """Find the answer: 404 and 405 for what nobody answers. Raises what a handler raises."""
        methods = self._exact.get(request.path)
        if methods is not None:
            handler = methods.get(request.method)
            if handler is None and request.method == "HEAD":
                handler = methods.get("GET")
            if handler is not None:
                answer = await settled(handler(request))
                if answer is None:
                    return Response(status=204)
                return answer if isinstance(answer, Response) else Response(answer)
        for general in self._general:
            answer = await settled(general(request))
            if answer is not None:
                return answer if isinstance(answer, Response) else Response(answer)
        if methods is None:
            return Response("Not found\n", 404)
        return Response("Method not allowed\n", 405, {"allow": ", ".join(sorted(methods))})


async def settled(answer: Answer | Awaitable[Answer]) -> Answer:
    """The answer of a plain handler, or of an async one."""
    return await answer if isinstance(answer, Awaitable) else answer


def hello(_: Request) -> Response:
    """The page for those who open the server's address in a browser."""
    page = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Logux server</title>
<style>
  body { font: 1.1rem/1.5 system-ui; max-width: 36em; margin: 15vh auto; padding: 0 1em }
</style>
<h1>Logux server</h1>
<p>The server is running. This address is for Logux clients, which connect by WebSocket;
what you are looking for is probably the address of the application.</p>
</html>
"""
    return Response(page, headers={"content-type": "text/html; charset=utf-8"})


def health(_: Request) -> Response:
    """Says to load balancers and people that the server is up."""
    return Response("Logux Server: OK\n")
