"""Callbacks for the client's `SyncMap` and filters over them: objects whose fields are changed
independently, the last write of each field wins.

A client sends `tasks/create`, `tasks/change` and `tasks/delete`; when the developer's callback has
done it, the others get `tasks/created`, `tasks/changed` and `tasks/deleted` with the time of the
client's action. Every client keeps, per field, the value with the latest time, so all agree
whatever the order of arrival; the developer's database does the same by `newer_fields`.

    add_sync_map(server, "tasks", access=…, load=…, create=…, change=…, delete=…)
    add_sync_map_filter(server, "tasks", access=…, initial=…)
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from logux_store.actions import Action
from logux_store.meta import Meta
from logux_store.server.context import Context
from logux_store.server.definitions import Definitions
from logux_store.server.types import check_callables

__all__ = [
    "ChangedAt",
    "NoConflictResolution",
    "add_sync_map",
    "add_sync_map_filter",
    "newer_fields",
]

LATE = 7 * 24 * 60 * 60 * 1000
"""How late (ms) an action may come. A client that works offline sends what has an earlier time than
what others have long since seen, so they are sent what is older by so much than what they name in
`since`.
"""


class ChangedAt:
    """A field's value and when it was last changed (ms)."""

    __slots__ = ("time", "value")

    def __init__(self, value: Any, time: int) -> None:
        self.value = value
        self.time = time

    def __repr__(self) -> str:
        return f"ChangedAt({self.value!r}, {self.time!r})"


