from logux_store.server import BaseServer, Request


async def test_what_is_sent_on_connect_leaves_the_pages_as_they_are() -> None:
    server = BaseServer(subprotocol=1, min_subprotocol=1)
    server.http("GET", "/hello", lambda request: "hello")
    server.send_on_connect(lambda ctx, added: [])
    response = await server.respond(Request("GET", "/hello"))
    assert (response.status, response.body) == (200, b"hello")
