"""What torch-xla records of a module, and what in it stands in the way of neuronx-cc. Runs where
torch_xla is installed.

`blipkit.runners.neuron.lowering` calls this in a child; torch_xla is imported when something is
recorded.
"""

import copy
import re
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import load_unchanged
from blipkit.model.components import Component, isolate
from blipkit.records.typed import row_of
from blipkit.runners.neuron.findings import Finding, RecordingJob, RecordingReply
from blipkit.runners.neuron.hlo import (
    INT64_TYPE,
    bare,
    count_operations,
    instructions,
    place_in,
    source_line,
)
from blipkit.runners.neuron.integers import beyond_32_bits, values_that_stay
from blipkit.runners.neuron.options import REFUSED_OPERATIONS
from blipkit.runners.tensors import relative_l2

# relative L2 error of a float32 program; rounding in another order gives some 1e-7
MAX_RELATIVE_L2 = 1e-5
# how many places at the end of each mask are padding, in the three sets of inputs
PADDED_PLACES = (0, 2, 1)


def record_jobs(source: str, digest: str, jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In the child: record each job (a `RecordingJob`, as JSON has it); the replies, as JSON has
    them.
    """
    components = isolate(load_unchanged(source, digest))
    replies = []
    for plain in jobs:
        job = row_of(RecordingJob, plain)
        component = components[job.component]
        # the last line names a crash
        print(f"lowering {job.component}, bucket {job.bucket}", flush=True)
        reply = record_module(component.module, inputs_for(component, job.bucket))
        replies.append(asdict(reply))
    return replies


def inputs_for(component: Component, bucket: Bucket) -> list[tuple[torch.Tensor, ...]]:
    """Three sets of inputs that differ in every value that may differ: numbers, tokens, and how
    much is padding.
    """
    several = [component.example_inputs(bucket, seed) for seed in range(len(PADDED_PLACES))]
    for inputs, padded in zip(several, PADDED_PLACES, strict=True):
        for name, tensor in zip(component.input_shapes(bucket), inputs, strict=True):
            if name.endswith("mask") and padded:
                tensor[:, -padded:] = 0
    return several


def record_module(module, several: Sequence[tuple[torch.Tensor, ...]]) -> RecordingReply:
    """Record a module twice, with other values; run the first recording on the third set of inputs,
    as a device would.
    """
    from torch_xla.debug import metrics

    started = time.perf_counter()
    relative_l2 = None
    with torch.no_grad():
        on_device = copy.deepcopy(module).to("xla")
        metrics.clear_all()
        try:
            first, second = (Recording(on_device, inputs) for inputs in several[:2])
        except Exception as error:  # a model can raise anything
            return RecordingReply([_stopped(error)], seconds=time.perf_counter() - started)
        on_host = metrics.executed_fallback_ops()
        findings = named_findings(first.hlo)
        findings += beyond_32_bits(first.hlo, values_that_stay(first))
        findings += compare_recordings(first, second, on_host)
        if not any(finding.status == "FAIL" for finding in findings):
            relative_l2 = run_error(first, module, several[2])
            if not relative_l2 <= MAX_RELATIVE_L2:  # it may be NaN
                findings.append(_wrong_program(module, relative_l2))
    return RecordingReply(
        findings=findings,
        operations=count_operations(first.hlo),
        int64=count_operations(first.hlo, INT64_TYPE),
        relative_l2=relative_l2,
        seconds=time.perf_counter() - started,
    )


class Recording:
    """What torch-xla recorded of one call.

    hlo: the program as text; parameters: its parameters' tensors; inputs: where each input stands
    among them, None where it reaches no output; captured: places of what Python computed while
    recording.
    """

    def __init__(self, module, inputs):
        from torch_xla import _XLAC

        moved = [tensor.to("xla") for tensor in inputs]
        # whoever asks for a value while recording is stopped there
        _XLAC._set_allow_execution(False)
        try:
            self.output = module(*moved)
        finally:
            _XLAC._set_allow_execution(True)
        self.hlo = _XLAC._get_xla_tensors_hlo([self.output])
        ids, self.parameters = _XLAC._get_tensors_xla_device_data_node([self.output])
        input_ids = [_XLAC._xla_get_tensor_id(tensor) for tensor in moved]
        weights = [*module.parameters(), *module.buffers()]
        weight_ids = [_XLAC._xla_get_tensor_id(tensor) for tensor in weights]
        known = {*input_ids, *weight_ids}
        self.inputs = [_index_of(number, ids) for number in input_ids]
        self.captured = [place for place, number in enumerate(ids) if number not in known]

    def line_of(self, parameter: int) -> str:
        """Where the model came by a parameter."""
        return place_in(self.hlo, rf" parameter\({parameter}\)")

    def run(self, inputs):
        """The compiled program on other inputs, by XLA on this CPU; each input must reach the
        output.
        """
        from torch_xla import _XLAC

        arguments = list(self.parameters)
        for place, tensor in zip(self.inputs, inputs, strict=True):
            arguments[place] = tensor.to("xla")
        graph = _XLAC._get_graph_hash([self.output])
        _XLAC._xla_warm_up_cache([self.output], [])  # compiles it
        return _XLAC._run_cached_graph(graph, arguments)[0].cpu()


def _index_of(number: int, ids: list[int]) -> int | None:
    """Where an id stands among others; None where it does not."""
    if number not in ids:
        return None
    return ids.index(number)


def run_error(recording: Recording, module, inputs: tuple[torch.Tensor, ...]) -> float:
    """Relative L2 error of the recorded program on other inputs, against the module."""
    return relative_l2(module(*inputs), recording.run(inputs))


def _wrong_program(module, error: float) -> Finding:
    """A recorded program that computes something else than its module."""
    problem = f"on other inputs the recorded program errs by {error:.1e}, relative L2"
    advice = "look for a Python value that changes from call to call"
    return Finding("FAIL", f"{problem}; limit {MAX_RELATIVE_L2:.0e}", type(module).__name__, advice)


def compare_recordings(first: Recording, second: Recording, on_host: list[str]) -> list[Finding]:
    """What two recordings with other inputs give away: an input that nothing depends on, a value
    that became a constant.

    on_host: operations that torch-xla has no lowering for and computed itself, on values that it
    had.
    """
    host = ""
    if on_host:
        host = f" ({', '.join(on_host)} on the host)"
    lines = dict.fromkeys(map(first.line_of, first.captured))
    where = "; ".join(lines) or "the component's forward"
    findings = [
        _fixed(f"input {number} reaches no output{host}", where)
        for number, place in enumerate(first.inputs)
        if place is None
    ]
    for a, b in zip(first.captured, second.captured, strict=False):
        if not torch.equal(first.parameters[a].cpu(), second.parameters[b].cpu()):
            problem = "a value that depends on the inputs left the device and came back"
            findings.append(_fixed(f"{problem} as a constant{host}", first.line_of(a)))
    if not findings and bare(first.hlo) != bare(second.hlo):
        line = _first_difference(first.hlo, second.hlo)
        findings.append(_fixed("other inputs give another program", place_in(line)))
    return findings


def _fixed(problem: str, where: str) -> Finding:
    """A value that is fixed while it is recorded."""
    advice = "keep it in torch operations on its own device"
    return Finding("FAIL", problem, where, f"{advice}: a compiled program never computes it again")


def _first_difference(hlo: str, other: str) -> str:
    """The first instruction that another recording does not have, "" where there is none."""
    known = {bare(instruction.line) for instruction in instructions(other)}
    for instruction in instructions(hlo):
        if instruction.operation != "parameter" and bare(instruction.line) not in known:
            return instruction.line
    return ""


def named_findings(hlo: str) -> list[Finding]:
    """What the compiler's documents name, once for each line of the model."""
    findings = (
        Finding(refused.status, refused.what, place_in(instruction.line), refused.next)
        for instruction in instructions(hlo)
        for refused in REFUSED_OPERATIONS
        if re.search(refused.pattern, bare(instruction.line))
        if not overwrites(hlo, instruction.line)
    )
    return list(dict.fromkeys(findings))


def overwrites(hlo: str, line: str) -> bool:
    """Whether an instruction is a scatter that only puts values in their places: its computation
    returns a parameter, and does not add or otherwise combine.
    """
    applied = re.search(r" scatter\(.* to_apply=%([\w.-]+)", line)
    if not applied:
        return False
    returned = rf"^%{re.escape(applied[1])} [^{{]*\{{[^}}]*ROOT %\S+ = \S+ parameter\("
    return bool(re.search(returned, hlo, re.MULTILINE))


def _stopped(error: Exception) -> Finding:
    """What stopped the recording, and at which line of the model."""
    import torch_xla

    stack = traceback.extract_tb(error.__traceback__)
    libraries = tuple(str(Path(library.__file__).parent) for library in (torch, torch_xla))
    frame = next((f for f in reversed(stack) if not f.filename.startswith(libraries)), stack[-1])
    where = source_line(frame.filename, frame.lineno)
    first = str(error).strip().splitlines()[0]
    if "Unexpected execution" in first:
        problem = "a value is asked for while the program is being recorded"
        examples = ".item(), a branch, a shape or a slice that depends on values"
        advice = "use torch.where, or a mask, instead"
        return Finding("FAIL", f"{problem} ({examples})", where, advice)
    problem = f"recording it raised {type(error).__name__}: {first}"
    return Finding("FAIL", problem, where, "mend that line")
