"""What torch-xla records of a module, and what in it stands in the way of neuronx-cc. Runs where
torch_xla is installed.

`blipkit.runners.neuron.lowering` calls this in a child; torch_xla is imported when something is
recorded.
"""

import collections
import copy
import linecache
import re
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import load_unchanged
from blipkit.model.components import Component, isolate
from blipkit.runners.neuron.options import NEURONX_CC
from blipkit.runners.tensors import relative_l2

# relative L2 error of a float32 program; rounding in another order gives some 1e-7
ERROR_LIMIT = 1e-5
# how many places at the end of each mask are padding, in the three sets of inputs
PADDED = (0, 2, 1)
# (a pattern of an HLO instruction, FAIL or WARN, what it is, what to do)
NAMED = NEURONX_CC["operations"]


@dataclass(frozen=True)
class Finding:
    """What stands in the way.

    status: FAIL where it does not compile or computes something else, WARN where it may be coarse;
    where: file:line of the model and its text; next: what to do.
    """

    status: str
    what: str
    where: str
    next: str


def lower_from_source(source: str, digest: str, jobs: list) -> list[dict]:
    """Lower [component's name, bucket's sizes] each; a row of findings for each."""
    components = isolate(load_unchanged(source, digest))
    rows = []
    for name, sizes in jobs:
        component = components[name]
        bucket = Bucket(**sizes)
        print(f"lowering {name}, bucket {bucket}", flush=True)  # the last line names a crash
        rows.append(lower_module(component.module, inputs_for(component, bucket)))
    return rows


def inputs_for(component: Component, bucket: Bucket) -> list[tuple]:
    """Three sets of inputs that differ in every value that may differ: numbers, tokens, and how
    much is padding.
    """
    several = [component.example_inputs(bucket, seed) for seed in range(len(PADDED))]
    for inputs, padded in zip(several, PADDED, strict=True):
        for name, tensor in zip(component.input_shapes(bucket), inputs, strict=True):
            if name.endswith("mask") and padded:
                tensor[:, -padded:] = 0
    return several


def lower_module(module, several: list[tuple]) -> dict:
    """Record a module twice, with other values; run the first recording on the third set of inputs,
    as a device would.
    """
    from torch_xla.debug import metrics

    started = time.perf_counter()
    with torch.no_grad():
        on_device = copy.deepcopy(module).to("xla")
        metrics.clear_all()
        try:
            first, second = (Recording(on_device, inputs) for inputs in several[:2])
        except Exception as error:  # a model can raise anything
            return {
                "findings": [asdict(_stopped(error))],
                "seconds": time.perf_counter() - started,
            }
        on_host = metrics.executed_fallback_ops()
        findings = [*find_named(first.hlo), *compare_recordings(first, second, on_host)]
        found = {
            "operations": count_operations(first.hlo),
            "int64": count_operations(first.hlo, r"^\(?[su]64\["),
        }
        if not any(finding.status == "FAIL" for finding in findings):
            found["relative_l2"] = run_error(first, module, several[2])
            if not found["relative_l2"] <= ERROR_LIMIT:  # it may be NaN
                findings.append(_wrong_program(module, found["relative_l2"]))
    found["findings"] = [asdict(finding) for finding in findings]
    found["seconds"] = time.perf_counter() - started
    return found


class Recording:
    """What torch-xla recorded of one call: the HLO, and which tensors its parameters are."""

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
        given = [_XLAC._xla_get_tensor_id(tensor) for tensor in moved]
        weights = {
            _XLAC._xla_get_tensor_id(tensor) for tensor in [*module.parameters(), *module.buffers()]
        }
        known = {*given, *weights}
        # places of the inputs among the parameters
        self.given = [_index_of(i, ids) for i in given]
        # places of what Python made while recording
        self.captured = [place for place, i in enumerate(ids) if i not in known]

    def line_of(self, parameter: int) -> str:
        """Where the model came by a parameter."""
        return place_in(self.hlo, rf" parameter\({parameter}\)")

    def run(self, inputs):
        """The compiled program on other inputs, by XLA on this CPU; each input must reach the
        output.
        """
        from torch_xla import _XLAC

        arguments = list(self.parameters)
        for place, tensor in zip(self.given, inputs, strict=True):
            arguments[place] = tensor.to("xla")
        graph = _XLAC._get_graph_hash([self.output])
        _XLAC._xla_warm_up_cache([self.output], [])  # compiles it
        return _XLAC._run_cached_graph(graph, arguments)[0].cpu()


def _index_of(wanted: int, ids: list[int]) -> int | None:
    """Where an id stands among others; None where it does not."""
    if wanted not in ids:
        return None
    return ids.index(wanted)


def run_error(recording: Recording, module, inputs: tuple) -> float:
    """Relative L2 error of the recorded program on other inputs, against the module."""
    return relative_l2(module(*inputs), recording.run(inputs))


