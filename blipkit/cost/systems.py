"""The systems that results folders describe: each at its best setting, and what differs."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from blipkit.cost.prices import Price
from blipkit.errors import BadInput, nearest
from blipkit.load.summary import STABLE
from blipkit.machine.host import Machine
from blipkit.paths import PUBLISHED, ROOT
from blipkit.profiles.profile import read_sections
from blipkit.records.documents import check_results_folder, read_machine
from blipkit.records.environment import recorded_kind
from blipkit.records.gates import Gate, not_run
from blipkit.records.results import Results
from blipkit.records.run_record import read_run

ASKED = ("checkpoint", "questions", "frames_from", "frames", "distinct_frames", "seed")  # knobs
JUDGED_BY = ("threads", "latency_limit_ms", "target_saving")

# What 04 must have asked of two systems alike -> the section in which a profile says so; "" where
# the machine gives it.
LIKE = {
    "weights_digest": "",
    "pixel_digest": "",
    "frames_digest": "",
    "transformers": "",
    "questions": "common",
    "buckets": "common",
    "threads": "common",
    "call": "concurrency",
    "batch": "concurrency",
    "batch_wait_ms": "concurrency",
    "think_ms": "concurrency",
    "repeat_share": "concurrency",
    "percentile": "concurrency",
    "latency_limit_ms": "concurrency",
}
# Gates of a system that must pass -> the notebook that judges them.
NEEDED = {
    "parity {arm} pipeline": "03_parity",
    "decisions {arm}": "03_parity",
    "answers under load": "04_concurrency",
    "requests conserved": "04_concurrency",
    "latency target": "04_concurrency",
}
ON_NEURON = {
    "execution parity": "03_parity",
    "execution load": "04_concurrency",
    "platform_support": "00_environment",  # must have been judged, whatever it says
}


def is_instance(machine: Machine, price: Price) -> bool:
    """Whether a machine shows the vCPUs and accelerators of the instance that it is priced as."""
    seen = machine.neuron_devices or machine.gpus
    if not seen:
        return False
    name = re.compile(rf"\b{re.escape(price.accelerator)}\b")
    named = all(name.search(gpu.lower()) for gpu in machine.gpus)
    return named and len(seen) == price.accelerator_count and machine.cores == price.vcpu


def find_results(name: str) -> Path:
    """A results folder by path, name in results/, or <machine>/<profile> in results/published/."""
    results = ROOT / "results"
    kept = "records/cost.jsonl"
    places = (Path(name).expanduser(), results / name, PUBLISHED / name)
    found = next((place for place in places if (place / kept).is_file()), None)
    if found is None:
        known = [path.relative_to(results).parents[1] for path in results.glob(f"*/{kept}")]
        known += [path.relative_to(PUBLISHED).parents[1] for path in PUBLISHED.glob(f"*/*/{kept}")]
        raise BadInput(f"no results of 05_cost in {name}; {nearest(name, known)}")
    return found.resolve()


def systems(folders: Iterable[Results]) -> list[dict]:
    """One row per results folder and arm: its record of kind `cost` at the operating point.

    gaps: what keeps it out of a verdict, each with the notebook that would settle it; gap: the
    first.
    """
    rows = []
    for results in folders:
        gates = results.gates()
        kind = recorded_kind(results)
        for row in results.rows("cost"):
            if not row["best"]:
                continue
            system = dict(row)
            system["kind"] = kind
            system["setting"] = f"{row['servers']}-{row['clients']}{placement_note(row)}"
            system["latency"] = latency_note(row)
            system["folder"] = str(results.folder)
            system["gaps"] = gaps(row, kind, gates)
            system["gap"] = next((why for why, _ in system["gaps"]), "")
            rows.append(system)
    return rows


def gaps(row: dict, kind: str, gates: list[Gate]) -> list[tuple[str, str]]:
    """What keeps a record of kind `cost` out of a verdict, and the notebook that would settle it.

    The notebook is "" where several may.
    """
    arm = row["arm"]
    needed = {name.format(arm=arm): notebook for name, notebook in NEEDED.items()}
    if kind == "neuron":
        needed.update(ON_NEURON)
    judged = {gate.gate: gate for gate in gates if not _of_other_arm(gate.gate, arm)}
    for name in needed:
        judged.setdefault(name, not_run(name, "answer", ""))
    found = []
    for name, gate in judged.items():
        if gate.status not in _allowed(name, needed):
            said = [f"{name} is {gate.status}", gate.reason, gate.next]
            found.append((". ".join(filter(None, said)), needed.get(name, "")))
    if row.get("state") != STABLE:
        state = row.get("state", "of an older kit")
        found.append((f"the throughput of {arm} is {state}", "04_concurrency"))
    if row["evidence"] not in ("measured", "recorded"):
        said = f"{row['machine']} is priced as {row['instance']}: {row['evidence']}"
        found.append((said, "05_cost"))
    return found


def _allowed(name: str, needed: Iterable[str]) -> tuple[str, ...]:
    """The statuses of a gate with which a system may still be compared."""
    if name not in needed:
        return ("PASS", "WARN", "NOT-RUN")
    if name == "platform_support":
        return ("PASS", "WARN")
    return ("PASS",)


def _of_other_arm(gate: str, arm: str) -> bool:
    """Whether a gate, "decisions ARM" or "parity ARM COMPONENT", judges another arm than this."""
    if gate == f"decisions {arm}":
        return False
    if gate.rpartition(" ")[0] in (f"parity {arm}", "parity every arm"):
        return False
    return gate.startswith(("parity ", "decisions "))


def unlike(a: dict, b: dict) -> dict:
    """What two records of kind `cost` were not asked alike, so that they may not be compared.

    Name -> its value in `a`.
    """
    ours = a["like"]
    theirs = b["like"]
    return {name: ours.get(name) for name in LIKE if ours.get(name) != theirs.get(name)}


def latency_note(row: dict) -> str:
    """ "p90 16 ms": of the percentile that the target is about; once that was p99."""
    value = row.get("latency_ms", row.get("p99_ms"))
    said = "not known"
    if value is not None:
        said = f"{value:.0f} ms"
    return f"p{row.get('percentile', 99):g} {said}"


def placement_note(row: dict) -> str:
    """ ", processes" where servers do not share one pipeline; once there was no other placement."""
    placement = row.get("placement", "threads")
    if placement == "threads":
        return ""
    return f", {placement}"


def differences(folders: Sequence[Path]) -> list[dict]:
    """What the systems of these results folders do not share, most important first.

    A row: "what", and a text per label of `labels`; a dash where a folder does not say.
    """
    facts = [_facts(folder) for folder in folders]
    names = labels(folders)
    found = []
    for groups in zip(*facts, strict=True):
        for what in dict.fromkeys(name for group in groups for name in group):
            values = [group.get(what) for group in groups]
            if any(value != values[0] for value in values):
                row = {"what": what}
                row.update(zip(names, map(_text, values), strict=True))
                found.append(row)
    return found


def labels(folders: Sequence[Path]) -> list[str]:
    """A name for each folder, "<profile> on <machine>", numbered from the second of a name on."""
    names = []
    for folder in folders:
        name = f"{read_run(folder).profile} on {read_machine(folder).name}"
        numbered = (f"{name} ({i})" for i in range(2, len(folders) + 2))
        names.append(next(one for one in (name, *numbered) if one not in names))
    return names


def _facts(folder: Path) -> list[dict]:
    """What a reader must know of a system: groups of facts, most important first."""
    check_results_folder(folder)
    machine = read_machine(folder)
    records = []
    for path in (folder / "records").glob("*.jsonl"):
        records.extend(Results(folder).read(path.stem))
    knobs = {
        f"{section}.{knob}": value
        for section, values in read_sections(folder / "profile.yaml").items()
        for knob, value in values.items()
    }
    asked = {}
    for knob in (*ASKED, *JUDGED_BY):
        for name in [name for name in knobs if name.endswith(f".{knob}")]:
            asked[name] = knobs.pop(name)
    libraries = dict(machine.versions)
    kit = {
        "profile": read_run(folder).profile,
        "blipkit": libraries.pop("blipkit", None),
        "git commit": machine.git_commit,
    }
    kit.update(knobs)
    digests = ("weights_digest", "pixel_digest", "image_backend")
    return [
        {name.replace("_", " "): _seen(records, name) for name in digests},
        asked,
        {"machine": machine.name},
        libraries,
        kit,
    ]


def _seen(records: list[dict], key: str) -> str | None:
    """The value that the records carry; several where notebooks ran on different checkpoints."""
    values = {str(row[key]) for row in records if row.get(key) is not None}
    return ", ".join(sorted(values)) or None


def _text(value) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
