import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from made_up import make, system

from blipkit.records.gates import Gate, worst
from blipkit.records.results import Results
from blipkit.report.verdict import (
    Conclusion,
    Verdict,
    decision_in_words,
    exit_status,
    make_verdict,
    write_verdict,
)


def test_a_stopped_notebook_fails_the_run(tmp_path):
    """A cell that raises is a failed gate of the notebook's name, with its error."""
    (tmp_path / "run.json").write_text(
        json.dumps(
            {
                "profile": "p",
                "notebooks": {"03_parity": {"status": "stopped", "error": "cell 4: KeyError"}},
            }
        )
    )
    verdict = make_verdict(tmp_path)
    assert verdict.status == "FAIL"
    assert verdict.gates[0].gate == "03_parity" and "KeyError" in verdict.gates[0].reason


def test_what_was_said_comes_through_in_xml(tmp_path):
    """Quotes, brackets and the lines of an error are in gates.xml as they were, and on one line in the table of verdict.md."""
    error = 'cell 4: it said <no> & "never"; last lines:\nstep 1\nstep 2'
    run = {"profile": "p", "notebooks": {"03_parity": {"status": "stopped", "error": error}}}
    (tmp_path / "run.json").write_text(json.dumps(run))
    write_verdict(tmp_path)
    (suite,) = ElementTree.parse(tmp_path / "gates.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
    assert f"FAIL: measured -, limit -. stopped: {error} read" in suite.find(
        "testcase/failure"
    ).get("message")
    one_line = error.replace("\n", " ")
    assert (
        f"| 03_parity | FAIL | - | - | measured | stopped: {one_line} |"
        in (tmp_path / "verdict.md").read_text()
    )


@pytest.mark.parametrize(
    ("statuses", "required", "expected"),
    [
        ({"a": "PASS"}, ["a"], 0),
        ({"a": "WARN", "b": "NOT-RUN"}, ["a"], 0),
        ({"a": "PASS", "b": "FAIL"}, [], 1),
        ({"a": "PASS", "b": "INVALID"}, [], 1),
        ({"a": "PASS", "b": "NOT-RUN"}, ["b"], 1),
        ({"a": "PASS"}, ["c"], 1),
        ({"a": "NOT-RUN"}, [], 1),
    ],
)
def test_the_exit_status_follows_the_gates(statuses, required, expected):
    """0 where nothing failed, something held, and all that is required was measured."""
    gates = [Gate(name, "answer", status) for name, status in statuses.items()]
    verdict = Verdict(1, "0", "p", worst(gates), 0, Conclusion("stay", [], []), "", gates)
    assert exit_status(verdict, required) == expected


def test_a_skipped_notebook_is_not_run(tmp_path):
    """What needs records that nobody wrote says so; alone it is no evidence, so the exit status is 1."""
    state = {"status": "skipped", "error": "cell 3: NotMeasured: no records of 'concurrency'"}
    (tmp_path / "run.json").write_text(
        json.dumps({"profile": "p", "notebooks": {"05_cost": state}})
    )
    verdict = make_verdict(tmp_path)
    (gate,) = verdict.gates
    assert gate.status == "NOT-RUN" and "no records of" in gate.reason
    assert verdict.status == "NOT-RUN" and exit_status(verdict, []) == 1


def folder_of(path, kind, machine):
    """A results folder in which 05 priced a setting of this kind of machine, all gates passed."""
    row = replace(system(kind).row, best=True)
    gates = ["answers under load", "requests conserved", "latency target", "execution parity"]
    gates += ["execution load", "platform_support"]
    gates += [f"parity {row.arm} pipeline", f"decisions {row.arm}"]
    make(path, [(name, "PASS") for name in gates], cost=[row], machine=machine)
    (path / "profile.yaml").write_text("cost: {rental_hours: 2.0}")
    out = Results(path, "00_environment")
    out.write(
        "environment",
        [
            {
                "gpus": ["NVIDIA A10G"] * (kind == "cuda"),
                "neuron_devices": ["n"] * (kind == "neuron"),
            }
        ],
    )
    return path


def test_what_lies_beside_is_not_missing(tmp_path):
    """A GPU's folder beside this one fills the gap; the words name what is left, its command, hours and dollars."""
    gpu, inf2 = (folder_of(tmp_path / kind, kind, kind) for kind in ("cuda", "neuron"))
    decision = make_verdict(gpu).decision
    assert decision_in_words(decision) == (
        "Not enough evidence: no measured run on inf2.xlarge yet. "
        "To get it: a measured run on inf2.xlarge: make run PROFILE=inf2, about 2 h, 1.52 USD."
    )
    for decision in (make_verdict(gpu, [inf2]).decision, make_verdict(inf2, [gpu]).decision):
        assert decision.answer == "move" and not decision.missing
        assert decision.because[0].startswith("a good answer costs 25% less on inf2.xlarge")


def test_a_folder_that_is_not_priced_says_so(tmp_path):
    """Without records of 05 there is nothing to weigh."""
    folder = make(tmp_path / "p", [("g", "PASS")])
    (folder / "records/cost.jsonl").unlink()
    decision = make_verdict(folder).decision
    assert decision.because == ["nothing is priced here, as notebook 05_cost has not run"]
