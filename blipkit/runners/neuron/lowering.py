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
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from blipkit.errors import BadInput, BlipkitError
from blipkit.machine import child, host
from blipkit.model.buckets import Bucket
from blipkit.model.components import Components
from blipkit.paths import ROOT
from blipkit.records.gates import WORST_FIRST, Gate, not_run

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
    found, wanted = (
        stack_versions(python),
        {**RELEASES, "transformers": host.version("transformers")},
    )
    wrong = [
        n
        for n, release in wanted.items()
        if not f"{found.get(n)}.".startswith(release.removesuffix("*"))
    ]
    if wrong:
        seen = ", ".join(
            f"{name} {found.get(name, 'missing')}, expected {wanted[name]}" for name in wrong
        )
        mend = " ".join(f"'{name}=={wanted[name]}'" for name in wrong)
        raise BadInput(f"neuron_stack {folder}: {seen}: {python} -m pip install {mend}")
    return python


def stack_versions(python: Path) -> dict[str, str]:
    """Versions of what decides about lowering in the environment of `python`, read without starting
    it.
    """
    sites = [str(site) for site in python.parent.parent.glob("lib/python3*/site-packages")]
    return {
        name: found.version
        for name in LIBRARIES
        for found in metadata.distributions(name=name, path=sites)
    }


def lower(components: Components, buckets: Sequence[Bucket], stack: str = STACK) -> list[dict]:
    """A row for each component and bucket, found out in a child in the neuron stack; NOT-RUN where
    there is none.

    A row: status, findings (what stands in the way), operations (HLO operation -> count), int64
    (those on 64-bit integers), relative_l2 against the module, seconds, stack (versions there).
    Where the child dies, each component is tried alone, and the row says which one died.
    """
    python, checkpoint = find_stack(stack), next(iter(components)).checkpoint
    asked = [(component.name, bucket) for component in components for bucket in buckets]

    def ask(jobs: list) -> list[dict]:
        about = {
            "python": python,
            "environment": ENVIRONMENT,
            "source": checkpoint.source,
            "digest": checkpoint.digest,
        }
        try:
            return child.call(
                "blipkit.runners.neuron.recordings:lower_from_source",
                timeout_s=LIMIT_S,
                **about,
                jobs=jobs,
            )
        except BadInput:
            raise
        except BlipkitError as error:
            if len(jobs) > 1:
                return [row for job in jobs for row in ask([job])]
            died = {"status": "FAIL", "what": "recording it ended the process", "where": str(error)}
            return [{"findings": [{**died, "next": "leave out what its last lines name"}]}]

    rows = [
        {"status": "NOT-RUN", "evidence": "none", "stack": {}, "findings": [], "next": MAKE_STACK}
    ] * len(asked)
    if python:
        rows, versions = (
            ask([[name, asdict(bucket)] for name, bucket in asked]),
            stack_versions(python),
        )
        rows = [
            {"status": _worst(row["findings"])["status"], "stack": versions, **row} for row in rows
        ]
    empty = {"operations": {}, "int64": {}, "relative_l2": None, "seconds": None}
    return [
        {"component": name, "bucket": str(bucket), **empty, **row}
        for (name, bucket), row in zip(asked, rows, strict=True)
    ]


def _worst(findings: list[dict]) -> dict:
    """The finding that decides, or what stands for none."""
    return min(
        findings,
        key=lambda found: WORST_FIRST.index(found["status"]),
        default={"status": "PASS", "next": ""},
    )


def lowering_gate(component: str, rows: Sequence[dict]) -> Gate:
    """PASS where a component lowers in every bucket and nothing stands in the way; NOT-RUN without
    the environment.
    """
    name, rows = f"lowering {component}", [row for row in rows if row["component"] == component]
    if any(row["status"] == "NOT-RUN" for row in rows):
        return not_run(name, "answer", "there is no environment to lower it in", MAKE_STACK)
    findings = [finding for row in rows for finding in row["findings"]]
    worst, failed = _worst(findings), sum(finding["status"] == "FAIL" for finding in findings)
    reason = "what stands in the way of neuronx-cc, as far as a CPU can tell"
    if findings:
        reason += f"; {worst['what']}: {worst['where']}"
    return Gate(name, "answer", worst["status"], failed, 0, reason=reason, next=worst["next"])


def changed_operations(rows: Sequence[dict], before: Sequence[dict]) -> list[dict]:
    """Which operations came and went since `before`, earlier rows of the same components, best
    first.

    Rows only where the stack's versions or the operations differ.
    """
    earlier = {
        (row["component"], row["bucket"]): row for row in reversed(before) if row["operations"]
    }
    changes = []
    for row in rows:
        then = earlier.get((row["component"], row["bucket"]), row)
        if not row["operations"] or (then["stack"], then["operations"]) == (
            row["stack"],
            row["operations"],
        ):
            continue
        names = sorted({name for name, _ in row["stack"].items() ^ then["stack"].items()})
        moved = [
            f"{name} {then['stack'].get(name, 'none')} -> {row['stack'].get(name, 'none')}"
            for name in names
        ]
        between = ", ".join(moved) or "the same versions"
        now, past = collections.Counter(row["operations"]), collections.Counter(then["operations"])
        about = {"component": row["component"], "bucket": row["bucket"], "between": between}
        changes.append({**about, "added": dict(now - past), "removed": dict(past - now)})
    return changes
