"""Does a Neuron artifact answer more than once on this machine?

One field report of 2026 has an artifact that was compiled without a device, ran once, and hung at
its second call. So each is called twice under a time limit, in a process that can be killed, before
anything else loads it: once for each artifact and machine, which a file beside it remembers.
"""

import contextlib
import hashlib
import platform
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from blipkit.display.progress import note
from blipkit.errors import BlipkitError, WorkerGone
from blipkit.reading.files import MB, read_bytes
from blipkit.reading.json_text import parse_object
from blipkit.records.writing import write_document
from blipkit.runners.artifacts import Artifact
from blipkit.runners.neuron.doctor import driver_version
from blipkit.runners.workers import Load, Run, Worker, on_first_core

CALLED_TWICE = "called_twice.json"  # beside the manifest, which is sealed
LOAD_LIMIT_S = 300
# the runtime gives an execution up after 30 s, says its table of variables; one takes milliseconds
CALL_LIMIT_S = 60


def check_second_calls(artifacts: Iterable[Artifact]) -> None:
    """Call each artifact that holds a NeuronCore twice, on the first core, unless this machine has
    done so.

    BlipkitError names the one that gives no answer in time, and what to do.
    """
    unknown = {
        artifact.folder: artifact
        for artifact in artifacts
        if artifact.arm.spec.holds_core and not is_remembered(artifact)
    }
    if not unknown:
        return
    note(f"calling twice what this machine has not run before: {len(unknown)} components")
    runs_components = "blipkit.runners.workers:run_components"
    worker = Worker(runs_components, environment=on_first_core())
    with contextlib.closing(worker):
        for artifact in unknown.values():
            call_twice(worker, artifact)
            remember(artifact)


def call_twice(worker: Worker, artifact: Artifact) -> None:
    """Load an artifact in a worker and call it twice; a worker that gives no answer in time is
    killed.
    """
    run = Run(artifact.folder, example_arrays(artifact))
    tries = {
        "loading it": (Load(artifact.folder), LOAD_LIMIT_S),
        "its first call": (run, CALL_LIMIT_S),
        "its second call": (run, CALL_LIMIT_S),
    }
    for what, (message, limit_s) in tries.items():
        try:
            worker.ask(message, timeout_s=limit_s)
        except WorkerGone as error:
            raise BlipkitError(_did_not_answer(artifact, what, str(error))) from None


def _did_not_answer(artifact: Artifact, what: str, error: str) -> str:
    """What was seen, what may be the cause, what to do."""
    name = f"{artifact.component} of '{artifact.arm}', bucket {artifact.bucket}"
    known = "one report has this of an artifact that was compiled without a device"
    compiled = f"this one was compiled on {artifact.manifest.compiled_on}"
    advice = f"compile on the device: delete {artifact.folder} and run 02_trace here"
    return f"{name}: {what} failed: {error}\n{known}; {compiled}\n{advice}"


def example_arrays(artifact: Artifact) -> list[np.ndarray]:
    """Inputs full of ones: a token, a place that counts, a number like any other."""
    inputs = artifact.build.input_shapes.values()
    return [np.ones(shape, dtype=number_format) for shape, number_format in inputs]


def this_machine() -> str:
    """What tells this machine with its driver from others: a digest, so that no name is handed on
    with the artifact.
    """
    name = f"{platform.node()} {driver_version()}"
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def is_remembered(artifact: Artifact) -> bool:
    """Whether this machine has called an artifact twice before."""
    return this_machine() in remembered(artifact.folder / CALLED_TWICE)


def remembered(path: Path) -> list[str]:
    """The machines that a file names; none where it cannot be read, or says something else."""
    try:
        written = read_bytes(path, MB, "expected the machines that called an artifact twice")
        machines = parse_object(written).get("machines")
    except (OSError, ValueError, BlipkitError):
        return []
    if not isinstance(machines, list):
        return []
    return [machine for machine in machines if isinstance(machine, str)]


def remember(artifact: Artifact) -> None:
    """Write down that this machine called an artifact twice; where nothing can be written beside
    it, it is called again the next time.
    """
    path = artifact.folder / CALLED_TWICE
    machines = [*remembered(path), this_machine()]
    with contextlib.suppress(OSError, BlipkitError):
        write_document(path, {"machines": machines})
