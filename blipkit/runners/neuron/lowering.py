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
from blipkit.model.checkpoints import Checkpoint
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
    found = stack_versions(python)
    wanted = dict(RELEASES, transformers=host.version("transformers"))
    wrong = [name for name in wanted if not _matches(wanted[name], found.get(name))]
    if wrong:
        seen = ", ".join(
            f"{name} {found.get(name, 'missing')}, expected {wanted[name]}" for name in wrong
        )
        mend = " ".join(f"'{name}=={wanted[name]}'" for name in wrong)
        raise BadInput(f"neuron_stack {folder}: {seen}: {python} -m pip install {mend}")
    return python


def _matches(release: str, version: str | None) -> bool:
    """Whether a version is one of `2.9.*`, or `5.1.0` itself."""
    return f"{version}.".startswith(release.removesuffix("*"))


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
    python = find_stack(stack)
    asked = [(component.name, bucket) for component in components for bucket in buckets]
    if python is None:
        return [_not_run_row(name, bucket) for name, bucket in asked]
    checkpoint = next(iter(components)).checkpoint
    jobs = [[name, asdict(bucket)] for name, bucket in asked]
    recorded = _lower_in_child(python, checkpoint, jobs)
    versions = stack_versions(python)
    return [
        _lowered_row(name, bucket, found, versions)
        for (name, bucket), found in zip(asked, recorded, strict=True)
    ]


def _lower_in_child(python: Path, checkpoint: Checkpoint, jobs: list) -> list[dict]:
    """What `recordings.lower_from_source` says of each job; where the child dies, each alone."""
    try:
        return child.call(
            "blipkit.runners.neuron.recordings:lower_from_source",
            timeout_s=LIMIT_S,
            python=python,
            environment=ENVIRONMENT,
            source=checkpoint.source,
            digest=checkpoint.digest,
            jobs=jobs,
        )
    except BadInput:
        raise
    except BlipkitError as error:
        if len(jobs) > 1:
            return [row for job in jobs for row in _lower_in_child(python, checkpoint, [job])]
        died = {
            "status": "FAIL",
            "what": "recording it ended the process",
            "where": str(error),
            "next": "leave out what its last lines name",
        }
        return [{"findings": [died]}]


def _lowered_row(name: str, bucket: Bucket, found: dict, versions: dict[str, str]) -> dict:
    """A row of `lower`; found: what the child said of a component, no more than findings where it
    was stopped.
    """
    return {
        "component": name,
        "bucket": str(bucket),
        "operations": found.get("operations", {}),
        "int64": found.get("int64", {}),
        "relative_l2": found.get("relative_l2"),
        "seconds": found.get("seconds"),
        "status": _worst(found["findings"])["status"],
        "stack": versions,
        "findings": found["findings"],
    }


def _not_run_row(name: str, bucket: Bucket) -> dict:
    """A row of `lower` where there is no environment to lower in."""
    return {
        "component": name,
        "bucket": str(bucket),
        "operations": {},
        "int64": {},
        "relative_l2": None,
        "seconds": None,
        "status": "NOT-RUN",
        "evidence": "none",
        "stack": {},
        "findings": [],
        "next": MAKE_STACK,
    }


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
    name = f"lowering {component}"
    own = [row for row in rows if row["component"] == component]
    if any(row["status"] == "NOT-RUN" for row in own):
        return not_run(name, "answer", "there is no environment to lower it in", MAKE_STACK)
    findings = [finding for row in own for finding in row["findings"]]
    worst = _worst(findings)
    failed = sum(finding["status"] == "FAIL" for finding in findings)
    reason = "what stands in the way of neuronx-cc, as far as a CPU can tell"
    if findings:
        reason += f"; {worst['what']}: {worst['where']}"
    return Gate(name, "answer", worst["status"], failed, 0, reason=reason, next=worst["next"])


def changed_operations(rows: Sequence[dict], before: Sequence[dict]) -> list[dict]:
    """Which operations came and went since `before`, earlier rows of the same components, best
    first.

    Rows only where the stack's versions or the operations differ.
    """
    earlier = {}
    for row in before:
        if row["operations"]:
            earlier.setdefault((row["component"], row["bucket"]), row)
    changes = []
    for row in rows:
        then = earlier.get((row["component"], row["bucket"]))
        if then is None or not row["operations"]:
            continue
        if then["stack"] == row["stack"] and then["operations"] == row["operations"]:
            continue
        now = collections.Counter(row["operations"])
        past = collections.Counter(then["operations"])
        changes.append(
            {
                "component": row["component"],
                "bucket": row["bucket"],
                "between": _moved_versions(then["stack"], row["stack"]),
                "added": dict(now - past),
                "removed": dict(past - now),
            }
        )
    return changes


def _moved_versions(then: dict[str, str], now: dict[str, str]) -> str:
    """Which versions differ between two environments, in words."""
    names = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    moved = [f"{name} {then.get(name, 'none')} -> {now.get(name, 'none')}" for name in names]
    return ", ".join(moved) or "the same versions"
