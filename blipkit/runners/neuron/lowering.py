"""Whether neuronx-cc could compile a component, as far as a CPU can tell.

To lower a module is to translate its PyTorch operations into HLO, XLA's intermediate language, in
which neuronx-cc takes programs. torch_neuronx.trace does so with torch-xla's lazy tensors, then
calls the compiler. The first half runs on any CPU: here each component is traced, its HLO
operations are held against what the compiler's documents name (neuronx_cc.yaml), and the traced
program is run by XLA and compared with the module. What only the compiler knows (its own
instruction counts, memory, an operation that no document names) is not found out here.

torch-xla needs another torch than blipkit does, so all this happens in a child in an environment of
its own, the neuron stack.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

from blipkit.display.progress import note
from blipkit.errors import BadInput, BlipkitError
from blipkit.machine import child, host
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import Checkpoint
from blipkit.model.components import Components
from blipkit.paths import ROOT
from blipkit.records.gates import WORST_FIRST, Gate, Status, not_run, worst_of
from blipkit.records.typed import row_of
from blipkit.runners.neuron.findings import Finding, RecordingJob, RecordingReply

STACK_FOLDER = ".venv-neuron-stack"
MAKE_STACK = "make neuron-stack"
# of the last SDK with torch-neuronx, 2.31
STACK_RELEASES = {"torch": "2.9.*", "torch-xla": "2.9.*"}
STACK_LIBRARIES = ("torch", "torch-xla", "torch-neuronx", "transformers")
CHILD_LIMIT_S = 900  # for all jobs of one call
CHILD_ENVIRONMENT = {
    "PJRT_DEVICE": "CPU",
    "XLA_IR_DEBUG": "1",
    "XLA_HLO_DEBUG": "1",
    "PYTHONPATH": str(ROOT),
}
NO_STACK = "there is no environment to lower it in"


@dataclass(frozen=True)
class Lowering:
    """What a component lowers to in one bucket, and what of it stands in the way of neuronx-cc.

    bucket: the `Bucket` as text. operations: HLO operation -> how often; int64: of those, the ones
    on 64-bit integers. relative_l2: error of the traced program against the module; seconds: what
    tracing and running took; both None where nothing ran. status: the worst of the findings. stack:
    library -> version where it was lowered; next: what to do where it was not.
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
    def operation_count(self) -> int | None:
        """How many HLO operations there are; None where nothing was lowered."""
        return sum(self.operations.values()) or None

    @property
    def int64_operation_count(self) -> int | None:
        """How many of them are on 64-bit integers; None where nothing was lowered."""
        if not self.operations:
            return None
        return sum(self.int64.values())


def find_stack(folder: str = STACK_FOLDER) -> Path | None:
    """Python of the environment in `folder`, relative to the project; None where there is none, or
    where none is named.

    Raises BadInput where it has other versions than lowering needs, naming them and the command
    that mends it.
    """
    if not folder:
        return None
    # only the default may be absent; make neuron-stack writes .blipkit-ready last
    if folder == STACK_FOLDER and not Path(ROOT, folder, ".blipkit-ready").exists():
        return None
    python = Path(ROOT, folder, "bin/python").absolute()
    if not python.exists():
        raise BadInput(
            f"neuron_stack {folder}: no bin/python there; expected an environment: {MAKE_STACK}"
        )
    installed = stack_versions(python)
    expected = dict(STACK_RELEASES, transformers=host.version("transformers"))
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
    """Whether a version is of a release, `2.9.*` or `5.1.0`; 5.1.0.post1, too, is of the latter.

    It begins with the release's text: so would a 5.1.01.
    """
    return f"{version}.".startswith(release.removesuffix("*"))


def stack_versions(python: Path) -> dict[str, str]:
    """Library -> version in the environment of `python`, of those that decide about lowering.

    Read from its files, without starting it.
    """
    sites = [str(site) for site in python.parent.parent.glob("lib/python3*/site-packages")]
    return {
        name: distribution.version
        for name in STACK_LIBRARIES
        for distribution in metadata.distributions(name=name, path=sites)
    }


