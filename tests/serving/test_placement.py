"""Placements answer as without load, and what cannot be placed is refused before anything is loaded."""

from collections import namedtuple

import psutil
import pytest

from blipkit import Bucket, isolate, trace
from blipkit.errors import BadInput, BlipkitError
from blipkit.load.measure import Measured, measure_setting
from blipkit.load.setting import ServerOptions, Setting, Workload
from blipkit.runners.artifacts import Artifacts
from blipkit.serving.answering import FrameSource
from blipkit.serving.placement import copies_of


def measure(artifacts: Artifacts, source: str, placement: str = "threads") -> Measured:
    """Two servers and two clients on one question about three frames, briefly."""
    setting = Setting("torchscript float32", "pipeline", placement, 2, 2)
    frames = FrameSource("synthetic", 3, 3)
    work = Workload(source, ["is the dog barking?"], frames, seconds=0.3, warmup_s=0.0)
    return measure_setting(artifacts, setting, work, ServerOptions())


def test_servers_that_share_a_pipeline_answer_as_without_load(small, artifact_root):
    """Two threads, two clients: every request is answered as it was alone; test_measure has processes."""
    artifacts = trace(isolate(small), artifact_root, "torchscript", shapes=Bucket(1, 1, 8, 2, 3))
    measured = measure(artifacts, small.source)
    requests = measured.requests
    assert len(requests) > 2 and set(requests.status) == {"answered"}
    assert measured.execution is None
    assert set(requests.client) == {0, 1} and set(requests.worker) == {0, 1}


def test_a_placement_that_cannot_be_is_refused(small, artifact_root):
    """Contexts are of NeuronCores."""
    artifacts = trace(isolate(small), artifact_root, "torchscript", shapes=Bucket(1, 1, 8, 2, 3))
    with pytest.raises(BadInput, match="'contexts' puts a pipeline on each NeuronCore"):
        measure(artifacts, small.source, "contexts")
    with pytest.raises(BadInput, match="placement is 'process'; did you mean 'processes'?"):
        measure(artifacts, small.source, "process")


def test_more_pipelines_than_memory_are_refused_before_they_are_loaded(
    small, artifact_root, monkeypatch
):
    """Two pipelines on a host that has room for one; the message has both figures."""
    artifacts = trace(isolate(small), artifact_root, "torchscript", shapes=Bucket(1, 1, 8, 2, 3))
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: namedtuple("Memory", "available")(1.5 * 2**30)
    )
    with pytest.raises(
        BlipkitError,
        match=r"2 pipelines: about 2.0 GiB of host memory needed, 1.5 GiB free; take fewer",
    ):
        measure(artifacts, small.source, "processes")


def test_a_pipeline_for_each_core_and_no_more():
    """Servers beyond the cores share them; without cores, each server has its own process."""
    assert [copies_of("processes", servers, [0, 1]) for servers in (1, 2, 4)] == [1, 2, 2]
    assert copies_of("processes", 4, []) == 4 and copies_of("threads", 4, [0, 1]) == 1
    assert copies_of("contexts", 24, list(range(24))) == 24
