"""`trace` compiles components with a runner and skips what is already compiled."""

import contextlib
import hashlib
import importlib
import inspect
import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from filelock import FileLock

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
    output_shape,
)
from blipkit.runners.arms import Arm, get_runner
from blipkit.runners.artifacts import (
    Artifacts,
    CompileJob,
    artifact_folder,
    read_artifact,
    set_aside,
    write_artifact,
)
from blipkit.runners.neuron.messages import explain
from blipkit.runners.neuron.options import check_flags

COMPILE_LIMIT_S = 3600
COMPILED_BY = ("torch", "transformers", "torch-neuronx", "torch-xla", "libneuronxla", "neuronx-cc")


class NotCompiled(BlipkitError):
    """Some components could not be compiled: `rows` says which and why; `compiled`, what the others
    came to, by arm.
    """

    def __init__(self, rows: list[dict], compiled: list[Artifacts]):
        told = [
            f"{row['component']} for '{row['arm']}', bucket {row['bucket']}: {row['failed']}"
            for row in rows
        ]
        super().__init__("\n".join(told))
        self.rows = rows
        self.compiled = compiled


def describe(
    component: Component, arm: Arm, bucket: Bucket, compiler_flags: Sequence[str] = ()
) -> dict:
    """Everything that the compiled file depends on; its hash is the artifact's key.

    Code counts too: a mask built differently is another artifact, though weights, shapes and
    versions are the same.
    """
    chosen = get_runner(arm)
    modules = [inspect.getmodule(type(component.module)), chosen]
    modules += [importlib.import_module(name) for name in arm.spec.code]
    code = "".join(map(inspect.getsource, modules))
    shapes = {}
    for name, (shape, dtype) in component.input_shapes(bucket).items():
        shapes[name] = [list(shape), str(dtype).removeprefix("torch.")]
    return {
        "component": component.name,
        "runner": arm.runner,
        "dtype": arm.dtype,
        "device": arm.device,
        "weights_digest": component.digest,
        "code_digest": hashlib.sha256(code.encode()).hexdigest()[:16],
        "input_shapes": shapes,
        "output_shape": list(output_shape(component, bucket)),
        "flags": _flags(chosen, arm.dtype, tuple(compiler_flags)),
        "versions": {
            name: version for name, version in host.versions().items() if name in COMPILED_BY
        },
    }


def _flags(runner: ModuleType, dtype: str, compiler_flags: tuple[str, ...]) -> dict:
    """What a runner tells its compiler; empty where it tells nothing."""
    if not hasattr(runner, "flags"):
        return {}
    return runner.flags(dtype, compiler_flags)


def trace(
    components: Components,
    folder: str | Path,
    runner="torchscript",
    dtype="float32",
    device="cpu",
    **how,
) -> Artifacts:
    """Compile every component for every bucket into `folder`, in a child process; skip what is
    there under the same key.

    Safe when two processes ask for the same artifacts: the second waits and finds them compiled.
    how: the shapes and compiler_flags of `trace_arms`.
    """
    return trace_arms(components, folder, [Arm(runner, dtype, device)], **how)[0]


def trace_arms(
    components: Components,
    folder: str | Path,
    arms: Sequence[Arm],
    shapes: Bucket | Sequence[Bucket] | None = None,
    compiler_flags: Sequence[str] = (),
) -> list[Artifacts]:
    """`trace` for several arms, in one child: importing torch and loading the checkpoint cost more
    than most components.

    A runner whose compiler is a program of its own, and may crash, has a child for each component.
    NotCompiled names those that failed, after all were tried. shapes: a bucket or several, else the
    checkpoint's default one; compiler_flags: for neuronx-cc, such as --optlevel=2.
    """
    folder = Path(folder)
    wanted = plan(components, folder, arms, shapes, compiler_flags)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        for half in folder.glob("*.part"):  # whoever was writing it was killed
            shutil.rmtree(half)
        missing = {place: of for of, place in wanted.items() if not place.is_dir()}
        jobs = [
            CompileJob(name, bucket, arm, place, tuple(compiler_flags))
            for place, (name, bucket, arm) in missing.items()
        ]
        failed = _compile_missing(components, jobs)
    there = {of: place for of, place in wanted.items() if place not in failed}
    compiled = [
        Artifacts(
            read_artifact(place, bucket, skipped=place not in missing)
            for (_, bucket, of_arm), place in there.items()
            if of_arm == arm
        )
        for arm in arms
    ]
    if failed:
        raise NotCompiled(list(failed.values()), compiled)
    return compiled


