"""The verdict of a results folder: every gate, the decision in words, and the exit status."""

import json
from pathlib import Path

import blipkit
from blipkit.records import SCHEMA, Gate, Results, worst


def make_verdict(folder: Path) -> dict:
    """Read the folder's gates and run.json into a verdict (see docs in the README: verdict.json)."""
    run = json.loads((folder / "run.json").read_text())
    results = Results(folder)
    gates = [*results.gates(), *_stopped(run)]
    return {
        "schema": SCHEMA,
        "kit_version": blipkit.__version__,
        "profile": run["profile"],
        "status": worst(gates),
        "not_run": sum(gate.status == "NOT-RUN" for gate in gates),
        "decision": decide(results, gates),
        "gates": [vars(gate) for gate in gates],
    }


def _stopped(run: dict) -> list[Gate]:
    """A notebook that stopped for another reason than its gates is itself a failed gate."""
    advice = "read the cell's error in the executed notebook"
    return [
        Gate(stem, "answer", "FAIL", reason=f"stopped: {one['error']}", next=advice)
        for stem, one in run["notebooks"].items()
        if one["status"] == "stopped"
    ]


def decide(results: Results, gates: list[Gate]) -> dict:
    """move, stay, or not enough evidence; because of what; what is missing and what getting it takes."""
    missing = (
        [{k: row[k] for k in ("what", "command", "hours", "usd")} for row in results.read("missing")]
        if results.has("missing")
        else []
    )
    failed = [gate.gate for gate in gates if gate.status in ("FAIL", "INVALID")]
    because = [f"gate failed: {name}" for name in failed] + [f"missing: {row['what']}" for row in missing]
    if not results.has("missing"):
        because.append("missing: notebook 05_cost has not run")
    return {"answer": "not enough evidence", "because": because, "missing": missing}


def exit_status(verdict: dict, required: list[str]) -> int:
    """0 where nothing failed, something held, and every required gate was measured; else 1."""
    statuses = {gate["gate"]: gate["status"] for gate in verdict["gates"]}
    measured = all(statuses.get(name, "NOT-RUN") != "NOT-RUN" for name in required)
    return 0 if measured and verdict["status"] in ("PASS", "WARN") else 1


def write_verdict(folder: Path) -> dict:
    """Write verdict.json, verdict.md and gates.xml (JUnit)."""
    verdict = make_verdict(folder)
    (folder / "verdict.json").write_text(json.dumps(verdict, indent=2) + "\n", encoding="utf-8")
    (folder / "verdict.md").write_text(as_markdown(verdict), encoding="utf-8")
    _write_junit(verdict, folder / "gates.xml")
    return verdict


def as_markdown(verdict: dict) -> str:
    """Decision first, then what is missing, then every gate."""
    decision = verdict["decision"]
    lines = [f"# {decision['answer'].capitalize()}", "", *(f"- {reason}" for reason in decision["because"]), ""]
    if decision["missing"]:
        lines += ["| to get | command | about hours | about USD |", "|---|---|---|---|"]
        lines += [f"| {m['what']} | {m['command']} | {m['hours']:g} | {m['usd']:.2f} |" for m in decision["missing"]]
        lines.append("")
    lines += [
        f"The kit's own status is {verdict['status']}, with {verdict['not_run']} gates not run (profile {verdict['profile']}).",
        "",
    ]
    lines += ["| gate | status | measured | limit | reason |", "|---|---|---|---|---|"]
    lines += [
        f"| {g['gate']} | {g['status']} | {number(g['measured'])} | {number(g['limit'])} | {g['reason']} |"
        for g in verdict["gates"]
    ]
    return "\n".join(lines) + "\n"


def number(value) -> str:
    """A figure to four significant digits; a dash where there is none."""
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _write_junit(verdict: dict, path: Path) -> None:
    from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

    outcomes = {"FAIL": Failure, "INVALID": Error, "NOT-RUN": Skipped}
    suite = TestSuite(f"blipkit {verdict['profile']}")
    for gate in verdict["gates"]:
        case = TestCase(gate["gate"], classname=f"{verdict['profile']}.{gate['kind']}")
        said = f"{gate['status']}: measured {number(gate['measured'])}, limit {number(gate['limit'])}. {gate['reason']} {gate['next']}".strip()
        if gate["status"] in outcomes:
            case.result = [outcomes[gate["status"]](said)]
        else:
            case.system_out = said
        suite.add_testcase(case)
    xml = JUnitXml()
    xml.add_testsuite(suite)
    xml.write(str(path), pretty=True)
