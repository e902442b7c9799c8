"""Where an arm that failed begins to err: its component cut after one, two, four ... blocks.

A rented device is not asked again: what it computed wrongly is kept before 03 stops.
"""

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from blipkit.errors import BlipkitError
from blipkit.machine import child
from blipkit.machine.scratch import ScratchFolder
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import load_unchanged
from blipkit.model.components import Component, isolate
from blipkit.model.pipeline import Step
from blipkit.parity.calls import Call, tensor_gate_name
from blipkit.parity.lacking import show_rows
from blipkit.parity.numbers import Numbers
from blipkit.records.gates import Gate
from blipkit.records.typed import measure_typed
from blipkit.runners.arms import REFERENCE, evidence_of, get_runner, is_forkable, parse_arm
from blipkit.runners.compile import build_of, compile_nothing
from blipkit.runners.tensors import relative_l2

TIMEOUT_S = 1800  # for one component, compiled as often as it is cut
# where the blocks of each component are
BLOCKS = {
    "image_encoder": "vision_model.encoder.layers",
    "text_encoder": "text_encoder.encoder.layer",
    "text_decoder": "text_decoder.bert.encoder.layer",
}


@dataclass(frozen=True)
class BlockError:
    """How far a failed component is from the reference's after so many of its blocks, as
    `parity_blocks` has it.

    relative_l2: of the worst call's inputs; None where it could not be computed, for a `problem`.
    """

    arm: str
    evidence: str
    component: str
    blocks: int
    relative_l2: float | None
    problem: str = ""


def follow_failures(numbers: Numbers, gates: Sequence[Gate]) -> list[BlockError]:
    """Keep the errors after so many blocks of each component whose gate failed, and show them."""
    measure = partial(errors_of_failed, numbers, {g.gate for g in gates if g.status == "FAIL"})
    rows = measure_typed(numbers.panel.study.results, "parity_blocks", BlockError, measure)
    if rows:
        show_rows(rows, "Where the error begins: components cut after so many blocks", "")
    return rows


def errors_of_failed(numbers: Numbers, failed: set[str]) -> list[BlockError]:
    """A row for each cut of each component whose gate is among those that failed."""
    worst = [call for key, call in numbers.worst.items() if tensor_gate_name(*key) in failed]
    here = [call for call in worst if call.component in BLOCKS and call.arm != REFERENCE]
    if not here:
        return []
    panel = numbers.panel
    steps = panel.engine.walk(panel.followed)
    rows = []
    for call in here:
        step = next(step for step in steps if step.component == call.component)
        rows += errors_in_child(panel, call, step)
    return rows


def errors_in_child(panel, call: Call, step: Step) -> list[BlockError]:
    """The rows of one component, compiled and run in a child: it may die, or hold a core."""
    arm = parse_arm(call.arm)
    runner = get_runner(arm)
    environment = runner.environment() if hasattr(runner, "environment") else {}
    nothing = BlockError(call.arm, evidence_of(call.arm), call.component, 0, None)
    with ScratchFolder() as folder:
        inputs = {str(place): tensor.contiguous() for place, tensor in enumerate(step.inputs)}
        save_file(inputs, Path(folder, "inputs.safetensors"))
        asked = {
            "source": panel.study.checkpoint.source,
            "digest": panel.study.checkpoint.digest,
            "arm": call.arm,
            "component": call.component,
            "bucket": asdict(step.bucket),
            "flags": list(panel.study.common.compiler_flags),
            "folder": folder,
        }
        try:
            errors = child.call(
                "blipkit.parity.blocks:errors_by_block",
                timeout_s=TIMEOUT_S,
                forked=is_forkable(arm),
                environment=environment,
                **asked,
            )
        except BlipkitError as error:  # the gate that failed says more than why nothing follows
            return [replace(nothing, problem=str(error))]
    return [replace(nothing, blocks=blocks, relative_l2=error) for blocks, error in errors]


def errors_by_block(
    source: str, digest: str, arm: str, component: str, bucket: dict[str, Any], **rest
) -> list[tuple[int, float]]:
    """In the child: blocks -> relative L2 error of a component that is cut after them.

    rest: `flags`, the compiler's, and `folder`, where the inputs are.
    """
    folder = Path(rest["folder"])
    loaded = load_file(folder / "inputs.safetensors")
    inputs = tuple(loaded[str(place)] for place in range(len(loaded)))
    whole = isolate(load_unchanged(source, digest))[component]
    errors = []
    for blocks in cuts(len(blocks_of(whole.module, component))):
        part = cut(whole, blocks)
        place = folder / str(blocks)
        place.mkdir()
        output = compiled(part, arm, Bucket(**bucket), rest["flags"], place / "model")(*inputs)
        with torch.inference_mode():
            errors.append((blocks, relative_l2(part.module(*inputs), output)))
    return errors


def cuts(blocks: int) -> list[int]:
    """After how many of so many blocks: one, two, four and so on, and all of them."""
    powers = [2**power for power in range(blocks.bit_length()) if 2**power < blocks]
    return [*powers, blocks]


def blocks_of(module: nn.Module, component: str) -> nn.ModuleList:
    """The blocks of a component's module."""
    return module.get_submodule(BLOCKS[component])


def cut(component: Component, blocks: int) -> Component:
    """A copy of a component that ends after so many of its blocks."""
    module = copy.deepcopy(component.module)
    path, _, name = BLOCKS[component.name].rpartition(".")
    kept = blocks_of(module, component.name)[:blocks]
    setattr(module.get_submodule(path), name, kept)
    return replace(component, module=module)


def compiled(part: Component, arm: str, bucket: Bucket, flags: Sequence[str], path: Path):
    """A component as an arm runs it: a callable from tensors to one tensor."""
    parsed = parse_arm(arm)
    runner = get_runner(parsed)
    build = build_of(part, parsed, bucket, flags)
    inputs: tuple[Tensor, ...] = part.example_inputs(bucket)
    getattr(runner, "compile", compile_nothing)(path, build, part.module, inputs)
    return runner.load(path, build, part.module)
