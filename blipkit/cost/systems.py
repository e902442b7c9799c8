"""The systems that results folders describe: what each does at its best setting, and what differs between them."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from blipkit.cost.prices import Price
from blipkit.errors import BadInput, nearest
from blipkit.load.summary import SETTLED
from blipkit.machine.host import machine_kind
from blipkit.paths import PUBLISHED, ROOT
from blipkit.profiles.profile import read_sections
from blipkit.records.documents import check_results_folder, read_document
from blipkit.records.gates import Gate, not_run
from blipkit.records.results import Results

ASKED = ("checkpoint", "questions", "frames_from", "frames", "distinct_frames", "seed")  # knobs
JUDGED_BY = ("threads", "latency_limit_ms", "target_saving")

# what 04 must have asked of two systems alike, and in which section a profile says so; nowhere: the machine gives it
LIKE = dict.fromkeys(("weights_digest", "pixel_digest", "frames_digest", "transformers"), "")
LIKE |= dict.fromkeys(("questions", "buckets", "threads"), "common")
LIKE |= dict.fromkeys(("call", "batch", "batch_wait_ms", "think_ms", "repeat_share"), "concurrency")
LIKE |= dict.fromkeys(("percentile", "latency_limit_ms"), "concurrency")
# gates of a system that must pass, and who judges them
NEEDED = dict.fromkeys(("parity {arm} pipeline", "decisions {arm}"), "03_parity")
NEEDED |= dict.fromkeys(("answers under load", "requests conserved", "latency target"), "04_concurrency")
ON_NEURON = {"execution parity": "03_parity", "execution load": "04_concurrency"}
ON_NEURON |= {"platform_support": "00_environment"}  # shown, whatever it says




def is_instance(machine: dict, price: Price) -> bool:
    """Whether a machine, as `machine.describe` has it, shows the vCPUs and accelerators of what it is priced as."""
    seen = machine["neuron_devices"] or machine["gpus"]
    named = all(re.search(rf"\b{re.escape(price.accelerator)}\b", gpu.lower()) for gpu in machine["gpus"])
    alike = (len(seen), machine["cores"]) == (price.accelerator_count, price.vcpu)
    return bool(seen) and named and alike


def find_results(name: str) -> Path:
    """A results folder by its path, its name in results/, or its <machine>/<profile> in results/published/."""
    results, kept = ROOT / "results", "records/cost.jsonl"
    places = (Path(name).expanduser(), results / name, PUBLISHED / name)
    found = next((place for place in places if (place / kept).is_file()), None)
    if found is None:
        known = [path.relative_to(results).parents[1] for path in results.glob(f"*/{kept}")]
        known += [path.relative_to(PUBLISHED).parents[1] for path in PUBLISHED.glob(f"*/*/{kept}")]
        raise BadInput(f"no results of 05_cost in {name}; {nearest(name, known)}")
    return found.resolve()


def systems(folders: Iterable[Results]) -> list[dict]:
    """One row per results folder and arm: its record of kind `cost` at the operating point, and whether it may be compared.

    gaps: what keeps it out of a verdict, each with the notebook that would settle it.
    """
    rows = []
    for results in folders:
        kinds, gates = [machine_kind(row) for row in results.rows("environment")], results.gates()
        kind = kinds[0] if kinds else "unknown"
        for row in (row for row in results.rows("cost") if row["best"]):
            setting = f"{row['servers']}-{row['clients']}{placement_note(row)}"
            about = {"kind": kind, "setting": setting, "latency": latency_note(row), "folder": str(results.folder)}
            own = gaps(row, kind, gates)
            rows.append({**row, **about, "gaps": own, "gap": own[0][0] if own else ""})
    return rows


def gaps(row: dict, kind: str, gates: list[Gate]) -> list[tuple[str, str]]:
    """What keeps a record of kind `cost` out of a verdict, and the notebook that would settle it; "" where several may."""
    arm, needed = row["arm"], NEEDED | (ON_NEURON if kind == "neuron" else {})
    needed = {name.format(arm=arm): notebook for name, notebook in needed.items()}
    status = {gate.gate: gate for gate in gates if not _of_other_arm(gate.gate, arm)}
    status |= {name: not_run(name, "answer", "") for name in needed if name not in status}
    found = []
    for name, gate in status.items():
        held = ("PASS", "WARN") if name == "platform_support" else ("PASS",)
        if gate.status not in (held if name in needed else ("PASS", "WARN", "NOT-RUN")):
            said = ". ".join(filter(None, [f"{name} is {gate.status}", gate.reason, gate.next]))
            found.append((said, needed.get(name, "")))
    if row.get("state") != SETTLED:
        found.append((f"the throughput of {arm} is {row.get('state', 'of an older kit')}", "04_concurrency"))
    if row["evidence"] not in ("measured", "recorded"):
        found.append((f"{row['machine']} is priced as {row['instance']}: {row['evidence']}", "05_cost"))
    return found


def _of_other_arm(gate: str, arm: str) -> bool:
    """Whether a gate, "decisions ARM" or "parity ARM COMPONENT", judges another arm than this one."""
    own = gate == f"decisions {arm}" or gate.rpartition(" ")[0] in (f"parity {arm}", "parity every arm")
    return gate.startswith(("parity ", "decisions ")) and not own


def unlike(a: dict, b: dict) -> dict:
    """What two records of kind `cost` were not asked alike, so that they may not be compared: name -> its value in `a`."""
    return {name: a["like"].get(name) for name in LIKE if a["like"].get(name) != b["like"].get(name)}


def latency_note(row: dict) -> str:
    """ "p90 16 ms": of the percentile that the target is about; once that was p99."""
    value = row.get("latency_ms", row.get("p99_ms"))
    return f"p{row.get('percentile', 99):g} " + ("not known" if value is None else f"{value:.0f} ms")


def placement_note(row: dict) -> str:
    """ ", processes" for a row whose servers do not share one pipeline; once there was no other placement."""
    placement = row.get("placement", "threads")
    return "" if placement == "threads" else f", {placement}"


def differences(folders: Sequence[Path]) -> list[dict]:
    """What the systems of these results folders do not share, most important first: "what", and a text per label.

    Labels are those of `labels`. A dash stands where a folder does not say.
    """
    systems, names = [_facts(folder) for folder in folders], ["what", *labels(folders)]
    found = []
    for groups in zip(*systems, strict=True):
        for what in dict.fromkeys(name for group in groups for name in group):
            values = [group.get(what) for group in groups]
            if any(value != values[0] for value in values):
                found.append(dict(zip(names, [what, *map(_text, values)], strict=True)))
    return found


def labels(folders: Sequence[Path]) -> list[str]:
    """A name for each folder, "<profile> on <machine>", numbered from the second of the same name on."""
    names = []
    for folder in folders:
        run, machine = (read_document(folder / name) for name in ("run.json", "environment.json"))
        name = f"{run['profile']} on {machine['name']}"
        numbered = (f"{name} ({i})" for i in range(2, len(folders) + 2))
        names.append(next(one for one in (name, *numbered) if one not in names))
    return names




def _facts(folder: Path) -> list[dict]:
    """What a reader must know of a system: groups of facts, most important first."""
    check_results_folder(folder)
    run, machine = (read_document(folder / name) for name in ("run.json", "environment.json"))
    records = [row for path in (folder / "records").glob("*.jsonl") for row in Results(folder).read(path.stem)]
    sections = read_sections(folder / "profile.yaml")
    knobs = {f"{name}.{knob}": value for name, own in sections.items() for knob, value in own.items()}
    libraries = dict(machine["versions"])
    kit = {"profile": run["profile"], "blipkit": libraries.pop("blipkit", None), "git commit": machine["git_commit"]}
    return [
        {name.replace("_", " "): _seen(records, name) for name in ("weights_digest", "pixel_digest", "image_backend")},
        {name: knobs.pop(name) for knob in (*ASKED, *JUDGED_BY) for name in list(knobs) if name.endswith(f".{knob}")},
        {"machine": machine["name"]},
        libraries,
        kit | knobs,
    ]


def _seen(records: list[dict], key: str) -> str | None:
    """The value that the records carry; more than one where notebooks ran on different checkpoints."""
    return ", ".join(sorted({str(row[key]) for row in records if row.get(key) is not None})) or None


def _text(value) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value)
