"""The verdict of a results folder: every gate, the decision in words, and the exit status."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

import blipkit
from blipkit.cost.decision import NOT_ENOUGH, weigh_folders
from blipkit.cost.fleets import about_usd
from blipkit.cost.missing import MissingStep
from blipkit.cost.systems import PLATFORM_GATE
from blipkit.cost.throughput import interval_in_words
from blipkit.display.tables import number
from blipkit.paths import inside
from blipkit.records.documents import SCHEMA
from blipkit.records.evidence import open_evidence
from blipkit.records.gates import Gate, Status, decide, not_run, worst
from blipkit.records.results import Results
from blipkit.records.run_record import RunRecord
from blipkit.records.writing import write_document, write_text
from blipkit.renamed import gate_today
from blipkit.report.folders import is_by_hand, knobs_of, machine_of, run_of
from blipkit.report.tested import Tested, said_first, tested_in

FEW = 1e-6  # a smaller share is no percentage that anybody reads
# control characters, lone surrogates and what is no character, none of which XML may hold
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Conclusion:
    """The decision as a verdict has it: move, stay or not enough evidence; why; what is missing."""

    answer: str
    because: list[str]
    missing: list[MissingStep]


@dataclass(frozen=True)
class Verdict:
    """What verdict.json holds of a results folder.

    tested: what the figures are about, the folder's own first. status: the worst of its gates;
    not_run: how many of them are NOT-RUN. recorded: of a replay, where and when its figures were
    measured; "" for a run of this machine. by_hand: its chapters were opened by hand. verified: its
    records are as a run left them; not_verified: why that is not known, "" where it is.
    """

    schema: int
    kit_version: str
    profile: str
    tested: list[Tested]
    status: Status
    not_run: int
    decision: Conclusion
    recorded: str
    gates: list[Gate]
    by_hand: bool = False
    verified: bool = False
    not_verified: str = ""


def make_verdict(folder: Path, beside: Sequence[Path] = ()) -> Verdict:
    """Read the folder's gates and run.json into a verdict; what folders `beside` it measured is not
    missing.
    """
    run = run_of(folder)
    evidence = open_evidence(folder)
    gates = [*Results(folder).gates(), *_gates_of_notebooks(run)]
    return Verdict(
        schema=SCHEMA,
        kit_version=blipkit.__version__,
        profile=run.profile,
        tested=[tested_in(path) for path in (folder, *beside)],
        status=worst(gates),
        not_run=sum(gate.status == "NOT-RUN" for gate in gates),
        decision=conclusion_of(folder, gates, beside),
        recorded=_recorded(folder, run),
        gates=gates,
        by_hand=is_by_hand(folder),
        verified=evidence.verified,
        not_verified=evidence.reason,
    )


def _recorded(folder: Path, run: RunRecord) -> str:
    """Of a replay: where and when its figures were measured; "" for a run of this machine."""
    if not run.recorded:
        return ""
    machine = machine_of(folder)
    here = f"replayed on {machine.replayed_on}, which measured nothing"
    return f"Recorded on {machine.name}, {run.recorded}; {here}."


def _gates_of_notebooks(run: RunRecord) -> list[Gate]:
    """A notebook that stopped for another reason than its gates is itself a failed gate; one that
    was skipped, NOT-RUN.
    """
    gates = []
    for stem, notebook in run.notebooks.items():
        if notebook.status == "stopped":
            reason = f"stopped: {notebook.error}"
            advice = f"read that cell in {stem}.ipynb beside this verdict"
            gates.append(decide(stem, "answer", False, reason=reason, next=advice))
        elif notebook.status == "skipped":
            reason = f"skipped: {notebook.error}"
            gates.append(not_run(stem, "answer", reason, "run the notebook that it depends on"))
    return gates


def conclusion_of(folder: Path, gates: list[Gate], beside: Sequence[Path] = ()) -> Conclusion:
    """The decision on a folder and those beside it; a failed gate here is named, too."""
    because = []
    if has_rehearsed(gates):
        because.append("a rehearsal, in which nothing ran on a Neuron device")
    because += [f"gate failed: {gate.gate}" for gate in gates if gate.status in ("FAIL", "INVALID")]
    if not Results(folder).has("cost"):
        because.append("nothing is priced here, as notebook 05_cost has not run")
        return Conclusion(NOT_ENOUGH, because, [])
    folders = [Results(path) for path in (folder, *beside)]
    decision = weigh_folders(folders, knobs_of(folder, "cost"))
    return Conclusion(decision.answer, because + decision.because, decision.missing)


def has_rehearsed(gates: Sequence[Gate]) -> bool:
    """Whether a fake device stood in for a real one."""
    return any(gate.evidence.startswith("rehearsal") for gate in gates)


def caveat(verdict: Verdict) -> str:
    """What to know before anything else of the platform that the decision is about: the first of
    the reasons of its gate, which has them all.
    """
    for gate in verdict.gates:
        if gate.gate == PLATFORM_GATE and gate.status == "WARN":
            first, *others = gate.reason.split("; ")
            advice = f"What to do: {gate.next}."
            if others:
                advice = f"{advice} More of it stands at the gate {PLATFORM_GATE}."
            return f"First caveat: {first}. {advice}"
    return ""


def decision_in_words(decision: Conclusion) -> str:
    """The decision as a sentence: what it is, because of what, and what the missing evidence
    takes.
    """
    text = f"{decision.answer.capitalize()}: {'; '.join(decision.because)}."
    steps = []
    for step in decision.missing:
        takes = f"about {step.hours:.3g} h, {step.usd:.2f} USD"
        steps.append(f"{step.what}: {step.command}, {takes}")
    if not steps:
        return text
    return f"{text} To get it: {'; '.join(steps)}."


def exit_status(verdict: Verdict, required: Sequence[str]) -> int:
    """0 where nothing failed, something held, and every required gate was measured; else 1."""
    holds = verdict.status in ("PASS", "WARN")
    return int(not holds or bool(unmeasured(verdict.gates, required)))


def unmeasured(gates: Sequence[Gate], required: Sequence[str]) -> list[str]:
    """The required gates that are NOT-RUN or that no notebook judged."""
    statuses = {gate.gate: gate.status for gate in gates}
    names = map(gate_today, required)
    return [name for name in names if statuses.get(name, "NOT-RUN") == "NOT-RUN"]


def write_verdict(folder: Path, beside: Sequence[Path] = ()) -> Verdict:
    """Write verdict.json, verdict.md (decision first, then what is missing, then every gate) and
    gates.xml (JUnit).
    """
    verdict = make_verdict(folder, beside)
    write_document(inside(folder, "verdict.json"), asdict(verdict))
    for name in ("verdict.md", "gates.xml"):
        write_text(inside(folder, name), render(name, verdict))
    return verdict


def render(name: str, verdict: Verdict, **parts: Any) -> str:
    """The template NAME.j2 of this package, filled in with a verdict, its words and other `parts`.

    Filters there: `number`, `percent`, `about` (USD), `ends` (what an interval is, by a basis of
    throughput), `cell` (of a Markdown table) and `plain` (as XML can hold).
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=name.endswith((".html", ".xml")),
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = number
    environment.filters["percent"] = _percent
    environment.filters["about"] = about_usd
    environment.filters["late"] = _late
    environment.filters["ends"] = interval_in_words
    environment.filters["cell"] = _cell
    environment.filters["plain"] = _plain
    template = environment.get_template(f"{name}.j2")
    headline = decision_in_words(verdict.decision)
    return template.render(
        verdict=verdict,
        tested=said_first(verdict.tested),
        headline=headline,
        caveat=caveat(verdict),
        **parts,
    )


def _late(share: float) -> str:
    """A share of late requests in words: percent, or one in how many where hardly any is."""
    if 0 < share < FEW:
        return f"fewer than one in {1 / FEW:,.0f}"
    return f"{100 * share:.2g} %"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


def _cell(value: Any) -> str:
    """A text as a cell of a Markdown table holds it: on one line, and no bar ends it."""
    return " ".join(str(value).split()).replace("|", "\\|")


def _plain(value: Any) -> str:
    """A text with what XML cannot hold, as a terminal's colours, spelt out."""
    return NOT_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", str(value))
