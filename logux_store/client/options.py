"""The checks of a client's options: what is wrong with one is said where it is given."""

__all__ = ["check_prefix", "check_subprotocol", "check_token"]


def check_subprotocol(subprotocol: object) -> None:
    """Raise TypeError or ValueError unless `subprotocol` is an integer from 0."""
    if not isinstance(subprotocol, int) or isinstance(subprotocol, bool):
        raise TypeError(f"subprotocol is an integer, such as 1, not {subprotocol!r}")
    if subprotocol < 0:
        raise ValueError(f"subprotocol is not negative; got {subprotocol}")


def check_token(token: object) -> None:
    """Raise TypeError unless `token` is None, a string or a callable."""
    if token is not None and not isinstance(token, str) and not callable(token):
        raise TypeError(f"token is a string or a callable that gives one, not {token!r}")


def check_prefix(prefix: object) -> None:
    """Raise ValueError unless `prefix` is a string that is not empty."""
    if not isinstance(prefix, str) or not prefix:
        raise ValueError(f"prefix is a string that is not empty, not {prefix!r}")
