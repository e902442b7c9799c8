import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from made_up import make, system

from blipkit.errors import BadInput
from blipkit.records.gates import Gate, worst
from blipkit.records.listing import output_of, write_listing
from blipkit.records.results import Results
from blipkit.report.page import write_report
from blipkit.report.verdict import (
    Conclusion,
    Verdict,
    decision_in_words,
    exit_status,
    make_verdict,
    write_verdict,
)


def run_with(folder, notebooks):
    """The folder of a run in which these chapters ended so, and left no records."""
    (folder / "environment.json").write_text('{"name": "m"}')
    (folder / "profile.yaml").write_text("{}")
    run = {"profile": "p", "notebooks": notebooks}
    (folder / "run.json").write_text(json.dumps(run))
    return folder


def test_a_stopped_notebook_fails_the_run(tmp_path):
    """A cell that raises is a failed gate of the notebook's name, with its error."""
    state = {"status": "stopped", "error": "cell 4: KeyError"}
    verdict = make_verdict(run_with(tmp_path, {"03_parity": state}))
    assert verdict.status == "FAIL"
    assert verdict.gates[0].gate == "03_parity" and "KeyError" in verdict.gates[0].reason


def test_what_was_said_comes_through_in_xml(tmp_path):
    """Quotes, brackets and the lines of an error are in gates.xml as they were, and on one line in the table of verdict.md."""
    error = 'cell 4: it said <no> & "never"; last lines:\nstep 1\nstep 2'
    write_verdict(run_with(tmp_path, {"03_parity": {"status": "stopped", "error": error}}))
    (suite,) = ElementTree.parse(tmp_path / "gates.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
    assert f"FAIL: measured -, limit -. stopped: {error} read" in suite.find(
        "testcase/failure"
    ).get("message")
    one_line = error.replace("\n", " ")
    assert (
        f"| 03_parity | FAIL | - | - |  | measured | stopped: {one_line} |"
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
    verdict = Verdict(1, "0", "p", [], worst(gates), 0, Conclusion("stay", [], []), "", gates)
    assert exit_status(verdict, required) == expected


def test_a_skipped_notebook_is_not_run(tmp_path):
    """What needs records that nobody wrote says so; alone it is no evidence, so the exit status is 1."""
    state = {"status": "skipped", "error": "cell 3: NotMeasured: no records of 'concurrency'"}
    verdict = make_verdict(run_with(tmp_path, {"05_cost": state}))
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
    (gpu / "profile.yaml").write_text("cost: {}")  # nobody stated it: as README forecasts
    assert decision_in_words(make_verdict(gpu).decision).endswith("about 1.98 h, 1.50 USD.")
    for decision in (make_verdict(gpu, [inf2]).decision, make_verdict(inf2, [gpu]).decision):
        assert decision.answer == "move" and not decision.missing
        assert decision.because[0].startswith("a good answer costs 25% less on inf2.xlarge")


def test_what_was_tested_stands_before_any_figure(tmp_path):
    """Model, frames, machine and date of each folder, in verdict.json and first in verdict.md; of a folder's path the last name alone."""
    shown = make(tmp_path / "a", gates=[("g", "PASS")], machine="m1", common={"seed": 3})
    mine = {"checkpoint": "/home/me/pets-2", "frames_from": "/data/cameras"}
    other = make(tmp_path / "b", gates=[("g", "PASS")], machine="m2", common=mine)
    verdict = write_verdict(shown, [other])
    assert [(one.model, one.demonstration) for one in verdict.tested] == [
        ("builtin:tiny-pets", True),
        ("pets-2", False),
    ]
    lines = (shown / "verdict.md").read_text().splitlines()
    assert lines[2] == (
        "Tested: builtin:tiny-pets, a demonstration model, asked about 300 synthetic scenes, on m1, "
        "on a day that is not recorded; pets-2, asked about up to 300 frames of a folder, on m2, "
        "on a day that is not recorded."
    )


def test_a_folder_that_is_not_priced_says_so(tmp_path):
    """Without records of 05 there is nothing to weigh."""
    folder = make(tmp_path / "p", [("g", "PASS")])
    (folder / "records/cost.jsonl").unlink()
    decision = make_verdict(folder).decision
    assert decision.because == ["nothing is priced here, as notebook 05_cost has not run"]


ODD = "a | b\nc \x1b[31mred\x1b[0m \x00 \ud800 \ufffe <&\"'> \t]]> end"


def test_the_first_caveat_is_one_sentence(tmp_path):
    """The platform's gate has a dozen lines, which would stand before every figure."""
    reason = "it is in maintenance; its last version is of August; as read on 2026-11-22"
    gate = Gate("platform_support", "answer", "WARN", reason=reason, next="pin it")
    page, _ = write_report(make(tmp_path / "run", [gate]))
    said = "First caveat: it is in maintenance. What to do: pin it. More of it stands at the gate platform_support."
    assert said in page.read_text() and said in (tmp_path / "run/verdict.md").read_text()


def test_gates_xml_holds_whatever_a_reason_says(tmp_path):
    """Control characters, lone surrogates and markup: it parses, with the reason spelt out."""
    gates = [Gate(f"g {ODD}", "answer", status, reason=ODD) for status in ("FAIL", "PASS")]
    gates += [
        Gate("i", "answer", "INVALID", reason=ODD),
        Gate("n", "answer", "NOT-RUN", reason=ODD),
    ]
    write_verdict(make(tmp_path / "r", gates=gates, profile='p \x1b"<'))
    cases = ElementTree.parse(tmp_path / "r/gates.xml").findall(".//testcase")
    spelt = ODD.replace("\x1b", "\\x1b").replace("\x00", "\\x00").replace("\ud800", "\\ud800")
    spelt = spelt.replace("\ufffe", "\\xfffe")
    shown = {case[0].tag: case[0].get("message") or case[0].text for case in cases}
    assert set(shown) == {"failure", "system-out", "error", "skipped"}
    for text in shown.values():
        assert " ".join(spelt.split()) in " ".join(text.split())
    assert "\n" in shown["failure"] and "\\x1b" in cases[0].get("name")


def test_a_table_of_verdict_md_keeps_its_columns(tmp_path):
    """A bar or a new line in a cell ends neither cell nor row."""
    says = {
        "unit": "a|day",
        "reason": "one\ntwo | three\r\n\nfour",
        "evidence": "x|y",
        "next": "a | b\nc",
    }
    gates = [Gate("a | b", "answer", "FAIL", **says)]
    write_verdict(make(tmp_path / "r", gates=gates))
    row = (tmp_path / "r/verdict.md").read_text().splitlines()[-1]
    assert re.split(r"(?<!\\)\|", row)[1:-1] == [
        " a \\| b ",
        " FAIL ",
        " - ",
        " - ",
        " a\\|day ",
        " x\\|y ",
        " one two \\| three four ",
        " a \\| b c ",
    ]


def test_what_did_not_pass_stands_first_in_verdict_md(tmp_path):
    """In the order of the chapters, and what passed after it."""
    states = [("a", "PASS"), ("b", "WARN"), ("c", "PASS"), ("d", "NOT-RUN")]
    write_verdict(make(tmp_path / "r", gates=states))
    lines = (tmp_path / "r/verdict.md").read_text().splitlines()[-4:]
    assert [line.split(" | ")[0] for line in lines] == ["| b", "| d", "| a", "| c"]


def test_a_verdict_is_verified_where_each_record_is_listed(tmp_path):
    """A cut file is refused before anything is written; one without a listing is not verified."""
    folder = make(tmp_path / "r", gates=[("a", "PASS"), ("b", "FAIL")])
    assert not make_verdict(folder).verified
    names = [f"records/{path.name}" for path in (folder / "records").iterdir()]
    write_listing(folder, {"03_parity": [output_of(folder, name) for name in names]})
    assert make_verdict(folder).verified
    path = folder / "records/gates_03_parity.jsonl"
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    with pytest.raises(BadInput, match=r"gates_03_parity\.jsonl has 1 of 2 records"):
        write_verdict(folder)
    assert not (folder / "verdict.json").exists()


@pytest.mark.parametrize("name", ["verdict.json", "verdict.md", "gates.xml", "report"])
def test_a_report_is_not_written_through_a_link(tmp_path, name):
    """It is refused by name, before anything is written."""
    folder = make(tmp_path / "r", gates=[("a", "PASS")])
    (tmp_path / "mine").mkdir()
    (folder / name).symlink_to(tmp_path / "mine")
    with pytest.raises(BadInput, match=f"{name} is a link"):
        write_report(folder)
    assert not list((tmp_path / "mine").iterdir())
    assert len(list(folder.iterdir())) == 5