def lower(
    components: Components, buckets: Sequence[Bucket], stack: str = STACK_FOLDER
) -> list[Lowering]:
    """Lower each component in each bucket, in a child in the neuron stack; NOT-RUN where there is
    none.

    stack: its folder. Where the child fails, each component is tried again in each bucket alone,
    and a finding says in which the child failed.
    """
    python = find_stack(stack)
    jobs = [RecordingJob(component.name, bucket) for component in components for bucket in buckets]
    if python is None:
        return [_not_lowered(job) for job in jobs]
    replies = _trace_in_child(python, components.checkpoint, jobs)
    versions = stack_versions(python)
    return [_lowering(job, reply, versions) for job, reply in zip(jobs, replies, strict=True)]


def _trace_in_child(
    python: Path, checkpoint: Checkpoint, jobs: Sequence[RecordingJob]
) -> list[RecordingReply]:
    """The reply to each job, from `recordings.record_jobs`; where the child fails, from one child
    for each job.
    """
    note(f"lowering {', '.join(f'{job.component} ({job.bucket})' for job in jobs)}")
    try:
        replies = child.call(
            "blipkit.runners.neuron.recordings:record_jobs",
            timeout_s=CHILD_LIMIT_S,
            python=python,
            environment=CHILD_ENVIRONMENT,
            source=checkpoint.source,
            digest=checkpoint.digest,
            jobs=[asdict(job) for job in jobs],
        )
    except BadInput:
        raise
    except BlipkitError as error:
        if len(jobs) > 1:
            alone = [_trace_in_child(python, checkpoint, [job]) for job in jobs]
            return [reply for replies in alone for reply in replies]
        return [RecordingReply(findings=[_tracing_failed(message=str(error))])]
    return [row_of(RecordingReply, reply) for reply in replies]


def _tracing_failed(message: str) -> Finding:
    """The child that traced a component died, took too long, or raised: its message says which."""
    return Finding(
        status="FAIL",
        what="tracing it failed",
        where=message,
        next="leave out what the message names",
    )


def _lowering(job: RecordingJob, reply: RecordingReply, versions: dict[str, str]) -> Lowering:
    """The row of a job that the child replied to; versions: of the libraries there."""
    return Lowering(
        component=job.component,
        bucket=str(job.bucket),
        operations=reply.operations,
        int64=reply.int64,
        relative_l2=reply.relative_l2,
        seconds=reply.seconds,
        status=_gate_of_findings(job.component, reply.findings).status,
        findings=reply.findings,
        stack=versions,
    )


def _not_lowered(job: RecordingJob) -> Lowering:
    """A component in one bucket where there is no environment to lower in."""
    gate = _no_stack_gate(job.component)
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


def _no_stack_gate(component: str) -> Gate:
    """NOT-RUN, with the command that makes the environment."""
    return not_run(gate_name(component), kind="answer", reason=NO_STACK, next=MAKE_STACK)


def lowering_gate(component: str, rows: Sequence[Lowering]) -> Gate:
    """PASS where a component lowers in every bucket and nothing stands in the way; NOT-RUN without
    the environment.

    rows: of all components. PASS, too, where none is of this one: then nothing was found.
    """
    component_rows = [row for row in rows if row.component == component]
    if any(row.status == "NOT-RUN" for row in component_rows):
        return _no_stack_gate(component)
    return _gate_of_findings(
        component, [finding for row in component_rows for finding in row.findings]
    )


def _gate_of_findings(component: str, findings: Sequence[Finding]) -> Gate:
    """The gate of a component with these findings, as bad as the worst of them; PASS without any.

    Its reason begins with what is counted, also where there is none: what stands in the way.
    """
    failed_count = sum(finding.status == "FAIL" for finding in findings)
    reason = "what stands in the way of neuronx-cc, as far as a CPU can tell"
    advice = ""
    if findings:
        worst = min(findings, key=lambda finding: WORST_FIRST.index(finding.status))
        reason += f"; {worst.what}: {worst.where}"
        advice = worst.next
    return worst_of(
        gate_name(component),
        kind="answer",
        parts=[finding.status for finding in findings],
        measured=failed_count,
        limit=0,
        reason=reason,
        next=advice,
    )
