import pytest

from blipkit import Bucket
from blipkit.errors import BadInput
from blipkit.model.buckets import parse_buckets


def test_sizes_that_are_not_named_keep_their_defaults():
    """A profile names what differs."""
    assert parse_buckets([{"frames": 4}, {}]) == [Bucket(frames=4), Bucket()]


@pytest.mark.parametrize(
    "sizes", [{"frames": 0}, {"tokens": -1}, {"questions": 1.5}, {"candidates": True}]
)
def test_a_bucket_has_whole_positive_sizes(sizes):
    """Zero, negative and fractional sizes are refused by name."""
    with pytest.raises(BadInput, match=next(iter(sizes))):
        Bucket(**sizes)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{"frame": 1}], "did you mean 'frames'"),
        ([{"tokens": 0}], "tokens is 0"),
    ],
)
def test_bad_buckets_are_named(entries, message):
    """A bucket that cannot be is refused with what was seen."""
    with pytest.raises(BadInput, match=message):
        parse_buckets(entries)


@pytest.mark.parametrize(
    "sizes", [{"frames": 10_001}, {"questions": 10**6}, {"tokens": 10**9}, {"candidates": 10**8}]
)
def test_a_bucket_that_no_memory_holds_is_refused(sizes):
    """Before anything of its shapes is made."""
    with pytest.raises(BadInput, match="at once; expected at most 10,000 frames and 10,000,000"):
        Bucket(**sizes)
