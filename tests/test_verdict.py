import json

import pytest

from blipkit.records import Gate, worst
from blipkit.verdict import exit_status, make_verdict


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
