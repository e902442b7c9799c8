"""`trace` compiles components with a runner and skips what is already compiled."""

import contextlib
import gc
import hashlib
import importlib
import inspect
import itertools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from filelock import FileLock

from blipkit.display.progress import Steps
from blipkit.errors import BadInput, BlipkitError
from blipkit.machine import child, host
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import Checkpoint, load_unchanged
from blipkit.model.components import (
    Component,
    Components,
    check_bucket,
    default_bucket,
    isolate,
)
from blipkit.runners.adopted import place_of
from blipkit.runners.arms import Arm, get_runner, is_forkable
from blipkit.runners.artifacts import (
    Artifacts,
    CompileJob,
    read_artifact,
    set_aside,
    write_artifact,
)
from blipkit.runners.neuron.messages import explain_error, read_log
from blipkit.runners.neuron.options import check_flags
from blipkit.runners.spec import Build

TIMEOUT_S = 3600  # for all that one child compiles
COMPILING = "compiling"  # begins the line by which a child says what it is at
COMPILED_BY = ("torch", "transformers", "torch-neuronx", "torch-xla", "libneuronxla", "neuronx-cc")


@dataclass(frozen=True)
class Failure:
    """A component that could not be compiled, and why."""

    job: CompileJob
    reason: str

    def __str__(self) -> str:
        job = self.job
        return f"{job.component} for '{job.arm}', bucket {job.bucket}: {self.reason}"


class NotCompiled(BlipkitError):
    """Some components could not be compiled.

    failures: which, and why; compiled: the artifacts of all others, for each arm that was asked
    for.
    """

    def __init__(self, failures: list[Failure], compiled: list[Artifacts]):
        super().__init__("\n".join(map(str, failures)))
        self.failures = failures
        self.compiled = compiled


def build_of(
    component: Component, arm: Arm, bucket: Bucket, compiler_flags: Sequence[str] = ()
) -> Build:
    """What the compiled file of a component is built from, for an arm and a bucket."""
    runner = get_runner(arm)
    modules = [inspect.getmodule(type(component.module)), runner]
    modules += [importlib.import_module(name) for name in arm.spec.code]
    code = "".join(map(inspect.getsource, modules))
    versions = host.versions()
    return Build(
        component=component.name,
        runner=arm.runner,
        precision=arm.precision,
        device=arm.device,
        weights_digest=component.digest,
        code_digest=hashlib.sha256(code.encode()).hexdigest()[:16],
        input_shapes=component.plain_shapes(bucket),
        output_shape=list(component.output_shape(bucket)),
        flags=_flags(runner, arm.precision, tuple(compiler_flags)),
        versions={name: versions[name] for name in COMPILED_BY if name in versions},
    )


def _flags(runner: ModuleType, precision: str, compiler_flags: tuple[str, ...]) -> dict[str, Any]:
    """What a runner tells its compiler; empty where it tells nothing."""
    if not hasattr(runner, "flags"):
        return {}
    return runner.flags(precision, compiler_flags)


def trace(
    components: Components,
    folder: str | Path,
    runner="torchscript",
    dtype="float32",
    device="cpu",
    **options,
) -> Artifacts:
    """Compile every component for every bucket into `folder`, in a child process; what is there
    under the same key is skipped.

    dtype: the arm's precision, as an arm's text has it; options: shapes and compiler_flags, as
    `trace_arms` takes them. Two processes may ask for the same artifacts: the second waits, and
    finds them compiled.
    """
    return trace_arms(components, folder, [Arm(runner, dtype, device)], **options)[0]


def trace_arms(
    components: Components,
    folder: str | Path,
    arms: Sequence[Arm],
    shapes: Bucket | Sequence[Bucket] | None = None,
    compiler_flags: Sequence[str] = (),
) -> list[Artifacts]:
    """`trace` for several arms, in one child: to import torch and load the checkpoint takes longer
    than to compile most components.

    A runner whose compiler is a program of its own, which may crash, gets a child for each
    component. shapes: a bucket or several, else the checkpoint's default one; compiler_flags: for
    neuronx-cc, such as --optlevel=2. NotCompiled, after all were tried, where some failed.
    """
    folder = Path(folder)
    jobs = plan(components, folder, arms, shapes, compiler_flags)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        for unfinished in folder.glob("*.part"):  # whoever was writing it was killed
            shutil.rmtree(unfinished)
        # one for each folder: two buckets may share one
        missing = {job.folder: job for job in jobs if not job.folder.is_dir()}
        failures = _compile_missing(components, list(missing.values()))
    failed = {failure.job.folder for failure in failures}
    compiled = [
        Artifacts(
            read_artifact(job.folder, job.bucket, skipped=job.folder not in missing)
            for job in jobs
            if job.arm == arm and job.folder not in failed
        )
        for arm in arms
    ]
    if failures:
        raise NotCompiled(failures, compiled)
    return compiled


