"""Values are shown so that a person sees what differs."""

from logux_store.testing.texts import compare


def test_short_values_stand_below_each_other() -> None:
    assert compare("they differ", first=[1], the_second=[1, 2]) == (
        "they differ:\n  first:      [1]\n  the second: [1, 2]"
    )


def test_of_long_values_only_what_differs_is_shown() -> None:
    values = {f"name {number}": number for number in range(100)}
    text = compare("they differ", first=values, second={**values, "name 50": "other"})
    lines = text.splitlines()
    assert lines[1:3] == ["  --- first", "  +++ second"]
    assert "  - 'name 50': 50," in lines
    assert "  + 'name 50': 'other'," in lines
    assert len(lines) < 10


def test_long_values_that_look_alike_are_told_from_nothing() -> None:
    class Same:
        def __repr__(self) -> str:
            return "x" * 100

    lines = compare("they differ", first=Same(), second=Same()).splitlines()
    assert lines == ["they differ:", "  both look like this: " + "x" * 100]
