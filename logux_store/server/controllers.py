"""Types and channels as classes, for those who come from Rails or Django.

    class Users(ActionController):
        prefix = "users"

        def access(self):                       # for all types of the class
            return self.user_id == self.action["id"]

        @action(resend=lambda self: f"users/{self.action['id']}")
        async def rename(self):                 # the type users/rename
            await db.rename(self.action["id"], self.action["name"])

    class User(ChannelController):
        pattern = "users/:id"

        def access(self):
            return self.params["id"] == self.user_id

        async def initial_data(self):
            return {"type": "users/add", "user": await db.user(self.params["id"])}

    Users.register(server)
    User.register(server)

They register through `server.type` and `server.channel`, and all methods may be plain or async. One
object serves one action from access to the end.
"""

from collections.abc import Callable, Mapping
from inspect import isfunction
from typing import Any, ClassVar, TypeVar

from logux_store.actions import Action
from logux_store.meta import Meta
from logux_store.server.context import Context
from logux_store.server.definitions import Definitions

__all__ = ["ActionController", "ChannelController", "Controller", "action"]

F = TypeVar("F", bound=Callable[..., Any])
Rule = Callable[[Any], Any]


def action(
    *,
    type: str | None = None,
    access: Rule | None = None,
    resend: Rule | None = None,
    queue: str | None = None,
) -> Callable[[F], F]:
    """Say more about a method of an `ActionController`: its type, if that is not the class's prefix
    and the method's name; who may do this, whom it is resent to (functions of the controller), and
    its queue, if that differs from what the class says.
    """

    def decorate(method: F) -> F:
        method.__dict__["logux"] = {
            "type": type,
            "access": access,
            "resend": resend,
            "queue": queue,
        }
        return method

    return decorate


class Controller:
    """What the two kinds of controllers have in common: what they know of the action at hand."""

    def __init__(self, ctx: Context, action: Action, meta: Meta) -> None:
        self.ctx = ctx
        self.action = action
        self.meta = meta
        self.server = ctx.server
        self.user_id = ctx.user_id
        self.client_id = ctx.client_id
        self.node_id = ctx.node_id

    @property
    def headers(self) -> Mapping[str, Any]:
        """The headers that the client has set."""
        return self.ctx.headers

    def send_back(self, action: Action, **meta: Any) -> Meta | None:
        """Send an action to the client that sent this one."""
        return self.ctx.send_back(action, **meta)

    def undo(self, reason: str = "error", **extra: Any) -> Meta | None:
        """Undo this action."""
        return self.server.undo(self.action, self.meta, reason, **extra)

    def access(self) -> Any:
        """Whether the client may do this; nobody may unless the class says who."""
        return False

    @classmethod
    def of(cls, ctx: Context, action: Action, meta: Meta) -> Any:
        """The controller of an action, always the same one."""
        controller = ctx.data.get("controller")
        if not isinstance(controller, cls):
            controller = ctx.data["controller"] = cls(ctx, action, meta)
        return controller

    @classmethod
    def calling(cls, method: Rule) -> Callable[[Context, Action, Meta], Any]:
        """A callback for the server that calls this with the action's controller."""
        return lambda ctx, action, meta: method(cls.of(ctx, action, meta))


class ActionController(Controller):
    """A group of types: each public method of a subclass processes one, named by `prefix` and the
    method's name. `access` and `resend` are for all that do not say otherwise by `@action`.
    """

    prefix: ClassVar[str] = ""
    queue: ClassVar[str] = "main"

    def resend(self) -> Any:
        """Whom the action goes to: nobody else, unless the class says more."""
        return None

    @classmethod
    def register(cls, server: Definitions) -> None:
        """Define the types of this class on a server."""
        methods: list[str] = []
        for name in dir(cls):
            method = getattr(cls, name)
            if name.startswith("_") or hasattr(ActionController, name):
                if hasattr(method, "logux"):
                    raise TypeError(
                        f"{cls.__name__}.{name} has a name that is not for types; take another, "
                        "and name the type in @action"
                    )
            # Other things that can be called, classes for example, are not meant for clients.
            elif isfunction(method):
                methods.append(name)
        if not methods:
            raise TypeError(f"{cls.__name__} has no method that could process an action")
        for name in methods:
            method = getattr(cls, name)
            said = getattr(method, "logux", {})
            if said.get("type") is None and not cls.prefix:
                raise TypeError(f'{cls.__name__} needs a prefix, such as prefix = "users"')
            server.type(
                said.get("type") or f"{cls.prefix}/{name}",
                access=cls.calling(said.get("access") or cls.access),
                resend=cls.calling(said.get("resend") or cls.resend),
                process=cls.calling(method),
                queue=said.get("queue") or cls.queue,
            )


class ChannelController(Controller):
    """A channel: `pattern` is its name's, as in `server.channel`."""

    pattern: ClassVar[Any] = None
    queue: ClassVar[str] = "main"

    @property
    def params(self) -> Any:
        """The parameters of the channel's name."""
        return self.ctx.params

    @property
    def since_time(self) -> int | None:
        """When the client was last up to date (ms); None if it never was."""
        since = self.action.get("since")
        time = since.get("time") if isinstance(since, Mapping) else None
        return time if isinstance(time, int) else None

    def initial_data(self) -> Any:
        """What the client needs to begin with: an action, several, or None."""
        return None

    def filter(self) -> Any:
        """A function `(ctx, action, meta)` that says which actions the client gets; None for
        all.
        """
        return None

    def unsubscribe(self) -> Any:
        """Called when the subscription ends."""
        return None

    @classmethod
    def register(cls, server: Definitions) -> None:
        """Define the channel of this class on a server."""
        if cls.pattern is None:
            raise TypeError(f'{cls.__name__} needs a pattern, such as pattern = "users/:id"')
        server.channel(
            cls.pattern,
            access=cls.calling(cls.access),
            load=cls.calling(cls.initial_data),
            filter=cls.calling(cls.filter),
            unsubscribe=cls.calling(cls.unsubscribe),
            queue=cls.queue,
        )
