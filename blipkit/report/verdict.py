"""The verdict of a results folder: every gate, the decision in words, and the exit status."""

import json
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

import blipkit
from blipkit.cost.decision import NOT_ENOUGH, decide
from blipkit.display.tables import number
from blipkit.profiles.profile import section_in
from blipkit.records.documents import SCHEMA, read_machine
from blipkit.records.gates import Gate, not_run, worst
from blipkit.records.results import Results
from blipkit.records.run_record import RunRecord, read_run
from blipkit.renamed import gate_today


def make_verdict(folder: Path, beside: Sequence[Path] = ()) -> dict:
    """Read the folder's gates and run.json into a verdict; what folders `beside` it measured is not
    missing.
    """
    run = read_run(folder)
    gates = [*Results(folder).gates(), *_stopped(run)]
    return {
        "schema": SCHEMA,
        "kit_version": blipkit.__version__,
        "profile": run.profile,
        "status": worst(gates),
        "not_run": sum(gate.status == "NOT-RUN" for gate in gates),
        "decision": decision_of(folder, gates, beside),
        "recorded": _recorded(folder, run),
        "gates": [vars(gate) for gate in gates],
    }


def _recorded(folder: Path, run: RunRecord) -> str:
    """Of a replay: where and when its figures were measured; "" for a run of this machine."""
    if not run.recorded:
        return ""
    machine = read_machine(folder)
    here = f"replayed on {machine.replayed_on}, which measured nothing"
    return f"Recorded on {machine.name}, {run.recorded}; {here}."


def _stopped(run: RunRecord) -> list[Gate]:
    """A notebook that stopped for another reason than its gates is itself a failed gate; one that
    was skipped, NOT-RUN.
    """
    gates = []
    for stem, ended in run.notebooks.items():
        if ended.status == "stopped":
            reason = f"stopped: {ended.error}"
            advice = f"read that cell in {stem}.ipynb beside this verdict"
            gates.append(Gate(stem, "answer", "FAIL", reason=reason, next=advice))
        elif ended.status == "skipped":
            reason = f"skipped: {ended.error}"
            gates.append(not_run(stem, "answer", reason, "run the notebook that it depends on"))
    return gates


def decision_of(folder: Path, gates: list[Gate], beside: Sequence[Path] = ()) -> dict:
    """What `decide` says of a folder and those beside it; a failed gate here is named, too."""
    because = []
    if is_rehearsal(gates):
        because.append("a rehearsal, in which nothing ran on a Neuron device")
    because += [f"gate failed: {gate.gate}" for gate in gates if gate.status in ("FAIL", "INVALID")]
    if not Results(folder).has("cost"):
        because.append("nothing is priced here, as notebook 05_cost has not run")
        return {"answer": NOT_ENOUGH, "because": because, "missing": []}
    found = decide([Results(one) for one in (folder, *beside)], section_in(folder, "cost"))
    return {
        "answer": found["answer"],
        "because": because + found["because"],
        "missing": found["missing"],
    }


def is_rehearsal(gates: Sequence[Gate]) -> bool:
    """Whether a device of paper stood in for a real one."""
    return any(gate.evidence.startswith("rehearsal") for gate in gates)


def caveat(verdict: dict) -> str:
    """What to know before anything else of the platform that the decision is about."""
    for gate in verdict["gates"]:
        if gate["gate"] == "platform_support" and gate["status"] == "WARN":
            return f"First caveat: {gate['reason']}. What to do: {gate['next']}."
    return ""


def in_words(decision: dict) -> str:
    """The decision as a sentence: what it is, because of what, and what the missing evidence
    takes.
    """
    text = f"{decision['answer'].capitalize()}: {'; '.join(decision['because'])}."
    steps = []
    for one in decision["missing"]:
        takes = f"about {one['hours']:.2g} h, {one['usd']:.2f} USD"
        steps.append(f"{one['what']}: {one['command']}, {takes}")
    if not steps:
        return text
    return f"{text} To get it: {'; '.join(steps)}."


def exit_status(verdict: dict, required: list[str]) -> int:
    """0 where nothing failed, something held, and every required gate was measured; else 1."""
    holds = verdict["status"] in ("PASS", "WARN")
    return int(not holds or bool(unmeasured(verdict, required)))


def unmeasured(verdict: dict, required: list[str]) -> list[str]:
    """The required gates that are NOT-RUN or that no notebook judged."""
    statuses = {gate["gate"]: gate["status"] for gate in verdict["gates"]}
    names = map(gate_today, required)
    return [name for name in names if statuses.get(name, "NOT-RUN") == "NOT-RUN"]


def write_verdict(folder: Path, beside: Sequence[Path] = ()) -> dict:
    """Write verdict.json, verdict.md (decision first, then what is missing, then every gate) and
    gates.xml (JUnit).
    """
    verdict = make_verdict(folder, beside)
    (folder / "verdict.json").write_text(json.dumps(verdict, indent=2) + "\n", encoding="utf-8")
    for name in ("verdict.md", "gates.xml"):
        (folder / name).write_text(render(name, verdict), encoding="utf-8")
    return verdict


def render(name: str, verdict: dict, **more) -> str:
    """The template NAME.j2 of this package, filled in with a verdict and its words; `number` and
    `percent` are filters there.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=name.endswith((".html", ".xml")),
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = number
    environment.filters["percent"] = _percent
    template = environment.get_template(f"{name}.j2")
    headline = in_words(verdict["decision"])
    return template.render(verdict=verdict, headline=headline, caveat=caveat(verdict), **more)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"
