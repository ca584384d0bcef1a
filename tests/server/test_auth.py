"""Who is asked for what, and how often one may fail."""

from typing import Any

import pytest

from logux_store.server.auth import ARGUMENTS, FailedLogins, named_arguments


class Callable_:
    async def __call__(self, token: str, *, user_id: str = "") -> bool:
        return True


@pytest.mark.parametrize(
    ("authenticator", "names"),
    [
        (lambda: True, ()),
        (lambda token, user_id: True, ("token", "user_id")),
        (lambda user_id, extra=1: True, ("user_id",)),
        (lambda *args: True, ()),
        (lambda user_id, **rest: True, ARGUMENTS),
        (Callable_(), ("token", "user_id")),
    ],
)
def test_an_authenticator_takes_what_it_names(authenticator: Any, names: Any) -> None:
    assert named_arguments(authenticator) == names


@pytest.mark.parametrize("authenticator", [lambda password: True, lambda token, /: True, "x"])
def test_what_cannot_be_given_is_refused(authenticator: Any) -> None:
    with pytest.raises(TypeError):
        named_arguments(authenticator)


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


def test_failed_logins_are_counted_by_address_and_forgotten() -> None:
    clock = Clock()
    logins = FailedLogins(3, 3.0, clock)
    for _ in range(3):
        assert logins.allows("a")
        logins.failed("a")
        clock.time += 1
    assert logins.allows("a")
    logins.failed("a")
    assert not logins.allows("a")
    assert logins.allows("b")
    clock.time = 7.0
    assert logins.allows("a")


def test_without_a_limit_any_number_may_fail() -> None:
    logins = FailedLogins(None, 3.0, Clock())
    for _ in range(10):
        logins.failed("a")
    assert logins.allows("a")


def test_only_so_many_addresses_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FailedLogins, "ADDRESSES", 3)
    clock = Clock()
    logins = FailedLogins(1, 3.0, clock)
    for address in "abcad":
        logins.failed(address)
        clock.time += 0.1
    assert [logins.allows(address) for address in "abcd"] == [False, True, False, False]
    clock.time = 10.0
    logins.failed("e")
    assert [logins.allows(address) for address in "bcde"] == [True, True, True, False]
    # What is forgotten takes no room.
    assert [*logins._failed] == ["e"]
