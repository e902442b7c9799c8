"""What refuses a grid before anything is measured, where no profile of the repository shows it."""

import pytest

from blipkit.errors import BadInput
from blipkit.load.checks import (
    check_arms_under_load,
    check_batch_sizes,
    check_cores_for_clients,
    check_percentile,
    crowded_processes,
    fills_batch,
)
from blipkit.load.knobs import Concurrency
from blipkit.machine import host
from blipkit.model.buckets import Bucket
from blipkit.runners.arms import parse_arm

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


ARMS = [parse_arm("torchscript float32"), parse_arm("neuron matmult bf16")]


def test_processes_on_every_core_leave_none_to_the_clients(monkeypatch):
    """Two on two cores, or one of two threads, are refused, unless the profile says that cores are shared."""
    monkeypatch.setattr(host, "usable_cores", lambda: 2)
    both = Concurrency(placements=["threads", "processes"], servers=[1, 2])
    words = "of 2 servers with 1 threads each leave none of 2 cores to the clients; name fewer"
    with pytest.raises(BadInput, match=words):
        check_cores_for_clients(both, ARMS, threads=1)
    one = Concurrency(placements=["processes"], servers=[1])
    with pytest.raises(
        BadInput, match="processes of 1 servers with 2 threads each leave none of 2 cores"
    ):
        check_cores_for_clients(one, ARMS, threads=2)
    check_cores_for_clients(one, ARMS, threads=1)
    check_cores_for_clients(Concurrency(placements=["threads"], servers=[1, 2]), ARMS, threads=2)
    crowded = Concurrency(placements=["processes"], servers=[2], oversubscribe=True)
    check_cores_for_clients(crowded, ARMS, threads=1)
    assert crowded_processes(crowded, ARMS, 1).startswith("processes of 2")


@pytest.mark.parametrize(
    ("percentile", "words"),
    [(100.0, "expected less than 100"), (0.9, "percent, such as 90 or 99: is 90 meant")],
)
def test_a_percentile_is_percent(percentile, words):
    """A share in its place would make every target hold."""
    with pytest.raises(BadInput, match=words):
        check_percentile(Concurrency(percentile=percentile))
    check_percentile(Concurrency(percentile=50.0))


def test_an_arm_without_a_model_is_not_put_under_load():
    """Its time is our own overhead, which is measured anyway."""
    with pytest.raises(BadInput, match="'null float32' has no model: its time is our own overhead"):
        check_arms_under_load(Concurrency(), [parse_arm("null float32")])


def test_processes_that_hold_a_neuron_core_keep_to_no_core_of_the_cpu(monkeypatch):
    """Two NeuronCores on two vCPUs are what the machine is."""
    monkeypatch.setattr(host, "usable_cores", lambda: 2)
    check_cores_for_clients(Concurrency(placements=["processes"], servers=[2]), ARMS[1:], 1)
