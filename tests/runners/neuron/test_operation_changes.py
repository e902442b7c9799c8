"""What an upgrade changes in the operations that a component lowers to."""

from lowerings import row

from blipkit.runners.neuron.operation_changes import changed_operations


def test_an_upgrade_says_which_operations_came_and_went():
    """By count, for the same component and bucket, against the first earlier row that has any."""
    before = [row("5.0"), row("4.57", dot=3, sort=1), row("4.56", dot=9)]
    after = [row("5.23", dot=4, erf=1), row("5.23", bucket="new", dot=1)]
    (change,) = changed_operations(after, before)
    assert change.between == "transformers 4.57 -> 5.23"
    assert change.added == {"dot": 1, "erf": 1} and change.removed == {"sort": 1}


def test_nothing_changed_is_no_row():
    """Same versions and operations: nothing; other versions and the same operations: a row that says so."""
    assert changed_operations([row("5.23", dot=4)], [row("5.23", dot=4)]) == []
    (change,) = changed_operations([row("5.24", dot=4)], [row("5.23", dot=4)])
    assert (change.added, change.removed) == ({}, {})
    (change,) = changed_operations([row("5.23", dot=5)], [row("5.23", dot=4)])
    assert change.between == "the same versions" and change.added == {"dot": 1}
