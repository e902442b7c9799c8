"""`trace` compiles components with a runner and skips what is already compiled."""

import contextlib
import hashlib
import importlib
import inspect
import itertools
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock

from blipkit.errors import BadInput, BlipkitError
from blipkit.machine import child, host
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import load_unchanged
from blipkit.model.components import (
    Component,
    Components,
    check_bucket,
    default_bucket,
    isolate,
    output_shape,
)
from blipkit.runners.arms import Arm, get_runner, parse_arm
from blipkit.runners.artifacts import (
    Artifacts,
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
        self.rows, self.compiled = rows, compiled


def describe(
    component: Component, arm: Arm, bucket: Bucket, compiler_flags: Sequence[str] = ()
) -> dict:
    """Everything that the compiled file depends on; its hash is the artifact's key.

    Code counts too: a mask built differently is another artifact, though weights, shapes and
    versions are the same.
    """
    chosen = get_runner(arm)
    modules = [
        inspect.getmodule(type(component.module)),
        chosen,
        *map(importlib.import_module, arm.spec.code),
    ]
    code = "".join(map(inspect.getsource, modules))
    inputs = component.input_shapes(bucket).items()
    shapes = {
        name: [list(shape), str(dtype).removeprefix("torch.")] for name, (shape, dtype) in inputs
    }
    return {
        "component": component.name,
        **arm._asdict(),
        "weights_digest": component.digest,
        "code_digest": hashlib.sha256(code.encode()).hexdigest()[:16],
        "input_shapes": shapes,
        "output_shape": list(output_shape(component, bucket)),
        "flags": chosen.flags(arm.dtype, tuple(compiler_flags)) if hasattr(chosen, "flags") else {},
        "versions": {
            name: version for name, version in host.versions().items() if name in COMPILED_BY
        },
    }


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
    folder, wanted = Path(folder), plan(components, Path(folder), arms, shapes, compiler_flags)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        for half in folder.glob("*.part"):  # whoever was writing it was killed
            shutil.rmtree(half)
        missing = {place: of for of, place in wanted.items() if not place.is_dir()}
        jobs = [
            [n, asdict(b), str(a), str(place), list(compiler_flags)]
            for place, (n, b, a) in missing.items()
        ]
        failed = _compile_missing(components, jobs)
    there = {of: place for of, place in wanted.items() if place not in failed}
    compiled = [
        Artifacts(
            read_artifact(p, b, skipped=p not in missing)
            for (_, b, a), p in there.items()
            if a == arm
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
    buckets = (
        [shapes or default_bucket(checkpoint)]
        if isinstance(shapes, Bucket | None)
        else list(shapes)
    )
    for bucket in buckets:
        check_bucket(checkpoint, bucket)
    return {  # arms go innermost: runners share work between a component's arms
        (component.name, bucket, arm): artifact_folder(
            folder, arm, describe(component, arm, bucket, compiler_flags)
        )
        for component, bucket, arm in itertools.product(components, buckets, arms)
    }


def _compile_missing(components: Components, jobs: list) -> dict[Path, dict]:
    """Compile each job where its runner wants it: here, in one child, or in its own. Folder -> what
    failed, and why.
    """
    checkpoint, failed = next(iter(components)).checkpoint, {}

    def compile_in_child(jobs: list, **environment) -> None:
        about = {
            "source": checkpoint.source,
            "digest": checkpoint.digest,
            "environment": environment,
        }
        child.call(
            "blipkit.runners.compile:compile_from_source",
            timeout_s=COMPILE_LIMIT_S,
            jobs=jobs,
            **about,
        )

    chosen = [(job, get_runner(parse_arm(job[2]))) for job in jobs]
    alone = [
        (job, runner.environment()) for job, runner in chosen if hasattr(runner, "environment")
    ]
    together = [
        job
        for job, runner in chosen
        if hasattr(runner, "compile") and not hasattr(runner, "environment")
    ]
    if together:
        compile_in_child(together)
    compile_jobs(components, [job for job, runner in chosen if not hasattr(runner, "compile")])
    for job, environment in alone:
        try:
            compile_in_child([job], **environment)
        except BadInput:
            raise
        except BlipkitError as error:
            name, sizes, arm, place, _ = job
            kept = set_aside(Path(place))
            left = f"; the compiler's files: {kept}" if kept.is_dir() else ""
            about = {"arm": arm, "component": name, "bucket": str(Bucket(**sizes))}
            failed[Path(place)] = {**about, "failed": f"{explain(str(error))}{left}"}
    return failed


def compile_from_source(source: str, digest: str, jobs: list) -> None:
    """In the child: load the checkpoint, check that it is the same one, compile."""
    compile_jobs(isolate(load_unchanged(source, digest)), jobs)


def compile_jobs(components: Components, jobs: list) -> None:
    """Compile each job, [component name, bucket's sizes, arm, folder, compiler flags]."""
    for name, sizes, text, place, compiler_flags in jobs:
        component, bucket, arm = components[name], Bucket(**sizes), parse_arm(text)
        chosen = get_runner(arm)
        if hasattr(chosen, "compile"):
            # the last line names a crash
            print(f"compiling {name} for {arm}, bucket {bucket}", flush=True)
        about = describe(component, arm, bucket, compiler_flags)
        with refused_by_name(component, arm):
            compiler = getattr(chosen, "compile", compile_nothing)
            write_artifact(
                Path(place), about, compiler, component.module, component.example_inputs(bucket)
            )


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