def plan(
    components: Components,
    folder: Path,
    arms: Sequence[Arm],
    shapes: Bucket | Sequence[Bucket] | None = None,
    compiler_flags: Sequence[str] = (),
) -> list[CompileJob]:
    """What `trace_arms` would compile if nothing were there: a job for each component, bucket and
    arm.
    """
    check_flags(compiler_flags)
    buckets = _buckets(components.checkpoint, shapes)
    for bucket in buckets:
        check_bucket(components.checkpoint, bucket)
    jobs = []
    # arms go innermost: runners share work between a component's arms
    for component, bucket, arm in itertools.product(components, buckets, arms):
        build = build_of(component, arm, bucket, compiler_flags)
        place = place_of(folder, arm, build)
        jobs.append(CompileJob(component.name, bucket, arm, place, tuple(compiler_flags)))
    return jobs


def _buckets(checkpoint: Checkpoint, shapes: Bucket | Sequence[Bucket] | None) -> list[Bucket]:
    """The buckets to compile for, as `trace_arms` takes them."""
    if shapes is None:
        return [default_bucket(checkpoint)]
    if isinstance(shapes, Bucket):
        return [shapes]
    return list(shapes)


def _compile_missing(components: Components, jobs: Sequence[CompileJob]) -> list[Failure]:
    """Compile each job where its runner needs it: in this process, in one child with others, or
    alone in a child. Returns what failed.
    """
    alone = []
    together = []
    here = []
    for job in jobs:
        runner = get_runner(job.arm)
        if hasattr(runner, "environment"):
            alone.append(job)
        elif hasattr(runner, "compile"):
            together.append(job)
        else:
            here.append(job)
    if together:
        _compile_in_child(components.checkpoint, together)
    compile_jobs(components, here)
    return _compile_alone(components.checkpoint, alone)


def _compile_in_child(
    checkpoint: Checkpoint, jobs: Sequence[CompileJob], environment: dict[str, str] = {}
) -> None:
    """Compile jobs in one child; environment: variables that it gets besides ours."""
    asked = {
        "source": checkpoint.source,
        "digest": checkpoint.digest,
        "jobs": [job.to_json() for job in jobs],
    }
    forked = all(is_forkable(job.arm) for job in jobs)
    target = "blipkit.runners.compile:compile_from_source"
    with Steps(len(jobs), "compiling") as steps:
        compiling = child.start(target, asked, forked=forked, environment=environment)
        compiling.listen(partial(_begin_step, steps))
        compiling.result(TIMEOUT_S)


def _begin_step(steps: Steps, line: str) -> None:
    """Tell that the child begins with a component, where a line that it printed says so."""
    if line.startswith(COMPILING):
        steps.begin(line.removeprefix(COMPILING).strip())


def _compile_alone(checkpoint: Checkpoint, jobs: Sequence[CompileJob]) -> list[Failure]:
    """Compile each job in a child of its own, which may die. Returns what failed."""
    failures = []
    for job in jobs:
        environment = get_runner(job.arm).environment()
        try:
            _compile_in_child(checkpoint, [job], environment)
        except BadInput:
            raise
        except BlipkitError as error:
            failures.append(_failure(job, error))
    return failures


def _failure(job: CompileJob, error: BlipkitError) -> Failure:
    """Why a job failed, and where the files are that its compiler left."""
    files = set_aside(job.folder)
    reason = explain_error(error, read_log(files))
    if files.is_dir():
        reason += f"; the compiler's files: {files}"
    return Failure(job, reason)


def compile_from_source(source: str, digest: str, jobs: list[dict]) -> None:
    """In the child: load the checkpoint, check that it is the parent's, and compile the jobs, which
    are as JSON has them.
    """
    components = isolate(load_unchanged(source, digest))
    # a search for garbage among all that was imported takes 0.2 s, which no component should pay
    gc.collect()
    gc.freeze()
    compile_jobs(components, [CompileJob.from_json(values) for values in jobs])


def compile_jobs(components: Components, jobs: Sequence[CompileJob]) -> None:
    """Compile each job into its folder, in this process."""
    for job in jobs:
        component = components[job.component]
        runner = get_runner(job.arm)
        if hasattr(runner, "compile"):
            # where the compiler crashes, the child's last line says on what
            print(f"{COMPILING} {job.component} for {job.arm}, bucket {job.bucket}", flush=True)
        build = build_of(component, job.arm, job.bucket, job.compiler_flags)
        compile_component = getattr(runner, "compile", compile_nothing)
        inputs = component.example_inputs(job.bucket)
        with refused_by_name(component, job.arm):
            write_artifact(job.folder, build, compile_component, component.module, inputs)


def compile_nothing(path: Path, build: Build, module, inputs) -> None:
    """Write a file that says that there is nothing to compile, so that every arm has one."""
    path.write_text("nothing to compile: the component runs as it is, or returns zeros\n")


@contextlib.contextmanager
def refused_by_name(component: Component, arm: Arm):
    """Name the component in what a runner refuses inside: the runner does not know its name."""
    try:
        yield
    except BadInput as error:
        raise BadInput(f"{component.name} cannot be compiled for '{arm}': {error}") from None
