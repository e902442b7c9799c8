"""What refuses a grid before anything is measured, where no profile of the repository shows it."""

import pytest

from blipkit.errors import BadInput
from blipkit.load.checks import check_batch_sizes, fills_batch
from blipkit.load.knobs import Concurrency
from blipkit.model.buckets import Bucket

BUCKETS = [Bucket(frames=1), Bucket(frames=4)]


def test_a_batch_needs_a_bucket_and_the_clients_to_fill_it():
    """Eight frames at once where a bucket takes four, or four where two clients ask, would be another batch than its name says."""
    check_batch_sizes(Concurrency(batch_sizes=[1, 4], clients=[1, 8]), BUCKETS)
    with pytest.raises(BadInput, match="8, and the largest bucket takes 4 frames at once; add one"):
        check_batch_sizes(Concurrency(batch_sizes=[1, 8], clients=[8]), BUCKETS)
    with pytest.raises(
        BadInput, match=r"4, and at most 2 clients ask; add 4 to concurrency\.clients"
    ):
        check_batch_sizes(Concurrency(batch_sizes=[4], clients=[1, 2]), BUCKETS)


@pytest.mark.parametrize(
    ("clients", "batch_size", "fills"), [(1, 1, True), (3, 4, False), (4, 4, True)]
)
def test_a_setting_is_measured_where_its_clients_fill_its_batch(clients, batch_size, fills):
    """One request is always a batch."""
    assert fills_batch(clients, batch_size) is fills