def plan(
    components: Components, folder: Path, arms, shapes=None, compiler_flags: Sequence[str] = ()
) -> dict:
    """(component name, bucket, arm) -> the folder that its artifact has, or will have, in
    `folder`.
    """
    check_flags(compiler_flags)
    checkpoint = next(iter(components)).checkpoint
    buckets = _buckets(checkpoint, shapes)
    for bucket in buckets:
        check_bucket(checkpoint, bucket)
    return {  # arms go innermost: runners share work between a component's arms
        (component.name, bucket, arm): artifact_folder(
            folder, arm, describe(component, arm, bucket, compiler_flags)
        )
        for component, bucket, arm in itertools.product(components, buckets, arms)
    }


def _buckets(checkpoint: Checkpoint, shapes: Bucket | Sequence[Bucket] | None) -> list[Bucket]:
    """The buckets to compile for, as `trace_arms` takes them."""
    if shapes is None:
        return [default_bucket(checkpoint)]
    if isinstance(shapes, Bucket):
        return [shapes]
    return list(shapes)


def _compile_missing(components: Components, jobs: Sequence[CompileJob]) -> dict[Path, dict]:
    """Compile each job where its runner wants it: here, in one child, or in its own. Folder -> what
    failed, and why.
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
    checkpoint = next(iter(components)).checkpoint
    if together:
        _compile_in_child(checkpoint, together)
    compile_jobs(components, here)
    return _compile_alone(checkpoint, alone)


def _compile_in_child(
    checkpoint: Checkpoint, jobs: Sequence[CompileJob], environment: dict[str, str] = {}
) -> None:
    """Compile jobs in one child; environment: variables that it gets besides ours."""
    child.call(
        "blipkit.runners.compile:compile_from_source",
        timeout_s=COMPILE_LIMIT_S,
        environment=environment,
        source=checkpoint.source,
        digest=checkpoint.digest,
        jobs=[job.to_json() for job in jobs],
    )


def _compile_alone(checkpoint: Checkpoint, jobs: Sequence[CompileJob]) -> dict[Path, dict]:
    """Compile each job in a child of its own, which may die. Folder -> what failed, and why."""
    failed = {}
    for job in jobs:
        environment = get_runner(job.arm).environment()
        try:
            _compile_in_child(checkpoint, [job], environment)
        except BadInput:
            raise
        except BlipkitError as error:
            failed[job.folder] = _failed_row(job, error)
    return failed


def _failed_row(job: CompileJob, error: BlipkitError) -> dict:
    """What could not be compiled, and why; what its compiler left is set aside."""
    reason = explain(str(error))
    kept = set_aside(job.folder)
    if kept.is_dir():
        reason += f"; the compiler's files: {kept}"
    return {
        "arm": str(job.arm),
        "component": job.component,
        "bucket": str(job.bucket),
        "failed": reason,
    }


def compile_from_source(source: str, digest: str, jobs: list[dict]) -> None:
    """In the child: load the checkpoint, check that it is the same one, compile."""
    components = isolate(load_unchanged(source, digest))
    compile_jobs(components, [CompileJob.from_json(told) for told in jobs])


def compile_jobs(components: Components, jobs: Sequence[CompileJob]) -> None:
    """Compile each job into its folder, in this process."""
    for job in jobs:
        component = components[job.component]
        runner = get_runner(job.arm)
        if hasattr(runner, "compile"):
            # the last line names a crash
            print(f"compiling {job.component} for {job.arm}, bucket {job.bucket}", flush=True)
        about = describe(component, job.arm, job.bucket, job.compiler_flags)
        compiler = getattr(runner, "compile", compile_nothing)
        inputs = component.example_inputs(job.bucket)
        with refused_by_name(component, job.arm):
            write_artifact(job.folder, about, compiler, component.module, inputs)


def compile_nothing(path: Path, manifest, module, inputs) -> None:
    """Say that there is nothing to compile, in order that every arm has a file."""
    path.write_text("nothing to compile: the component runs as it is, or returns zeros\n")


@contextlib.contextmanager
def refused_by_name(component: Component, arm: Arm):
    """Say which component it is that cannot be compiled: a runner does not know what the module is
    called.
    """
    try:
        yield
    except BadInput as error:
        raise BadInput(f"{component.name} cannot be compiled for '{arm}': {error}") from None
