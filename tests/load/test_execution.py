"""Whether a Neuron device did what was sent is judged where arms on one were under load."""

from dataclasses import replace

from blipkit.load.execution import ExecutionProof
from blipkit.load.runs import Run, RunExecution
from blipkit.load.setting import Setting
from blipkit.runners.neuron.proof import Execution

RUN = Run(Setting("neuron all bf16", "pipeline", "processes", 2, 2), 0)
EXECUTION = Execution(
    sent=100,
    processes=2,
    monitor_completed=100,
    failed=0,
    numerical_errors=0,
    counter_rise=100,
    only_on_device=True,
    seen_by_neuron_ls=True,
    utilisation_percent=50.0,
    device_ms=1.0,
    total_ms=2.0,
)
ROW = RunExecution(RUN, EXECUTION, predicted_host_gib=2.0)


def test_a_run_without_such_arms_has_no_such_gate(capsys):
    """Nothing to prove; the table says so."""
    none = ExecutionProof([], expected=False)
    none.table()
    assert none.gates() == [] and "none here" in capsys.readouterr().out


def test_what_was_sent_and_counted_alike_passes(capsys):
    """Every run counts, and one that the device did not see is enough."""
    proof = ExecutionProof([ROW, ROW], expected=True)
    proof.table()
    assert "monitor_completed" in capsys.readouterr().out
    assert [(g.gate, g.status) for g in proof.gates()] == [("execution load", "PASS")]
    unseen = replace(ROW, execution=replace(EXECUTION, monitor_completed=0, counter_rise=0))
    assert ExecutionProof([ROW, unseen], expected=True).gates()[0].status == "INVALID"


def test_what_a_recorded_folder_lacks_is_not_run(capsys):
    """Not INVALID, as nothing contradicts it."""
    lacking = ExecutionProof([], expected=True, recorded=False)
    lacking.table()
    assert lacking.gates()[0].status == "NOT-RUN" and "not recorded" in capsys.readouterr().out
