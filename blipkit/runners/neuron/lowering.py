"""Does a component lower to what neuronx-cc compiles? Asked without a device, of the front end that
torch_neuronx uses.

torch_neuronx.trace records a module with torch-xla's lazy tensors and hands the recorded HLO to the
compiler. The first half runs on any CPU: here each component is recorded, its operations are listed
and held against what the compiler's documents name (neuronx_cc.yaml), and the program is run by XLA
and compared with the module. What only the compiler knows (instruction counts, memory, an operation
that no document names) is not found out here.

torch-xla needs another torch than blipkit does, so all this happens in a child in an environment of
its own.
"""

import collections
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

from blipkit.errors import BadInput, BlipkitError
from blipkit.machine import child, host
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import Checkpoint
from blipkit.model.components import Components
from blipkit.paths import ROOT
from blipkit.records.gates import WORST_FIRST, Gate, Status, not_run, worst_of
from blipkit.records.typed import row_of
from blipkit.runners.neuron.findings import Finding, RecordingJob, RecordingReply

STACK = ".venv-neuron-stack"
MAKE_STACK = "make neuron-stack"
RELEASES = {"torch": "2.9.*", "torch-xla": "2.9.*"}  # of the last SDK with torch-neuronx, 2.31
LIBRARIES = ("torch", "torch-xla", "torch-neuronx", "transformers")
LIMIT_S = 900
ENVIRONMENT = {
    "PJRT_DEVICE": "CPU",
    "XLA_IR_DEBUG": "1",
    "XLA_HLO_DEBUG": "1",
    "PYTHONPATH": str(ROOT),
}
NO_STACK = "there is no environment to lower it in"


@dataclass(frozen=True)
class Lowering:
    """What a component lowers to in one bucket, and what of it stands in the way of neuronx-cc.

    operations: HLO operation -> how often; int64: of those, the ones on 64-bit integers;
    relative_l2: error of the recorded program against the module; seconds: what finding out took;
    both None where nothing ran; status: the worst of the findings; stack: library -> version where
    it was lowered; next: what to do where it was not.
    """

    component: str
    bucket: str
    operations: dict[str, int]
    int64: dict[str, int]
    relative_l2: float | None
    seconds: float | None
    status: Status
    findings: list[Finding]
    stack: dict[str, str] = field(default_factory=dict)
    evidence: str = "measured"
    next: str = ""

    @property
    def instructions(self) -> int | None:
        """How many there are; None where nothing was lowered."""
        return sum(self.operations.values()) or None

    @property
    def on_int64(self) -> int | None:
        """How many of them are on 64-bit integers; None where nothing was lowered."""
        if not self.operations:
            return None
        return sum(self.int64.values())


@dataclass(frozen=True)
class OperationChange:
    """How a component's operations changed since an earlier lowering in the same bucket.

    between: the versions that differ, in words; added, removed: HLO operation -> by how many.
    """

    component: str
    bucket: str
    between: str
    added: dict[str, int]
    removed: dict[str, int]


def find_stack(folder: str = STACK) -> Path | None:
    """Python of the environment in `folder`, relative to the project; None where there is none, or
    where none is named.

    Raises BadInput where it has other versions than lowering needs, naming them and the command
    that mends it.
    """
    # make neuron-stack writes .blipkit-ready last
    if not folder or (folder == STACK and not Path(ROOT, folder, ".blipkit-ready").exists()):
        return None
    python = Path(ROOT, folder, "bin/python").absolute()
    if not python.exists():
        raise BadInput(
            f"neuron_stack {folder}: no bin/python there; expected an environment: {MAKE_STACK}"
        )
    installed = stack_versions(python)
    expected = dict(RELEASES, transformers=host.version("transformers"))
    wrong = [name for name in expected if not _matches(expected[name], installed.get(name))]
    if wrong:
        versions = ", ".join(
            f"{name} {installed.get(name, 'missing')}, expected {expected[name]}" for name in wrong
        )
        packages = " ".join(f"'{name}=={expected[name]}'" for name in wrong)
        advice = f"{python} -m pip install {packages}"
        raise BadInput(f"neuron_stack {folder}: {versions}: {advice}")
    return python


def _matches(release: str, version: str | None) -> bool:
    """Whether a version is one of `2.9.*`, or `5.1.0` itself."""
    return f"{version}.".startswith(release.removesuffix("*"))


def stack_versions(python: Path) -> dict[str, str]:
    """Library -> version, of those that decide about lowering in the environment of `python`, read
    without starting it.
    """
    sites = [str(site) for site in python.parent.parent.glob("lib/python3*/site-packages")]
    return {
        name: distribution.version
        for name in LIBRARIES
        for distribution in metadata.distributions(name=name, path=sites)
    }


