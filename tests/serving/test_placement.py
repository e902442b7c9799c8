"""Placements answer as without load, and what cannot be placed is refused before anything is loaded."""

from collections import namedtuple

import psutil
import pytest

from blipkit import Bucket, Question, isolate, load_checkpoint, trace
from blipkit.errors import BadInput, BlipkitError
from blipkit.frames.frames import drawn_frames
from blipkit.load.measure import measure_setting
from blipkit.serving.placement import by_generate, by_pipeline, copies_of


def test_generate_answers_what_the_pipeline_does(artifact_root):
    """Both ways to call the compiled pieces end in the same answers to open questions."""
    pets = load_checkpoint("builtin:tiny-pets")
    artifacts = trace(isolate(pets), artifact_root, "eager", shapes=Bucket(1, 1, 8, 2, 4))
    asked = [Question("what is the dog doing?", None)]
    ways = [make(pets, artifacts, asked) for make in (by_pipeline, by_generate)]
    for frame in drawn_frames(3, 5):
        assert ways[0]([frame.image]) == ways[1]([frame.image])


def test_servers_that_share_a_pipeline_answer_as_without_load(small, artifact_root):
    """Two threads, two clients: every request is answered as it was alone; test_load has processes."""
    artifacts = trace(isolate(small), artifact_root, "torchscript", shapes=Bucket(1, 1, 8, 2, 3))
    frames = {"source": "drawn", "count": 3, "seed": 3}
    found = measure_setting(artifacts, small.source, ["is the dog barking?"], frames, 2, 2, 0.3, 0.0, 1)
    assert len(found.requests) > 2 and set(found.requests.status) == {"answered"} and found.executions == []
    assert set(found.requests.client) == {0, 1} and set(found.requests.worker) == {0, 1}


def test_a_placement_that_cannot_be_is_refused(small, artifact_root):
    """Contexts are of NeuronCores."""
    artifacts = trace(isolate(small), artifact_root, "torchscript", shapes=Bucket(1, 1, 8, 2, 3))
    setting = (artifacts, small.source, ["is the dog barking?"], {}, 2, 2, 0.3, 0.0, 1)
    with pytest.raises(BadInput, match="'contexts' puts a pipeline on each NeuronCore"):
        measure_setting(*setting, placement="contexts")
    with pytest.raises(BadInput, match="placement is 'process'; did you mean 'processes'?"):
        measure_setting(*setting, placement="process")


def test_more_pipelines_than_memory_are_refused_before_they_are_loaded(small, artifact_root, monkeypatch):
    """Two pipelines on a host that has room for one; the message has both figures."""
    artifacts = trace(isolate(small), artifact_root, "torchscript", shapes=Bucket(1, 1, 8, 2, 3))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: namedtuple("Memory", "available")(1.5 * 2**30))
    with pytest.raises(
        BlipkitError, match=r"2 pipelines: about 2.0 GiB of host memory needed, 1.5 GiB free; take fewer"
    ):
        measure_setting(artifacts, small.source, ["x"], {}, 2, 2, 0.3, 0.0, 1, placement="processes")


def test_a_pipeline_for_each_core_and_no_more():
    """Servers beyond the cores share them; without cores, each server has its own process."""
    assert [copies_of("processes", servers, [0, 1]) for servers in (1, 2, 4)] == [1, 2, 2]
    assert copies_of("processes", 4, []) == 4 and copies_of("threads", 4, [0, 1]) == 1
    assert copies_of("contexts", 24, list(range(24))) == 24
