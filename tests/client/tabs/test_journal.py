from logux_store.client.tabs.journal import ANSWERS, EPOCHS, EVERYTHING, Journal
from logux_store.meta import Meta


def test_changes_are_handed_over_in_order_and_forgotten_when_they_come_back() -> None:
    journal = Journal()
    for number in range(3):
        journal.add(("change", str(number), {}))
    seqs = [seq for seq, _ in journal.to_hand()]
    assert seqs == sorted(seqs)
    journal.handed = seqs[1]
    assert [op[1] for _, op in journal.to_hand()] == ["2"]
    assert journal.acknowledge(seqs[0]) == ("change", "0", {})
    assert journal.acknowledge(seqs[0]) is None
    assert [op[1] for op in journal.pending.values()] == ["1", "2"]


def test_drops_in_a_row_are_one_change_until_they_are_handed_over() -> None:
    journal = Journal()
    for id in "abc":
        journal.add(("drop", [id]))
    assert [op for _, op in journal.to_hand()] == [("drop", ["a", "b", "c"])]
    journal.handed = journal.to_hand()[-1][0]
    journal.add(("drop", ["d"]))
    assert [op for _, op in journal.to_hand()] == [("drop", ["d"])]


def test_who_waits_for_changes_to_be_shared_is_called_when_all_before_are() -> None:
    journal = Journal()
    called: list[str] = []
    journal.when_shared(lambda: called.append("nothing to wait for"))
    journal.add(("change", "a", {}))
    journal.when_shared(lambda: called.append("a"))
    journal.add(("change", "b", {}))
    journal.when_shared(lambda: called.append("b"))
    first, second = (seq for seq, _ in journal.to_hand())
    assert called == ["nothing to wait for"]
    journal.acknowledge(first)
    assert called[1:] == ["a"]
    journal.acknowledge(second)
    assert called[1:] == ["a", "b"]


def test_changes_that_are_replaced_are_to_be_handed_over_again() -> None:
    journal = Journal()
    called: list[str] = []
    journal.add(("change", "a", {}))
    journal.when_shared(lambda: called.append("a"))
    journal.handed = journal.to_hand()[0][0]
    journal.replace([("change", "older", {}), ("change", "a", {})])
    assert [op[1] for _, op in journal.to_hand()] == ["older", "a"]
    for seq, _ in journal.to_hand():
        assert called == []
        journal.acknowledge(seq)
    assert called == ["a"]
    journal.add(("change", "b", {}))
    journal.when_shared(lambda: called.append("b"))
    journal.replace(())
    assert called == ["a", "b"]
    assert journal.to_hand() == []


def test_how_much_of_an_epoch_is_known_is_the_least_that_both_have_seen() -> None:
    journal = Journal()
    assert journal.known_of(None, 0) is None
    assert journal.known_of("unheard", 5) is None
    journal.begin("first", None)
    journal.position = 10
    assert journal.known_of("first", 7) == 7
    journal.end_epoch(journal.position)
    journal.begin("second", "file")
    assert (journal.position, journal.known_of("first", 7)) == (0, 7)
    assert journal.known_of("first", 12) == 10
    journal.end_epoch(EVERYTHING)
    journal.begin("third", "file")
    assert journal.known_of("second", 12) == 12


def test_epochs_and_answers_are_forgotten_in_the_end() -> None:
    journal = Journal()
    for number in range(EPOCHS + 2):
        journal.begin(str(number), None)
        journal.end_epoch(0)
    assert journal.known_of("0", 0) is None
    assert journal.known_of("2", 0) == 0
    for number in range(ANSWERS + 1):
        journal.answered(f"{number} 10:a:b 0", {"type": "logux/processed"}, Meta("1 s 0", 1))
    assert len(journal.answers) == ANSWERS
    assert "0 10:a:b 0" not in journal.answers