def lower(components: Components, buckets: Sequence[Bucket], stack: str = STACK) -> list[Lowering]:
    """Lower each component in each bucket, in a child in the neuron stack; NOT-RUN where there is
    none.

    Where the child dies, each component is tried alone, and a finding says which one ended it.
    """
    python = find_stack(stack)
    jobs = [RecordingJob(component.name, bucket) for component in components for bucket in buckets]
    if python is None:
        return [_not_lowered(job) for job in jobs]
    checkpoint = next(iter(components)).checkpoint
    replies = _record_in_child(python, checkpoint, jobs)
    versions = stack_versions(python)
    return [_lowering(job, reply, versions) for job, reply in zip(jobs, replies, strict=True)]


def _record_in_child(
    python: Path, checkpoint: Checkpoint, jobs: Sequence[RecordingJob]
) -> list[RecordingReply]:
    """The reply to each job, from `recordings.record_jobs`; where the child dies, to each alone."""
    try:
        replies = child.call(
            "blipkit.runners.neuron.recordings:record_jobs",
            timeout_s=LIMIT_S,
            python=python,
            environment=ENVIRONMENT,
            source=checkpoint.source,
            digest=checkpoint.digest,
            jobs=[asdict(job) for job in jobs],
        )
    except BadInput:
        raise
    except BlipkitError as error:
        if len(jobs) > 1:
            alone = [_record_in_child(python, checkpoint, [job]) for job in jobs]
            return [reply for replies in alone for reply in replies]
        return [RecordingReply([_ended_process(str(error))])]
    return [row_of(RecordingReply, reply) for reply in replies]


def _ended_process(last_lines: str) -> Finding:
    """What recording a component did to the child."""
    advice = "leave out what its last lines name"
    return Finding("FAIL", "recording it ended the process", last_lines, advice)


def _lowering(job: RecordingJob, reply: RecordingReply, versions: dict[str, str]) -> Lowering:
    return Lowering(
        component=job.component,
        bucket=str(job.bucket),
        operations=reply.operations,
        int64=reply.int64,
        relative_l2=reply.relative_l2,
        seconds=reply.seconds,
        status=_judge(job.component, reply.findings).status,
        findings=reply.findings,
        stack=versions,
    )


def _not_lowered(job: RecordingJob) -> Lowering:
    """A component in one bucket where there is no environment to lower in."""
    gate = not_run(gate_name(job.component), "answer", NO_STACK, MAKE_STACK)
    return Lowering(
        component=job.component,
        bucket=str(job.bucket),
        operations={},
        int64={},
        relative_l2=None,
        seconds=None,
        status=gate.status,
        findings=[],
        evidence=gate.evidence,
        next=gate.next,
    )


def gate_name(component: str) -> str:
    """What the gate of a component's lowering is called."""
    return f"lowering {component}"


def lowering_gate(component: str, rows: Sequence[Lowering]) -> Gate:
    """PASS where a component lowers in every bucket and nothing stands in the way; NOT-RUN without
    the environment.
    """
    rows = [row for row in rows if row.component == component]
    if any(row.status == "NOT-RUN" for row in rows):
        return not_run(gate_name(component), "answer", NO_STACK, MAKE_STACK)
    return _judge(component, [finding for row in rows for finding in row.findings])


def _judge(component: str, findings: Sequence[Finding]) -> Gate:
    """The gate of a component with these findings, as bad as the worst of them."""
    failed = sum(finding.status == "FAIL" for finding in findings)
    reason = "what stands in the way of neuronx-cc, as far as a CPU can tell"
    advice = ""
    if findings:
        worst = min(findings, key=lambda finding: WORST_FIRST.index(finding.status))
        reason += f"; {worst.what}: {worst.where}"
        advice = worst.next
    return worst_of(
        gate_name(component),
        "answer",
        [finding.status for finding in findings],
        measured=failed,
        limit=0,
        reason=reason,
        next=advice,
    )


def changed_operations(
    rows: Sequence[Lowering], before: Sequence[Lowering]
) -> list[OperationChange]:
    """Which operations came and went since `before`, earlier rows of the same components, best
    first.

    Only where the stack's versions or the operations differ.
    """
    earlier = {}
    for row in before:
        if row.operations:
            earlier.setdefault((row.component, row.bucket), row)
    pairs = [(earlier.get((row.component, row.bucket)), row) for row in rows if row.operations]
    return [_change(past, row) for past, row in pairs if past and _differ(past, row)]


def _differ(past: Lowering, row: Lowering) -> bool:
    return past.stack != row.stack or past.operations != row.operations


def _change(past: Lowering, row: Lowering) -> OperationChange:
    before = collections.Counter(past.operations)
    after = collections.Counter(row.operations)
    return OperationChange(
        component=row.component,
        bucket=row.bucket,
        between=_changed_versions(past.stack, row.stack),
        added=dict(after - before),
        removed=dict(before - after),
    )


def _changed_versions(before: dict[str, str], after: dict[str, str]) -> str:
    """Which versions differ between two environments, in words."""
    changes = [
        f"{name} {before.get(name, 'none')} -> {after.get(name, 'none')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    return ", ".join(changes) or "the same versions"
