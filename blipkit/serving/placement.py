"""What answers under load: pipelines, and where they are placed. A server is a thread; what the servers share is the
placement: one pipeline in this process, a process each, or on Neuron a process or a context for each core. Importing
transformers' models takes seconds, which checking a profile should not: it waits until a pipeline is put together.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

import torch

from blipkit.errors import BadInput
from blipkit.frames.frames import load_frames
from blipkit.frames.questions import parse_questions
from blipkit.machine import child
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import load_checkpoint
from blipkit.runners.artifacts import Artifacts, read_artifact
from blipkit.runners.kinds import neuron
from blipkit.runners.neuron.messages import explained
from blipkit.runners.workers import Worker

START_S = 120  # allowance for a process to load a pipeline
NOTHING = "nothing"  # a call that answers without a model: what it takes is the harness's own
LIBRARIES_GIB = 1.0  # torch, transformers and torch_neuronx in memory: an estimate


def neuron_cores(artifacts: Artifacts) -> list[int]:
    """Numbers of the NeuronCores that these artifacts may run on, none for other arms; the runtime is asked in a child."""
    on_device = [artifact for artifact in artifacts if artifact.arm.spec.holds_core]
    for artifact in on_device:
        neuron.check_loadable(artifact.manifest)
    with explained():
        return neuron.visible_cores(_count_cores()) if on_device else []


@cache
def _count_cores() -> int:
    return child.call("blipkit.runners.kinds.neuron:count_cores", timeout_s=START_S)


def copies_of(placement: str, servers: int, cores: list[int]) -> int:
    """How many pipelines a placement holds."""
    if placement == "contexts" and not cores:
        said = "placement 'contexts' puts a pipeline on each NeuronCore"
        raise BadInput(f"{said}; for other arms take threads or processes")
    return 1 if placement == "threads" else min(servers, len(cores) or servers)


def predicted_gib(artifacts: Artifacts, copies: int) -> float:
    """Host memory that `copies` pipelines in processes of their own take: libraries, the checkpoint, the compiled files."""
    files = sum(path.stat().st_size for path in {artifact.path for artifact in artifacts})
    return copies * (LIBRARIES_GIB + 2 * files / 2**30)  # the checkpoint's weights are about as large as the files


def in_threads(stack, servers: int, cores: list[int], asked: dict):
    """All servers share one pipeline; on Neuron its pieces lie on whichever core the runtime takes."""
    return [answerer(**asked)] * servers, lambda: [neuron.executed()]


def in_contexts(stack, servers: int, cores: list[int], asked: dict):
    """One process with a pipeline on each core; server i asks that of core i."""
    asks = []
    for core in range(min(servers, len(cores))):  # counted among those that the process sees
        with neuron.on_core(core):
            asks.append(answerer(**asked))
    return [asks[i % len(asks)] for i in range(servers)], lambda: [neuron.executed()]


def in_processes(stack, servers: int, cores: list[int], asked: dict):
    """A process with a whole pipeline for each NeuronCore, or else for each server, on CPU cores of its own."""
    count = copies_of("processes", servers, cores)

    def start(number: int) -> Worker:
        lines = len(range(number, servers, count))
        only = {"NEURON_RT_VISIBLE_CORES": str(cores[number])} if cores else {}
        threads, here = asked["torch_threads"], sorted(getattr(os, "sched_getaffinity", lambda _: [])(0))
        own = [here[(number * threads + i) % len(here)] for i in range(threads)] if here and not cores else []
        return Worker("blipkit.serving.placement:answerer", lines, environment=only, threads=threads, cpus=own, **asked)

    with ThreadPoolExecutor(count) as pool:
        workers = list(pool.map(start, range(count)))
    for worker in workers:
        stack.callback(worker.close)

    asks = [partial(workers[i % count].ask, line=i // count) for i in range(servers)]
    return asks, lambda: [worker.ask("executed") for worker in workers]


PLACEMENTS = {"threads": in_threads, "processes": in_processes, "contexts": in_contexts}


def answerer(pieces, checkpoint, questions, frames, call, torch_threads, cpus=()) -> Callable:
    """Indices of frames -> the answers about each, by a pipeline loaded into this process, which keeps to `cpus`."""
    if cpus:
        os.sched_setaffinity(0, cpus)
    if call == NOTHING:
        return lambda frames: [[]] * len(frames)
    torch.set_num_threads(torch_threads)
    artifacts = Artifacts([read_artifact(Path(folder), Bucket(**sizes)) for folder, sizes in pieces])
    ask = CALLS[call](load_checkpoint(checkpoint), artifacts, parse_questions(questions))
    pictures = [frame.image for frame in load_frames(**frames)]  # decoded before anything is timed

    return lambda frames: ask([pictures[index] for index in frames])


def by_pipeline(checkpoint, artifacts: Artifacts, questions) -> Callable:
    """All questions about all images in one call of the pipeline."""
    from blipkit.runners.assemble import assemble

    pipeline = assemble(checkpoint, artifacts)
    return lambda images: [[a.text for a in row] for row in pipeline.answer(images, questions)]


def by_generate(checkpoint, artifacts: Artifacts, questions) -> Callable:
    """transformers' own `generate` on the plugged-in pieces, one question a call: the published recipe."""
    from blipkit.runners.assemble import plug_in

    model, processor = plug_in(checkpoint, artifacts), checkpoint.processor
    tokens = min(b.answer_tokens for b in artifacts.buckets)

    def ask(image) -> list[str]:
        given = [processor(images=image, text=q.text, return_tensors="pt") for q in questions]
        answers = [model.generate(**inputs, max_new_tokens=tokens)[0] for inputs in given]
        return [processor.decode(ids, skip_special_tokens=True) for ids in answers]

    return lambda images: [ask(image) for image in images]


CALLS = {"pipeline": by_pipeline, "generate": by_generate}