class NoConflictResolution:
    """A field's value, when nobody knows the time of its last change: it wins over older ones."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"NoConflictResolution({self.value!r})"


def newer_fields(
    fields: Mapping[str, Any], time: int, stored: Mapping[str, ChangedAt | NoConflictResolution]
) -> dict[str, Any]:
    """Those of `fields`, changed at `time` (ms), that win over what is stored, being no older."""
    return {
        name: value
        for name, value in fields.items()
        if not isinstance(known := stored.get(name), ChangedAt) or known.time <= time
    }


def add_sync_map(
    server: Definitions,
    plural: str,
    *,
    access: Callable[..., Any],
    load: Callable[..., Any] | None = None,
    create: Callable[..., Any] | None = None,
    change: Callable[..., Any] | None = None,
    delete: Callable[..., Any] | None = None,
) -> None:
    """Define the types and the channel of a `SyncMap`.

    Callbacks, plain or async, take as many of these arguments as they want:

    - `access(ctx, id, action, meta)` says whether the client may see or change the object;
    - `load(ctx, id, since, action, meta)` gives a dict of the object's `id` and its fields, each a
      `ChangedAt` or a `NoConflictResolution`; fields from before `since` (ms: a week before the
      client was last up to date, since actions may come late) need not be among them. False sends
      nothing, NotFoundError says that there is no such object;
    - `create(ctx, id, fields, time, action, meta)`, `change(ctx, id, fields, time, action, meta)`
      and `delete(ctx, id, action, meta)` write to the database. False keeps the others from being
      told.
    """
    check_callables(
        f"the sync map {plural!r}",
        access=access,
        load=load,
        create=create,
        change=change,
        delete=delete,
    )
    may = taking(access, 4)

    def access_by_id(ctx: Context, action: Action, meta: Meta) -> Any:
        id = action.get("id")
        return isinstance(id, str) and may(ctx, id, action, meta)

    def access_with_fields(ctx: Context, action: Action, meta: Meta) -> Any:
        return isinstance(action.get("fields"), dict) and access_by_id(ctx, action, meta)

    for done, everywhere in (("created", True), ("changed", True), ("deleted", False)):
        server.type(
            f"{plural}/{done}", access=nobody, resend=channels_of(plural, everywhere=everywhere)
        )
    if load is not None:
        give = taking(load, 5)

        def load_map(ctx: Context, action: Action, meta: Meta) -> Any:
            if action.get("creating"):
                return None
            since = since_time(action)
            data = give(ctx, ctx.params["id"], since, action, meta)
            return then(data, lambda data: map_actions(plural, data, since))

        server.channel(
            f"{plural}/:id",
            access=lambda ctx, action, meta: may(ctx, ctx.params["id"], action, meta),
            load=load_map,
        )
    for name, done, callback in (
        ("create", "created", create),
        ("change", "changed", change),
    ):
        if callback is not None:
            server.type(
                f"{plural}/{name}",
                access=access_with_fields,
                process=writing(f"{plural}/{done}", taking(callback, 6)),
            )
    if delete is not None:
        server.type(
            f"{plural}/delete",
            access=access_by_id,
            process=deleting(f"{plural}/deleted", taking(delete, 4)),
        )


def add_sync_map_filter(
    server: Definitions,
    plural: str,
    *,
    access: Callable[..., Any],
    initial: Callable[..., Any],
    actions: Callable[..., Any] | None = None,
) -> None:
    """Define the channel of filters over the objects of a `SyncMap`.

    Callbacks, plain or async, take as many of these arguments as they want:

    - `access(ctx, filter, action, meta)` says whether the client may use this filter (a dict of
      fields, or None);
    - `initial(ctx, filter, since, action, meta)` gives the list of objects, each as `load` of
      `add_sync_map` gives it;
    - `actions(ctx, filter, action, meta)` gives a function `(ctx, action, meta)` that says which
      actions the client gets, besides what the filter says; None for all.
    """
    check_callables(f"the filter of {plural!r}", access=access, initial=initial, actions=actions)
    may, give = taking(access, 4), taking(initial, 5)
    limit = None if actions is None else taking(actions, 4)

    def make_filter(ctx: Context, action: Action, meta: Meta) -> Any:
        wanted = action.get("filter")
        custom = None if limit is None else limit(ctx, wanted, action, meta)
        return then(custom, lambda custom: both(field_filter(wanted), custom))

    def load(ctx: Context, action: Action, meta: Meta) -> Any:
        since = since_time(action)

        def subscribed(objects: Iterable[Mapping[str, Any]]) -> list[Any]:
            found: list[Any] = []
            for data in objects:
                ctx.server.subscribe(ctx.node_id, f"{plural}/{data['id']}")
                found += map_actions(plural, data, since)
            return found

        return then(give(ctx, action.get("filter"), since, action, meta), subscribed)

    def access_filter(ctx: Context, action: Action, meta: Meta) -> Any:
        wanted = action.get("filter")
        return isinstance(wanted, dict | None) and may(ctx, wanted, action, meta)

    server.channel(
        plural,
        access=access_filter,
        filter=make_filter,
        load=load,
    )


def nobody(_ctx: Context, _action: Action, _meta: Meta) -> bool:
    """Only the server itself sends these actions."""
    return False


def channels_of(plural: str, *, everywhere: bool) -> Callable[..., list[str]]:
    """The `resend` of what was done to an object: its channel, and that of all filters."""

    def resend(_ctx: Context, action: Action, _meta: Meta) -> list[str]:
        own = f"{plural}/{action['id']}"
        return [plural, own] if everywhere else [own]

    return resend


def writing(done: str, callback: Callable[..., Any]) -> Callable[..., Any]:
    """The `process` of `create` and `change`."""

    def process(ctx: Context, action: Action, meta: Meta) -> Any:
        result = callback(ctx, action["id"], action["fields"], meta.time, action, meta)
        return then(result, lambda result: tell(done, ctx, action, meta, result))

    return process


def deleting(done: str, callback: Callable[..., Any]) -> Callable[..., Any]:
    """The `process` of `delete`."""

    def process(ctx: Context, action: Action, meta: Meta) -> Any:
        result = callback(ctx, action["id"], action, meta)
        return then(result, lambda result: tell(done, ctx, action, meta, result))

    return process


def tell(done: str, ctx: Context, action: Action, meta: Meta, result: Any) -> None:
    """Tell everybody but the sender, who knows already."""
    if result is not False:
        ctx.server.log.add(
            {**action, "type": done}, exclude_clients=[ctx.client_id], time=meta.time
        )


def map_actions(
    plural: str, data: Mapping[str, Any] | bool | None, since: int
) -> list[tuple[Action, dict[str, Any]]]:
    """The actions that bring a client up to date with an object, one for each time of change.

    Raises TypeError for a field that says nothing of its time.
    """
    if not isinstance(data, Mapping):
        return []
    by_time: dict[int | None, dict[str, Any]] = {}
    for name, field in data.items():
        if name == "id":
            continue
        if isinstance(field, ChangedAt):
            if field.time >= since:
                by_time.setdefault(field.time, {})[name] = field.value
        elif isinstance(field, NoConflictResolution):
            by_time.setdefault(None, {})[name] = field.value
        else:
            raise TypeError(
                f"the field {name!r} of {plural} is {field!r}; "
                "wrap it in ChangedAt(value, time) or NoConflictResolution(value)"
            )
    return [
        (
            {"type": f"{plural}/changed", "id": data["id"], "fields": fields},
            {} if time is None else {"time": time},
        )
        for time, fields in by_time.items()
    ]


def field_filter(wanted: Mapping[str, Any] | None) -> Callable[..., bool]:
    """Whether an action is about an object whose fields are as wanted, as far as it shows."""

    def passes(_ctx: Context, action: Action, _meta: Meta) -> bool:
        fields = action.get("fields")
        if not wanted or not isinstance(fields, Mapping):
            return True
        if action["type"].endswith("/created"):
            return all(fields.get(name) == value for name, value in wanted.items())
        return all(fields[name] == value for name, value in wanted.items() if name in fields)

    return passes


def both(first: Callable[..., bool], second: Callable[..., Any] | None) -> Callable[..., Any]:
    """A filter that lets through what both let through."""
    if second is None:
        return first
    return lambda ctx, action, meta: first(ctx, action, meta) and second(ctx, action, meta)


def since_time(action: Action) -> int:
    """The fields that were changed before this (ms) are known to the client; 0 if none are."""
    since = action.get("since")
    time = since.get("time") if isinstance(since, Mapping) else None
    return max(time - LATE, 0) if isinstance(time, int) else 0


def then(value: Any, finish: Callable[[Any], Any]) -> Any:
    """Go on with a value: now, or when it has come."""
    if not hasattr(value, "__await__"):
        return finish(value)

    async def later() -> Any:
        return finish(await value)

    return later()


def taking(callback: Callable[..., Any], most: int) -> Callable[..., Any]:
    """The callback, given as many of its first arguments as it takes."""
    kinds = [parameter.kind for parameter in inspect.signature(callback).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return callback
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    count = min(most, sum(kind in positional for kind in kinds))

    @wraps(callback)
    def called(*arguments: Any) -> Any:
        return callback(*arguments[:count])

    return called
