import json
from xml.etree import ElementTree

import pytest

from blipkit.records import Gate, Results, worst
from blipkit.verdict import exit_status, in_words, make_verdict, write_verdict


def test_a_stopped_notebook_fails_the_run(tmp_path):
    """A cell that raises is a failed gate of the notebook's name, with its error."""
    (tmp_path / "run.json").write_text(
        json.dumps({"profile": "p", "notebooks": {"03_parity": {"status": "stopped", "error": "cell 4: KeyError"}}})
    )
    verdict = make_verdict(tmp_path)
    assert (
        verdict["status"] == "FAIL"
        and verdict["gates"][0]["gate"] == "03_parity"
        and "KeyError" in verdict["gates"][0]["reason"]
    )


def test_what_was_said_comes_through_in_xml(tmp_path):
    """Quotes, brackets and the lines of an error are in gates.xml as they were."""
    error = 'cell 4: it said <no> & "never"; last lines:\nstep 1\nstep 2'
    run = {"profile": "p", "notebooks": {"03_parity": {"status": "stopped", "error": error}}}
    (tmp_path / "run.json").write_text(json.dumps(run))
    write_verdict(tmp_path)
    (suite,) = ElementTree.parse(tmp_path / "gates.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
    assert f"FAIL: measured -, limit -. stopped: {error} read" in suite.find("testcase/failure").get("message")
    assert f"| 03_parity | FAIL | - | - | stopped: {error} |" in (tmp_path / "verdict.md").read_text()


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
    assert exit_status({"status": worst(gates), "gates": [vars(g) for g in gates]}, required) == expected


def test_a_skipped_notebook_is_not_run(tmp_path):
    """What needs records that nobody wrote says so; alone it is no evidence, so the exit status is 1."""
    state = {"status": "skipped", "error": "cell 3: NotMeasured: no records of 'concurrency'"}
    (tmp_path / "run.json").write_text(json.dumps({"profile": "p", "notebooks": {"05_cost": state}}))
    verdict = make_verdict(tmp_path)
    assert verdict["gates"][0]["status"] == "NOT-RUN" and "no records of" in verdict["gates"][0]["reason"]
    assert verdict["status"] == "NOT-RUN" and exit_status(verdict, []) == 1


def with_missing(folder, gpus, kinds):
    """A results folder measured on a machine with `gpus`, which misses evidence of `kinds`."""
    out = Results(folder, "05_cost")
    row = {"command": "make run", "hours": 1.0, "usd": 0.5}
    out.write("missing", [{"what": f"a measured run on {kind}", "kind": kind, **row} for kind in kinds])
    out.write("environment", [{"gpus": gpus, "neuron_devices": []}])
    out.write("cost", [{"arm": "eager float32", "servers": 1, "clients": 1, "best": True}])
    (folder / "run.json").write_text(json.dumps({"profile": "p", "notebooks": {}}))
    return folder


def test_what_lies_beside_is_not_missing(tmp_path):
    """A GPU's folder beside this one fills the gap; the words name what is left, its command, hours and dollars."""
    cpu, gpu = (with_missing(tmp_path / name, gpus, ["cuda", "neuron"]) for name, gpus in (("c", []), ("g", ["A10G"])))
    assert [m["what"] for m in make_verdict(cpu)["decision"]["missing"]] == [
        "a measured run on cuda",
        "a measured run on neuron",
    ]
    decision = make_verdict(cpu, [gpu])["decision"]
    assert in_words(decision) == (
        "Not enough evidence: no measured run on neuron yet. "
        "To get it: a measured run on neuron: make run, about 1 h, 0.50 USD."
    )
