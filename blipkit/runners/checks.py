"""What refuses the knobs of 02_trace before anything runs, where it takes more than one value to
see it.
"""

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
    """The environment to lower in must have the right versions, and be there where a lowering gate
    is required.
    """
    wanted = [gate for gate in required if gate.startswith("lowering ")]
    if find_stack(knobs.neuron_stack) is None and wanted:
        said = f"common.required names {wanted[0]!r}, and there is no environment to lower it in"
        raise BadInput(f"{said}: {MAKE_STACK} (8 GB), or require less: --set common.required=[]")


def check_exports(checkpoint, arms: Sequence[Arm], bucket) -> None:
    """An emulated arm starts from what torch.export makes of a component; the built-in checkpoints
    are known to export.
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
    """What the compiled components take: their weights in their format, once a bucket, less what is
    compiled already.
    """
    compiled = [arm for arm in arms if hasattr(runner_module(arm.runner), "compile")]
    weight_bytes = sum(arm.format.weight_bytes for arm in compiled)
    need = weight_bytes * weights * len(buckets) + SPARE_BYTES
    need -= sum(path.stat().st_size for path in (folder / "artifacts").rglob("*") if path.is_file())
    free = shutil.disk_usage(nearest_existing(folder)).free
    if free < need:
        seen = (
            f"the disk has {free / 1e9:.1f} GB free, the artifacts need about {need / 1e9:.1f} GB"
        )
        raise BadInput(f"{folder}: {seen}; free some, or pass --results on another disk")
