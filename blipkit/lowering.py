"""Does a component lower to what neuronx-cc compiles? Asked without a device, of the front end that torch_neuronx uses.

torch_neuronx.trace records a module with torch-xla's lazy tensors and hands the recorded HLO to the compiler. The first
half runs on any CPU: here each component is recorded, its operations are listed and held against what the compiler's
documents name (`recordings.NAMED`), and the program is run by XLA and compared with the module. What only the compiler knows
(instruction counts, memory, an operation that no document names) is not found out here.

torch-xla needs another torch than blipkit does, so all this happens in a child in an environment of its own.
"""

import collections
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from blipkit import child, machine
from blipkit.buckets import Bucket
from blipkit.components import Components
from blipkit.errors import BadInput, BlipkitError
from blipkit.params import ROOT
from blipkit.records import Gate, judge, not_run

STACK = ".venv-neuron-stack"
MAKE_STACK = "make neuron-stack"
RELEASES = {"torch": "2.9.*", "torch-xla": "2.9.*"}  # of the last SDK with torch-neuronx, 2.31
LIBRARIES = ("torch", "torch-xla", "torch-neuronx", "transformers")
LIMIT_S = 900
ENVIRONMENT = {"PJRT_DEVICE": "CPU", "XLA_IR_DEBUG": "1", "XLA_HLO_DEBUG": "1", "PYTHONPATH": str(ROOT)}


def find_stack(folder: str = STACK) -> Path | None:
    """Python of the environment in `folder`, relative to the project; None where there is none, or where none is named.

    Raises BadInput where it has other versions than lowering needs, naming them and the command that mends it.
    """
    place = Path(ROOT, folder).absolute()
    ready = place / ".blipkit-ready"  # make neuron-stack writes it last
    if not folder or (folder == STACK and not ready.exists()):
        return None
    python = place / "bin" / "python"
    if not python.exists():
        raise BadInput(f"neuron_stack {folder}: no bin/python there; expected an environment: {MAKE_STACK}")
    found, wanted = stack_versions(python), {**RELEASES, "transformers": machine.version("transformers")}
    wrong = [n for n, release in wanted.items() if not f"{found.get(n)}.".startswith(release.removesuffix("*"))]
    if wrong:
        seen = ", ".join(f"{name} {found.get(name, 'missing')}, expected {wanted[name]}" for name in wrong)
        mend = " ".join(f"'{name}=={wanted[name]}'" for name in wrong)
        raise BadInput(f"neuron_stack {folder}: {seen}: {python} -m pip install {mend}")
    return python


def stack_versions(python: Path) -> dict[str, str]:
    """Versions of what decides about lowering in the environment of `python`, read without starting it."""
    sites = [str(site) for site in python.parent.parent.glob("lib/python3*/site-packages")]
    found = {name: next(iter(metadata.distributions(name=name, path=sites)), None) for name in LIBRARIES}
    return {name: one.version for name, one in found.items() if one}


def lower(components: Components, buckets: Sequence[Bucket], stack: str = STACK) -> list[dict]:
    """A row for each component and bucket, found out in a child in the neuron stack; NOT-RUN where there is none.

    A row: status, findings (what stands in the way), operations (HLO operation -> count), int64 (those on 64-bit
    integers), relative_l2 against the module, seconds, stack (versions there). Where the child dies, each component is
    tried alone, and the row says which one died.
    """
    python, checkpoint = find_stack(stack), next(iter(components)).checkpoint
    jobs = [[component.name, asdict(bucket)] for component in components for bucket in buckets]

    def ask(jobs: list) -> list[dict]:
        return child.call(
            "blipkit.recordings:lower_from_source",
            timeout_s=LIMIT_S,
            python=python,
            environment=ENVIRONMENT,
            source=checkpoint.source,
            digest=checkpoint.digest,
            jobs=jobs,
        )

    def ask_alone(job: list) -> dict:
        try:
            return ask([job])[0]
        except BlipkitError as error:
            died = {"status": "FAIL", "what": "recording it ended the process", "where": str(error)}
            return {"findings": [{**died, "next": "leave out what its last lines name"}]}

    if python is None:
        missing = {"status": "NOT-RUN", "evidence": "none", "stack": {}, "findings": []}
        return [{**_empty(*job), **missing, "next": MAKE_STACK} for job in jobs]
    try:
        rows = ask(jobs)
    except BadInput:
        raise
    except BlipkitError:
        rows = [ask_alone(job) for job in jobs]
    about = {"stack": stack_versions(python)}
    return [
        {**_empty(*job), "status": _worst(row["findings"]), **about, **row} for job, row in zip(jobs, rows, strict=True)
    ]


def _empty(name: str, sizes: dict) -> dict:
    row = {"component": name, "bucket": str(Bucket(**sizes)), "operations": {}, "int64": {}}
    return {**row, "relative_l2": None, "seconds": None}


def _worst(findings: list[dict]) -> str:
    seen = {finding["status"] for finding in findings}
    return next((status for status in ("FAIL", "WARN") if status in seen), "PASS")


def lowering_gate(component: str, rows: Sequence[dict]) -> Gate:
    """PASS where a component lowers in every bucket and nothing stands in the way; NOT-RUN without the environment."""
    name, rows = f"lowering {component}", [row for row in rows if row["component"] == component]
    if any(row["status"] == "NOT-RUN" for row in rows):
        return not_run(name, "answer", "there is no environment to lower it in", MAKE_STACK)
    findings = [finding for row in rows for finding in row["findings"]]
    failed = [finding for finding in findings if finding["status"] == "FAIL"]
    reason, advice = "what stands in the way of neuronx-cc, as far as a CPU can tell", ""
    if findings:
        first = (failed or findings)[0]
        reason, advice = f"{reason}; {first['what']}: {first['where']}", first["next"]
    gate = judge(name, "answer", len(failed), 0, reason=reason, next=advice)
    if gate.status == "PASS" and findings:
        gate.status, gate.next = "WARN", advice
    return gate


def changed_operations(rows: Sequence[dict], before: Sequence[dict]) -> list[dict]:
    """Which operations came and went since `before`, earlier rows of the same components, best first.

    Rows only where the stack's versions or the operations differ.
    """
    changes = []
    for row in rows:
        same = [b for b in before if (b["component"], b["bucket"]) == (row["component"], row["bucket"])]
        then = next((b for b in same if b["operations"] and row["operations"]), None)
        if then is None or (then["stack"], then["operations"]) == (row["stack"], row["operations"]):
            continue
        now, past = collections.Counter(row["operations"]), collections.Counter(then["operations"])
        changed = [n for n in {**row["stack"], **then["stack"]} if row["stack"].get(n) != then["stack"].get(n)]
        between = [f"{n} {then['stack'].get(n, 'none')} -> {row['stack'].get(n, 'none')}" for n in changed]
        about = {
            "component": row["component"],
            "bucket": row["bucket"],
            "between": ", ".join(between) or "the same versions",
        }
        changes.append({**about, "added": dict(now - past), "removed": dict(past - now)})
    return changes
