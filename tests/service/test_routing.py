"""Shares are exact, whatever happens to the backends meanwhile."""

from collections import Counter

import hypothesis
import pytest
from hypothesis import strategies as st

from blipkit.errors import BadInput
from blipkit.service.routing import Router, check_weights, first_alone

WEIGHTS = st.lists(st.integers(0, 20), min_size=1, max_size=5).filter(any)


@hypothesis.given(WEIGHTS)
def test_each_gets_its_share_exactly(numbers):
    """Over as many requests as the weights are in all, each backend gets as many as its weight; never more than one ahead."""
    weights = {f"b{place}": weight for place, weight in enumerate(numbers)}
    router, total, counts = Router(weights), sum(numbers), Counter()
    for sent in range(1, total + 1):
        counts[router.choose(weights)] += 1
        for name, weight in weights.items():
            assert abs(counts[name] - sent * weight / total) < len(weights)
    assert counts == Counter({name: weight for name, weight in weights.items() if weight})


@hypothesis.given(WEIGHTS, st.lists(st.sets(st.integers(0, 4)), max_size=40))
def test_only_the_eligible_with_a_weight_are_chosen(numbers, turns):
    """Whoever is gone, or has weight 0, gets nothing; None only where nobody is left."""
    weights = {f"b{place}": weight for place, weight in enumerate(numbers)}
    router = Router(weights)
    for eligible in ({f"b{place}" for place in turn} for turn in turns):
        taking = {name for name in weights if name in eligible and weights[name] > 0}
        chosen = router.choose(eligible)
        assert (chosen in taking) if taking else chosen is None


def test_a_share_of_one_that_is_gone_is_taken_over_by_weight():
    """With a gone, b and c share by 3 to 1; then a has its half again."""
    router = Router({"a": 60, "b": 30, "c": 10})
    assert Counter(router.choose({"b", "c"}) for _ in range(40)) == {"b": 30, "c": 10}
    assert Counter(router.choose({"a", "b", "c"}) for _ in range(100))["a"] in (59, 60, 61)


def test_weights_change_from_the_next_request_on():
    """After the change nothing is owed from before."""
    router = Router(first_alone(["gpu", "inf2"]))
    assert {router.choose({"gpu", "inf2"}) for _ in range(7)} == {"gpu"}
    router.set({"gpu": 0, "inf2": 100})
    assert {router.choose({"gpu", "inf2"}) for _ in range(7)} == {"inf2"}


REFUSED = [
    ({"gpu": 90, "inf": 10}, "weights name 'inf'; did you mean 'inf2'?"),
    ({"gpu": 90, "inf2": 5}, r"weights \(gpu=90, inf2=5\) are 95 in all; expected 100"),
    ({}, r"weights \(none\) are 0 in all"),
    ({"gpu": 101, "inf2": -1}, "weight of gpu is 101; expected percent, 0 to 100"),
    ({"gpu": "100"}, "weight of gpu is '100'; expected percent"),
    ({"gpu": True, "inf2": 99}, "weight of gpu is True"),
    ({"gpu": float("nan")}, "weight of gpu is nan"),
]


@pytest.mark.parametrize(("weights", "said"), REFUSED)
def test_weights_that_are_none_are_refused(weights, said):
    """By the backend, with what was expected."""
    with pytest.raises(BadInput, match=said):
        check_weights(weights, ["gpu", "inf2"])


def test_a_backend_that_is_not_named_gets_nothing():
    """So `gpu=100` is all of it."""
    assert check_weights({"gpu": 100}, ["gpu", "inf2"]) == {"gpu": 100.0, "inf2": 0.0}
