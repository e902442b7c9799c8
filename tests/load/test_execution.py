"""Whether a Neuron device did what was sent is judged where arms on one were under load."""

from blipkit.load.execution import Execution

ROW = {
    "arm": "neuron all bf16",
    "call": "pipeline",
    "placement": "processes",
    "servers": 2,
    "clients": 2,
}
ROW |= {
    "sent": 100,
    "monitor_completed": 100,
    "counter_rise": 100,
    "failed": 0,
    "numerical_errors": 0,
    "processes": 1,
    "only_on_device": True,
    "seen_by_neuron_ls": True,
}
ROW |= {"utilisation_percent": 50.0, "device_ms": 1.0, "total_ms": 2.0, "predicted_host_gib": 2.0}


def test_a_run_without_such_arms_has_no_such_gate(capsys):
    """Nothing to prove; the table says so."""
    none = Execution([], expected=False)
    none.table()
    assert none.gates() == [] and "none here" in capsys.readouterr().out


def test_what_was_sent_and_counted_alike_passes(capsys):
    """Every run counts, and one that the device did not see is enough."""
    found = Execution([ROW, ROW], expected=True)
    found.table()
    assert "monitor_completed" in capsys.readouterr().out
    assert [(g.gate, g.status) for g in found.gates()] == [("execution load", "PASS")]
    unseen = {**ROW, "monitor_completed": 0, "counter_rise": 0}
    assert Execution([ROW, unseen], expected=True).gates()[0].status == "INVALID"


def test_what_a_recorded_folder_lacks_is_not_run(capsys):
    """Not INVALID, as nothing contradicts it."""
    lacking = Execution([], expected=True, recorded=False)
    lacking.table()
    assert lacking.gates()[0].status == "NOT-RUN" and "not recorded" in capsys.readouterr().out
