import pytest

from blipkit import Bucket
from blipkit.buckets import parse_buckets
from blipkit.errors import BadInput
from blipkit.params import load_profile


def test_sizes_that_are_not_named_keep_their_defaults():
    """A profile names what differs."""
    assert parse_buckets([{"frames": 4}, {}]) == [Bucket(frames=4), Bucket()]


@pytest.mark.parametrize("sizes", [{"frames": 0}, {"tokens": -1}, {"questions": 1.5}, {"candidates": True}])
def test_a_bucket_has_whole_positive_sizes(sizes):
    """Zero, negative and fractional sizes are refused by name."""
    with pytest.raises(BadInput, match=next(iter(sizes))):
        Bucket(**sizes)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"frame": 1}], "did you mean 'frames'"),
        ([{"tokens": 0}], "tokens is 0"),
    ],
)
def test_bad_buckets_are_named(given, message):
    """A bucket that cannot be is refused with what was seen."""
    with pytest.raises(BadInput, match=message):
        parse_buckets(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("[]", "common: buckets is empty; expected at least one entry"),
        ("[3]", "common: buckets.0 is 3; expected a valid dictionary"),
        ("[{tokens: 0}]", "common: buckets.0.tokens is 0; expected more than zero"),
    ],
)
def test_a_profile_has_buckets(given, message):
    """What is no list of sizes is refused where the profile is read."""
    with pytest.raises(BadInput, match=message):
        load_profile("tiny", [f"common.buckets={given}"])
