"""A serving process loads what its plan says."""

from dataclasses import asdict, replace

from blipkit import Bucket, isolate, load_checkpoint, trace
from blipkit.frames.frames import synthetic_frames
from blipkit.frames.images import image_in
from blipkit.frames.jpeg import as_jpegs
from blipkit.frames.questions import Question
from blipkit.serving.answering import (
    NOTHING,
    Answering,
    FrameSource,
    by_generate,
    by_pipeline,
    make_handler,
    place_of,
)


def test_the_harness_alone_answers_nothing():
    """One empty list of answers for each frame, and nothing is loaded for it."""
    plan = Answering("none", [], [], FrameSource("synthetic", 3, 7), NOTHING, 1)
    assert make_handler(asdict(plan))([0, 2]) == [[], []]


def test_it_answers_about_the_frames_by_their_index(small, artifact_root):
    """Whichever way the compiled components are called, from their folders alone."""
    artifacts = trace(isolate(small), artifact_root, "torchscript", shapes=Bucket(1, 1, 8, 2, 3))
    places = [place_of(artifact) for artifact in artifacts]
    plan = Answering(
        small.source, places, ["is the dog barking?"], FrameSource("synthetic", 3, 3), "pipeline", 1
    )
    together = make_handler(asdict(plan))([0, 1, 2])
    apart = [make_handler(asdict(plan))([index])[0] for index in range(3)]
    assert len(together) == 3 and together == apart


def test_it_answers_about_the_pictures_that_travel(small, artifact_root):
    """Each decoded where it is served; as about the same picture decoded before."""
    artifacts = trace(isolate(small), artifact_root, "torchscript", shapes=Bucket(1, 1, 8, 2, 3))
    places = [place_of(artifact) for artifact in artifacts]
    frames = FrameSource("synthetic", 2, 3)
    plan = Answering(small.source, places, ["is the dog barking?"], frames, "pipeline from JPEG", 1)
    jpegs = as_jpegs(frames.load())
    assert plan.asked() == jpegs and replace(plan, call="pipeline").asked() == [0, 1]
    ask = by_pipeline(small, artifacts, [Question("is the dog barking?")])
    assert make_handler(asdict(plan))(jpegs) == ask([image_in(jpeg) for jpeg in jpegs])


def test_generate_answers_what_the_pipeline_does(artifact_root):
    """Both ways to call the compiled components end in the same answers to open questions."""
    pets = load_checkpoint("builtin:tiny-pets")
    artifacts = trace(isolate(pets), artifact_root, "eager", shapes=Bucket(1, 1, 8, 2, 4))
    asked = [Question("what is the dog doing?", None)]
    ways = [call(pets, artifacts, asked) for call in (by_pipeline, by_generate)]
    for frame in synthetic_frames(3, 5):
        assert ways[0]([frame.image]) == ways[1]([frame.image])