def _wrong_program(module, error: float) -> Finding:
    """A recorded program that computes something else than its module."""
    what = f"on other inputs the recorded program errs by {error:.1e}, relative L2"
    advice = "look for a Python value that changes from call to call"
    return Finding("FAIL", f"{what}; limit {ERROR_LIMIT:.0e}", type(module).__name__, advice)


def compare_recordings(first: Recording, second: Recording, on_host: list[str]) -> list[Finding]:
    """What two recordings with other inputs give away: an input that nothing depends on, a value
    that became a constant.

    on_host: operations that torch-xla has no lowering for and computed itself, on values that it
    had.
    """
    host = ""
    if on_host:
        host = f" ({', '.join(on_host)} on the host)"
    captured = dict.fromkeys(map(first.line_of, first.captured))
    made = "; ".join(captured) or "the component's forward"
    found = []
    for n, place in enumerate(first.given):
        if place is None:
            found.append(_fixed(f"input {n} reaches no output{host}", made))
    for a, b in zip(first.captured, second.captured, strict=False):
        if not torch.equal(first.parameters[a].cpu(), second.parameters[b].cpu()):
            what = "a value that depends on the inputs left the device and came back as a constant"
            found.append(_fixed(f"{what}{host}", first.line_of(a)))
    if not found and bare(first.hlo) != bare(second.hlo):
        line = _first_of_its_own(first.hlo, second.hlo)
        found.append(_fixed("other inputs give another program", place_in(line)))
    return found


def _fixed(what: str, where: str) -> Finding:
    """A value that is fixed while it is recorded."""
    advice = "keep it in torch operations on its own device"
    return Finding("FAIL", what, where, f"{advice}: a compiled program never computes it again")


def _first_of_its_own(hlo: str, other: str) -> str:
    """The first instruction that another recording does not have, "" where there is none."""
    known = {bare(line) for line, _, _ in instructions(other)}
    for line, _, operation in instructions(hlo):
        if operation != "parameter" and bare(line) not in known:
            return line
    return ""


def instructions(hlo: str) -> list[tuple[str, str, str]]:
    """(whole line, result type, operation) of each HLO instruction."""
    return re.findall(r"^( +(?:ROOT )?%\S+ = (\(.*?\)|\S+) ([\w-]+)\(.*)", hlo, re.MULTILINE)


def count_operations(hlo: str, of: str = "") -> dict[str, int]:
    """HLO operation -> how often, most frequent first; of: a pattern of the result's type."""
    found = [operation for _, result, operation in instructions(hlo) if re.search(of, result)]
    return dict(collections.Counter(found).most_common())


def find_named(hlo: str) -> list[Finding]:
    """What the compiler's documents name, once for each line of the model."""
    found = (
        Finding(status, what, place_in(line), advice)
        for line, _, _ in instructions(hlo)
        for pattern, status, what, advice in NAMED
        if re.search(pattern, bare(line))
    )
    return list(dict.fromkeys(found))


def bare(hlo: str) -> str:
    """HLO without what may differ from recording to recording: where it comes from, and numbers of
    instructions.
    """
    hlo = re.sub(r", metadata=\{.*?\}", "", hlo)
    # reshape.12, but not the 0.5 of a constant
    return re.sub(r"(\w*[A-Za-z][\w-]*)\.\d+", r"\1", hlo)


def _stopped(error: Exception) -> Finding:
    """Who asked for a value while the program was being recorded."""
    import torch_xla

    stack = traceback.extract_tb(error.__traceback__)
    libraries = tuple(str(Path(library.__file__).parent) for library in (torch, torch_xla))
    frame = next((f for f in reversed(stack) if not f.filename.startswith(libraries)), stack[-1])
    where = source_line(frame.filename, frame.lineno)
    first = str(error).strip().splitlines()[0]
    if "Unexpected execution" in first:
        asked = "a value is asked for while the program is being recorded"
        such = ".item(), a branch, a shape or a slice that depends on values"
        return Finding("FAIL", f"{asked} ({such})", where, "use torch.where, or a mask, instead")
    raised = f"recording it raised {type(error).__name__}: {first}"
    return Finding("FAIL", raised, where, "mend that line")


def place_in(hlo: str, what: str = "") -> str:
    """`modeling_blip.py:312: the code there`, which made the first instruction that `what`
    matches.
    """
    found = re.search(rf'{what}.*source_file="([^"]+)" source_line=(\d+)', hlo)
    if not found:
        return "no line known"
    return source_line(found[1], int(found[2]))


def source_line(file: str, number: int) -> str:
    """`modeling_blip.py:312: the code there`."""
    return f"{Path(file).name}:{number}: {linecache.getline(file, number).strip()}"
