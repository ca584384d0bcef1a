from logux_store.meta import Entry, Meta
from logux_store.sync.arrived import filter_received


def test_a_filter_changes_and_holds_back_and_what_it_raises_holds_back_one() -> None:
    entries: list[Entry] = [({"type": type}, Meta(f"{n} a 0", n)) for n, type in enumerate("abc")]

    def look(action: dict[str, str], meta: Meta) -> Entry | None:
        if action["type"] == "a":
            raise ArithmeticError(meta.id)
        return ({"type": "B"}, meta) if action["type"] == "b" else None

    errors: list[Exception] = []
    assert filter_received(entries, look, errors) == [({"type": "B"}, entries[1][1])]
    assert [str(error) for error in errors] == ["0 a 0"]
