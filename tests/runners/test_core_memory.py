"""What one NeuronCore is to hold is counted before anything is loaded."""

from dataclasses import replace
from pathlib import Path

import pytest
from neuron_artifacts import MATMULT, build_for

from blipkit.errors import BlipkitError
from blipkit.model.buckets import Bucket
from blipkit.runners.arms import Arm
from blipkit.runners.artifacts import Artifact, Manifest
from blipkit.runners.core_memory import CORE_LIMIT_GB, GB, check_core_memory

SMALL, LARGE = Bucket(1, 1, 6, 2, 3), Bucket(4, 5, 20, 2, 4)


def graph(number: int, gigabytes: float, bucket: Bucket = SMALL, arm: Arm = MATMULT) -> Artifact:
    """An artifact that was never written."""
    build = replace(build_for(arm.precision), runner=arm.runner)
    size = round(gigabytes * GB)
    manifest = Manifest(build, str(number), "compiled.pt", 1.0, size, "a machine", "")
    return Artifact(Path(f"/nowhere/{number}"), manifest, bucket)


def test_as_many_graphs_as_were_seen_to_fail_are_refused_with_what_to_leave_out():
    """Count, sizes, limit and its source; the largest bucket first."""
    graphs = [graph(number, 0.75) for number in range(6)]
    graphs += [graph(number, 0.75, LARGE) for number in range(6, 18)]
    check_core_memory(graphs[:-1])
    with pytest.raises(BlipkitError) as error:
        check_core_memory(graphs)
    said = str(error.value)
    assert (
        "neuron matmult bf16 puts 13.5 GB on a NeuronCore, graphs: 18, each with its weights"
        in said
    )
    assert f"from {CORE_LIMIT_GB:g} GB on in the one report there is" in said
    assert said.index(f"{LARGE} (9.00 GB)") < said.index(f"{SMALL} (4.50 GB)")
    assert "32 GiB for its 2 cores" in said and "common.buckets" in said


def test_a_graph_that_two_buckets_share_is_counted_once():
    """It is one file in one folder."""
    graphs = [graph(number % 9, 0.75, bucket) for number in range(9) for bucket in (SMALL, LARGE)]
    check_core_memory(graphs)


def test_what_is_spread_over_cores_or_is_on_none_may_be_more():
    """Threads share a pipeline whose graphs lie on all cores; other arms are in the host's memory."""
    graphs = [graph(number, 0.75) for number in range(18)]
    check_core_memory(graphs, cores=2)
    check_core_memory([graph(number, 5.0, arm=Arm("eager", "float32")) for number in range(9)])
