"""Why a client's log keeps an action, and whether it is still to be sent."""

from logux_store.ids import parse_id
from logux_store.meta import Meta

__all__ = ["SYNCING", "is_to_send", "tab_reasons"]

SYNCING = "syncing"
"""The reason of an action that the server has not answered."""


def tab_reasons(tab_id: str) -> tuple[str, str]:
    """The reasons that keep a tab's own actions: the application's, and the store's."""
    return f"tab{tab_id}", f"timeTravelTab{tab_id}"


def is_to_send(meta: Meta, user_id: str) -> bool:
    """Whether the server is to hear of an action, and has not answered it.

    One that it has answered is not sent again, though the connection ended before it was
    acknowledged: asked again, the server might answer otherwise.
    """
    if not meta.sync or parse_id(meta.id).user_id != user_id:
        return False
    return SYNCING in meta.reasons or bool(meta.resubscribe)
