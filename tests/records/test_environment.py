import math

import pytest
from studies import recorded

from blipkit.machine import host
from blipkit.records import environment
from blipkit.records.environment import (
    MeasuredMachine,
    Speed,
    facts_of,
    measure_environment,
    recorded_gflops,
)
from blipkit.records.results import Results

CPU = {"gpus": [], "neuron_devices": []}
GPU = {"gpus": ["NVIDIA A10G"], "neuron_devices": []}
INF2 = {"gpus": [], "neuron_devices": ["neuron0"]}


def speed_of(machine: dict) -> Speed:
    return Speed(matmul_gflops=80.0, shared=True, cores=2, memory_gib=15.4, **machine)


@pytest.mark.parametrize(
    ("machine", "expect", "status", "found"),
    [
        (CPU, "cpu", "PASS", "cpu"),
        (GPU, "cpu", "PASS", "cuda"),
        (GPU, "cuda", "PASS", "cuda"),
        (INF2, "neuron", "PASS", "neuron"),
        (CPU, "neuron", "FAIL", "cpu"),
        (GPU, "neuron", "FAIL", "cuda"),
        (INF2, "cuda", "FAIL", "neuron"),
    ],
)
def test_the_machine_must_be_the_kind_that_the_profile_expects(machine, expect, status, found):
    """Every machine has a processor; the gate names machine, what was expected and what it is."""
    (gate,) = MeasuredMachine("mine", speed_of(machine)).gates(expect)
    assert (gate.gate, gate.kind, gate.status, gate.measured, gate.limit) == (
        "machine",
        "answer",
        status,
        "mine",
        expect,
    )
    assert gate.reason == f"the profile expects {expect}, this is {found}"


def test_the_rate_is_kept_with_the_machine_that_it_is_of(tmp_path, monkeypatch):
    """One record, with threads' rate and what the drivers show; another chapter reads the rate from it."""
    asked = []
    monkeypatch.setattr(environment, "matmul_gflops", lambda threads: asked.append(threads) or 80.0)
    out = Results(tmp_path, "00_environment")
    assert math.isnan(recorded_gflops(out))
    found = measure_environment(out, threads=3, shared=False)
    assert asked == [3] and found.gflops == 80.0 == recorded_gflops(out)
    (row,) = out.read("environment")
    machine = host.describe()
    assert list(row)[-8:-2] == [
        "matmul_gflops",
        "shared",
        "cores",
        "memory_gib",
        "gpus",
        "neuron_devices",
    ]
    assert {name: row[name] for name in ("cores", "memory_gib", "gpus")} == {
        n: getattr(machine, n) for n in ("cores", "memory_gib", "gpus")
    }
    assert row["shared"] is False and row["evidence"] == "measured"


def test_a_replay_without_the_record_has_no_machine_to_judge(tmp_path):
    """NOT-RUN, and no rate."""
    out = Results(tmp_path / "out", "00_environment", replay=str(recorded(tmp_path / "far")))
    found = measure_environment(out, threads=1, shared=True)
    assert found == MeasuredMachine("far away", None) and found.gflops is None
    assert [gate.status for gate in found.gates("cpu")] == ["NOT-RUN"]


def test_every_fact_of_a_record_is_shown_once(tmp_path):
    """Of the run, the machine and the libraries; the libraries are not among the machine's facts."""
    out = Results(tmp_path, "00_environment", "mine", seed=7)
    facts = facts_of(out)
    assert {(fact.of, fact.what): fact.seen for fact in facts}["run", "seed"] == "7"
    assert {fact.what for fact in facts if fact.of == "library"} == set(host.versions())
    assert {fact.what for fact in facts if fact.of == "machine"} == set(host.describe().facts()) - {
        "versions"
    }
    assert out.machine.versions  # and nothing was taken from it
