"""What a developer defines on a server: who may connect, types of actions, channels.

Invariant: what is wrong with a definition is said when it is made.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, overload

from logux_store.actions import ActionCreator
from logux_store.server.auth import named_arguments
from logux_store.server.channels import Channels, FilterMaker, Load
from logux_store.server.context import Context
from logux_store.server.http import Handler, Routes, health, hello
from logux_store.server.types import Access, Finally, Process, ResendTo, Types

__all__ = ["Definitions"]


class Definitions:
    """The part of a server that is written down before it runs."""

    def __init__(self) -> None:
        self.types = Types()
        self.channels = Channels()
        self.routes = Routes()
        self.routes.add("GET", "/", hello)
        self.routes.add("GET", "/health", health)
        self.connect_loader: Callable[[Context, int], Any] | None = None
        self._authenticator: Callable[..., bool | Awaitable[bool]] | None = None
        self._auth_arguments: tuple[str, ...] = ()

    def auth(self, authenticator: Callable[..., bool | Awaitable[bool]]) -> None:
        """Set who may connect: a function, plain or async, that returns whether they may. It takes
        any of `user_id`, `token`, `cookie`, `headers` and `client` by name.

        What it raises counts as no, and goes to the `error` event; a LoguxError is sent to the
        client.
        """
        self._auth_arguments = named_arguments(authenticator)
        self._authenticator = authenticator

    def type(
        self,
        type: str | re.Pattern[str] | ActionCreator,
        *,
        access: Access | None = None,
        resend: ResendTo | None = None,
        process: Process | None = None,
        access_and_process: Process | None = None,
        finally_: Finally | None = None,
        queue: str = "main",
    ) -> None:
        """Define what happens with actions of a type: a string, an action creator, or a compiled
        regular expression that is searched for in the type.

        All callbacks take `(ctx, action, meta)` and may be plain functions or async ones:

        - `access` says whether the client may do this; if not, the action is undone as `denied`;
        - `resend` says who else gets the action: a channel, a list of channels, or a dict with any
          of channels, users, clients, nodes, exclude_clients;
        - `process` does what is to be done, such as to write into a database;
        - `finally_` is called at the end in any case;
        - `access_and_process` stands for access and process at once: PermissionError, or an HTTP
          client's error with the status 403, means denied.

        Actions of one client in the same `queue` are processed one after the other. Raises
        TypeError and ValueError for what is missing or already defined.
        """
        self.types.add(
            type,
            access=access,
            resend=resend,
            process=process,
            access_and_process=access_and_process,
            finally_=finally_,
            queue=queue,
        )

    def other_type(
        self,
        *,
        access: Access | None = None,
        resend: ResendTo | None = None,
        process: Process | None = None,
        access_and_process: Process | None = None,
        finally_: Finally | None = None,
        queue: str = "main",
    ) -> None:
        """Define what happens with clients' actions of types that nothing else is defined for.
        Without it they are undone as `unknownType`, as are those of the protocol's own types.
        """
        self.types.add_other(
            access=access,
            resend=resend,
            process=process,
            access_and_process=access_and_process,
            finally_=finally_,
            queue=queue,
        )

    def channel(
        self,
        pattern: str | re.Pattern[str],
        *,
        access: Access | None = None,
        load: Load | None = None,
        filter: FilterMaker | None = None,
        access_and_load: Load | None = None,
        unsubscribe: Load | None = None,
        finally_: Finally | None = None,
        queue: str = "main",
    ) -> None:
        """Define what happens when a client subscribes to channels of this name: `"users/:id"`
        gives `ctx.params["id"]`, a compiled regular expression gives its match as `ctx.params`.

        All callbacks take `(ctx, action, meta)` and may be plain functions or async ones:

        - `access` says whether the client may subscribe;
        - `filter` gives a function `(ctx, action, meta)` that says which actions of the channel
          the client gets; its `ctx` is that of the action. None lets all through;
        - `load` gives what the client needs to begin with: an action, a list of actions, or of
          pairs of action and meta (a dict). `action.get("since")` has the `time` and `id` of the
          last action that the client knows. NotFoundError undoes the subscription as `notFound`;
        - `access_and_load` stands for access and load at once;
        - `unsubscribe` is called when the subscription ends, by the client or with its connection;
        - `finally_` is called at the end of subscribing in any case.
        """
        self.channels.add(
            pattern,
            access=access,
            load=load,
            filter=filter,
            access_and_load=access_and_load,
            unsubscribe=unsubscribe,
            finally_=finally_,
            queue=queue,
        )

    def other_channel(
        self,
        *,
        access: Access | None = None,
        load: Load | None = None,
        filter: FilterMaker | None = None,
        access_and_load: Load | None = None,
        unsubscribe: Load | None = None,
        finally_: Finally | None = None,
        queue: str = "main",
    ) -> None:
        """Define what happens with channels that nothing else is defined for; `ctx.params[0]` is
        the name. Without it subscriptions to them are undone as `wrongChannel`.
        """
        self.channels.add_other(
            access=access,
            load=load,
            filter=filter,
            access_and_load=access_and_load,
            unsubscribe=unsubscribe,
            finally_=finally_,
            queue=queue,
        )

    def send_on_connect(
        self, loader: Callable[[Context, int], Iterable[Any] | Awaitable[Iterable[Any]]]
    ) -> None:
        """Set what a client is sent when it connects, instead of what the log has kept for it.

        `loader(ctx, last_synced)`, plain or async, gives pairs of action and meta (a Meta, or a
        dict with id and time), oldest first; `last_synced` is the largest `added` that the client
        has received.
        """
        self.connect_loader = loader

    @overload
    def http(self, method: str, path: str, handler: Handler, /) -> None: ...

    @overload
    def http(self, handler: Handler, /) -> None: ...

    def http(
        self, method: str | Handler, path: str | None = None, handler: Handler | None = None, /
    ) -> None:
        """Answer HTTP requests on the port of the WebSocket: `http("POST", "/login", handler)`, or
        `http(handler)` for all requests that no path is defined for.

        A handler takes a `Request` and gives, plain or async, a `Response` or its body: text,
        bytes, or what becomes JSON. None is an empty answer, and of a handler for all requests it
        means that this one is not its.
        """
        if path is None and handler is None and callable(method):
            self.routes.add_general(method)
        elif isinstance(method, str) and path is not None and callable(handler):
            self.routes.add(method, path, handler)
        else:
            raise TypeError("http() takes a method, a path and a handler, or only a handler")
