"""Checks of 02_trace's knobs that take more than one value, made before anything runs."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from blipkit.errors import BadInput
from blipkit.paths import nearest_existing
from blipkit.runners.arms import Arm
from blipkit.runners.knobs import Trace
from blipkit.runners.neuron.lowering import MAKE_STACK, find_stack
from blipkit.runners.spec import runner_module

SPARE_BYTES = 200e6  # notebooks, records and report beside the artifacts


def check_stack(knobs: Trace, required: Sequence[str]) -> None:
    """Refuse an environment to lower in that has other versions than the kit's, or that is missing
    where a lowering gate is required.
    """
    lowerings = [gate for gate in required if gate.startswith("lowering ")]
    if find_stack(knobs.neuron_stack) is None and lowerings:
        problem = f"common.required names {lowerings[0]!r}"
        advice = f"{MAKE_STACK} (8 GB), or require less: --set common.required=[]"
        raise BadInput(f"{problem}, and there is no environment to lower it in: {advice}")


def check_exports(checkpoint, arms: Sequence[Arm], bucket) -> None:
    """Refuse an emulated arm of a checkpoint whose components torch.export cannot take.

    The built-in checkpoints are known to export, and are not tried.
    """
    emulated = next((arm for arm in arms if arm.spec.emulated), None)
    if emulated is None or checkpoint.source.startswith("builtin:"):
        return
    from blipkit.model.components import isolate
    from blipkit.runners.compile import refused_by_name
    from blipkit.runners.neuron.casts import check_export

    for component in isolate(checkpoint):
        with refused_by_name(component, emulated):
            check_export(component.module, component.example_inputs(bucket))


def check_disk(folder: Path, weights: int, arms: Sequence[Arm], buckets: Sequence) -> None:
    """Refuse a disk that has no room for the compiled components.

    They take their weights in the arm's precision, once a bucket, less what is compiled already.
    weights: how many the checkpoint has.
    """
    compiled = [arm for arm in arms if hasattr(runner_module(arm.runner), "compile")]
    weight_bytes = sum(arm.weight_bytes for arm in compiled)
    need = weight_bytes * weights * len(buckets) + SPARE_BYTES
    need -= sum(path.stat().st_size for path in (folder / "artifacts").rglob("*") if path.is_file())
    free = shutil.disk_usage(nearest_existing(folder)).free
    if free < need:
        problem = f"the disk has {free / 1e9:.1f} GB free"
        needed = f"the artifacts need about {need / 1e9:.1f} GB"
        raise BadInput(
            f"{folder}: {problem}, {needed}; free some, or pass --results on another disk"
        )
