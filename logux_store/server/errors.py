"""What a developer's callback raises to say more than that something went wrong."""

from typing import Any

__all__ = ["NotFoundError", "is_denial", "is_not_found"]


class NotFoundError(LookupError):
    """Raised by a channel's `load`: what the client wants to subscribe to does not exist. The
    subscription is undone with the reason `notFound`.
    """


def is_denial(error: Exception) -> bool:
    """Whether an `access_and_…` callback means that the client may not do this: a PermissionError,
    or an HTTP client's error with the status 403.
    """
    return isinstance(error, PermissionError) or _status(error) == 403


def is_not_found(error: Exception) -> bool:
    """Whether a callback means that there is no such thing: a NotFoundError, or an HTTP client's
    error with the status 404.
    """
    return isinstance(error, NotFoundError) or _status(error) == 404


def _status(error: Exception) -> Any:
    # As aiohttp, urllib, requests and httpx name it.
    for holder in (error, getattr(error, "response", None)):
        for name in ("status", "code", "status_code"):
            status = getattr(holder, name, None)
            if isinstance(status, int):
                return status
    return None
