"""The contract has to find what is wrong with a store, and to leave a right one alone."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import Phase, settings

from logux_store.actions import Action
from logux_store.ids import OrderKey
from logux_store.log import MemoryStore, Order
from logux_store.meta import Entry, Meta
from logux_store.testing import LogStoreContract

# To find a fault is enough; nobody reads the shrunk case.
quick = settings(max_examples=300, phases=[Phase.generate], database=None)


class CopyingStore(MemoryStore):
    """As a store on a disk does: what it takes and gives are copies."""

    def add(self, action: Action, meta: Meta) -> bool:
        kept = meta.copy()
        added = super().add({**action}, kept)
        if added:
            meta.added = kept.added
        return added

    def by_id(self, id: str) -> Entry | None:
        entry = super().by_id(id)
        return entry and ({**entry[0]}, entry[1].copy())

    def entries(
        self, order: Order = "created", *, index: str | None = None, newest_first: bool = False
    ) -> Iterator[Entry]:
        for action, meta in super().entries(order, index=index, newest_first=newest_first):
            yield {**action}, meta.copy()


class TestCopyingStore(LogStoreContract):
    machine_settings = settings(max_examples=50)

    def make_store(self) -> CopyingStore:
        return CopyingStore()


class TakesDuplicates(MemoryStore):
    def add(self, action: Action, meta: Meta) -> bool:
        self.remove(meta.id)
        return super().add(action, meta)


class UsesNumbersAgain(MemoryStore):
    def remove(self, id: str) -> Entry | None:
        entry = super().remove(id)
        self._last_added = max((meta.added for _, meta in self.entries()), default=0)
        return entry


class ForgetsToMoveInIndexes(MemoryStore):
    def set_time(self, id: str, time: int) -> tuple[OrderKey, Entry] | None:
        entry = self.by_id(id)
        if entry is not None:
            indexes, entry[1].indexes = entry[1].indexes, None
            moved = super().set_time(id, time)
            entry[1].indexes = indexes
            return moved
        return None


class ChangesReasonsOnTheSurface(MemoryStore):
    def change_meta(self, id: str, diff: Mapping[str, Any]) -> bool:
        entry = self.by_id(id)
        if entry is not None:
            entry[1].update(diff)
        return entry is not None


class IncludesTheBound(MemoryStore):
    def remove_reason(self, reason: str, **criteria: Any) -> list[Entry]:
        if criteria.get("older_than") is not None:
            bound = criteria["older_than"]
            criteria["older_than"] = Meta(f"999{bound.id}", bound.time)
        return super().remove_reason(reason, **criteria)


class IgnoresOtherCriteriaThanTheId(MemoryStore):
    def remove_reason(self, reason: str, **criteria: Any) -> list[Entry]:
        if criteria.get("id") is not None:
            criteria = {"id": criteria["id"]}
        return super().remove_reason(reason, **criteria)


class IteratesOverASnapshot(MemoryStore):
    def entries(self, order: Order = "created", **options: Any) -> Iterator[Entry]:
        return iter(list(super().entries(order, **options)))


class LosesItsPlace(MemoryStore):
    def entries(self, order: Order = "created", **options: Any) -> Iterator[Entry]:
        place = 0
        while place < len(found := list(super().entries(order, **options))):
            yield found[place]
            place += 1


class RemembersTooLittle(MemoryStore):
    def __init__(self) -> None:
        super().__init__(remembered_per_client=999)


class RemembersPerNode(MemoryStore):
    def remember(self, id: str) -> bool:
        return super().remember(id.replace(":", ";"))

    def remembers(self, id: str) -> bool:
        return super().remembers(id.replace(":", ";"))


class KeepsItsNumberWhenCleaned(MemoryStore):
    def clean(self) -> None:
        last = self._last_added
        super().clean()
        self._last_added = last


FAULTS: list[tuple[type[MemoryStore], str]] = [
    (TakesDuplicates, "test_a_known_id_changes_nothing"),
    (UsesNumbersAgain, "test_numbers_go_up_even_if_the_newest_entry_is_removed"),
    (ForgetsToMoveInIndexes, "test_a_moved_entry_keeps_its_number_and_gets_its_place"),
    (ChangesReasonsOnTheSurface, "test_changed_reasons_count"),
    (IncludesTheBound, "test_a_reason_is_taken_off_what_meets_all_criteria"),
    (IgnoresOtherCriteriaThanTheId, "test_a_reason_is_taken_off_what_meets_all_criteria"),
    (IteratesOverASnapshot, "test_an_iteration_goes_on_while_the_store_changes"),
    (LosesItsPlace, "test_an_iteration_goes_on_while_the_store_changes"),
    (RemembersTooLittle, "test_processed_ids_are_remembered_within_a_bound_for_each_client"),
    (RemembersPerNode, "test_processed_ids_are_remembered_within_a_bound_for_each_client"),
    (KeepsItsNumberWhenCleaned, "test_a_clean_store_is_as_new"),
]
FOUND_AT_RANDOM = [
    TakesDuplicates,
    UsesNumbersAgain,
    ForgetsToMoveInIndexes,
    ChangesReasonsOnTheSurface,
    IncludesTheBound,
    IgnoresOtherCriteriaThanTheId,
    KeepsItsNumberWhenCleaned,
]


class Contract(LogStoreContract):
    machine_settings = quick

    def __init__(self, store_class: type[MemoryStore] = MemoryStore) -> None:
        self.store_class = store_class
        self.made: list[int] = []
        self.discarded: list[int] = []

    def make_store(self) -> MemoryStore:
        store = self.store_class()
        self.made.append(id(store))
        return store

    def discard(self, store: object) -> None:
        self.discarded.append(id(store))


@pytest.mark.parametrize(("fault", "name"), FAULTS)
def test_a_fault_is_found(fault: type[MemoryStore], name: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - a faulty store may fail in any way
        getattr(Contract(fault), name)()


@pytest.mark.parametrize("fault", FOUND_AT_RANDOM)
def test_the_random_comparison_finds_a_fault(fault: type[MemoryStore]) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011
        Contract(fault).test_it_does_what_a_plain_list_does()


@pytest.mark.parametrize("name", [name for name in dir(LogStoreContract) if name[:5] == "test_"])
def test_every_store_is_discarded(name: str) -> None:
    contract = Contract()
    contract.machine_settings = settings(quick, max_examples=10)
    getattr(contract, name)()
    assert contract.made == contract.discarded


def test_a_contract_without_a_store_says_what_it_needs() -> None:
    with pytest.raises(NotImplementedError, match="make_store"):
        LogStoreContract().make_store()
