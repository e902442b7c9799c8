"""Placements answer as without load, and what cannot be placed is refused before anything is loaded."""

import contextlib
import types
from collections import namedtuple

import psutil
import pytest
from neuron_artifacts import written_artifact

from blipkit import Bucket, isolate, trace
from blipkit.errors import BadInput, BlipkitError
from blipkit.frames.source import FrameSource
from blipkit.load.checks import check_grid_time
from blipkit.load.host import check_cores
from blipkit.load.knobs import Concurrency
from blipkit.load.measure import Measured, measure_setting
from blipkit.load.setting import ServerOptions, Setting, Workload
from blipkit.runners.artifacts import Artifacts
from blipkit.serving import placement
from blipkit.serving.answering import NOTHING, Answering
from blipkit.serving.placement import copies_of, cpus_of


def measure(artifacts: Artifacts, source: str, placed: str = "threads") -> Measured:
    """Two servers and two clients on one question about three frames, briefly."""
    setting = Setting("torchscript float32", "pipeline", placed, 2, 2)
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


def test_processes_are_started_apart(monkeypatch):
    """By as many seconds as the profile says; none where it says none."""
    waited = []
    monkeypatch.setattr(placement, "time", types.SimpleNamespace(sleep=waited.append))
    monkeypatch.setattr(
        placement, "Worker", lambda *_, **__: types.SimpleNamespace(ask=print, close=list)
    )
    for gap in (0.0, 2.5):
        answering = Answering("none", [], [], None, NOTHING, 1, start_gap_s=gap)
        with contextlib.ExitStack() as stack:
            placement.in_processes(stack, 3, [0, 1, 2], answering)
            stack.pop_all()
    assert sorted(waited) == [0, 0, 0, 0, 2.5, 5]


def test_processes_leave_the_first_core_to_the_clients(monkeypatch):
    """Where there are enough; where there are not, all are shared out in turn."""
    monkeypatch.setattr(placement.os, "sched_getaffinity", lambda _: {4, 5, 6, 7}, raising=False)
    assert [cpus_of(number, 1, 3) for number in range(3)] == [[5], [6], [7]]
    assert [cpus_of(number, 2, 2) for number in range(2)] == [[4, 5], [6, 7]]
    assert [cpus_of(number, 3, 2) for number in range(2)] == [[4, 5, 6], [7, 4, 5]]


def test_what_a_core_cannot_hold_or_run_twice_is_refused_before_a_process_loads_it(
    monkeypatch, tmp_path
):
    """Each core holds a whole pipeline, but where threads share one; nothing is asked where there is no core."""
    artifacts, called = [written_artifact(tmp_path, size=10)], []
    monkeypatch.setattr("blipkit.runners.core_memory.CORE_LIMIT_GB", 10 / 1e9)
    monkeypatch.setattr("blipkit.load.host.check_second_calls", called.append)
    for name in ("processes", "contexts"):
        with pytest.raises(BlipkitError, match="puts 0.0 GB on a NeuronCore, graphs: 1"):
            check_cores(artifacts, name, [0, 1])
    check_cores(artifacts, "threads", [])
    assert called == []
    check_cores(artifacts, "threads", [0, 1])
    assert called == [artifacts]


def test_the_time_of_a_grid_counts_what_lies_between_the_starts():
    """Of processes; threads are started at once."""
    settings = {
        "servers": [4],
        "clients": [1, 2],
        "seconds": 1.0,
        "warmup": 0.0,
        "start_gap_s": 600.0,
    }
    with pytest.raises(
        BadInput, match=r"2 runs of about 1811 s, and those of our own overhead, take 61 minutes"
    ):
        check_grid_time(Concurrency(placements=["processes"], **settings), 3600)
    check_grid_time(Concurrency(placements=["threads"], **settings), 3600)
