"""An entry as a row says the same, and rows are in the order of the entries."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from logux_adapters.sqlite.rows import from_row, to_key, to_row

from logux_store import Meta, order_key

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Half a character is allowed in JavaScript's strings, and so in actions.
    | st.text(st.characters(codec=None, exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
nodes = st.text(st.characters(exclude_characters=" ", exclude_categories=["Cs"]), min_size=1)
milliseconds = st.integers(0, 10**15 - 1)
ids = st.builds(lambda ms, node, n: f"{ms} {node} {n}", milliseconds, nodes, milliseconds)
names = st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True, max_size=3)
times = st.integers(-(2**63), 2**63 - 1)
metas = st.builds(
    Meta,
    id=ids,
    time=times,
    reasons=names,
    subprotocol=st.none() | st.integers(),
    tab=st.none() | st.text(max_size=8),
    sync=st.booleans(),
    indexes=st.none() | names,
    keep_last=st.none() | st.text(max_size=3),
    status=st.none() | st.sampled_from(["waiting", "processed"]),
    own=json_values,
)


@given(st.dictionaries(st.text(), json_values), metas, st.integers(1, 2**53))
def test_an_entry_comes_back_as_it_was(fields: dict[str, Any], meta: Meta, added: int) -> None:
    action = {**fields, "type": "t"}
    found, found_meta = from_row((added, *to_row(action, meta)))
    assert (found, [*found]) == (action, [*action])
    assert found_meta.to_dict() == {**meta.to_dict(), "added": added}
    assert found_meta.key == meta.key


near = st.text(st.sampled_from("a\0\x7f\x80é\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"))
places = st.tuples(st.integers(-2, 2), near.map(lambda node: f"n{node}"), st.integers(0, 2))


@given(places, places)
def test_places_are_in_the_order_of_the_protocol(first: Any, second: Any) -> None:
    keys = [order_key(f"{n} {node} {n}", time) for time, node, n in (first, second)]
    rows = [to_key(key) for key in keys]
    assert (rows[0] < rows[1]) == (keys[0] < keys[1])
    assert (rows[0] == rows[1]) == (keys[0] == keys[1])
