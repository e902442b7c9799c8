from dataclasses import fields, replace

import pytest
from made_up import cost_row

from blipkit.arrivals.gates import GATES as ARRIVAL_GATES
from blipkit.cost.prices import find_price, load_prices
from blipkit.cost.rows import OLDER_KIT, Conditions
from blipkit.cost.systems import (
    NEEDED_BY_ARRIVALS,
    Gap,
    differing_conditions,
    find_results,
    gaps_of,
    is_instance,
    systems_of,
)
from blipkit.errors import BadInput
from blipkit.machine.host import Machine, machine_kind
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.records.typed import write_typed


@pytest.mark.parametrize(
    ("gpus", "neuron", "kind"),
    [([], [], "cpu"), (["NVIDIA A10G"], [], "cuda"), ([], ["neuron0"], "neuron")],
)
def test_a_machine_is_what_its_devices_are(gpus, neuron, kind):
    """Neuron devices and GPUs tell what a record was measured on."""
    assert machine_kind(Machine("m", gpus=gpus, neuron_devices=neuron)) == kind


GPU = {"gpus": ["NVIDIA A10G"], "neuron_devices": [], "cores": 4}
NEURON = {"gpus": [], "neuron_devices": ["neuron0"], "cores": 4}


@pytest.mark.parametrize(
    ("machine", "instance", "is_one"),
    [
        (GPU, "g5.xlarge", True),
        (NEURON, "inf2.xlarge", True),
        (NEURON | {"cores": 32}, "inf2.8xlarge", True),
        (NEURON | {"cores": 32}, "inf2.xlarge", False),
        (GPU | {"cores": 48}, "g5.12xlarge", False),
        (GPU | {"gpus": ["NVIDIA L40S"]}, "g6.xlarge", False),
        (GPU | {"gpus": ["NVIDIA L4"]}, "g6.xlarge", True),
        (GPU | {"gpus": ["NVIDIA H200"]}, "g5.xlarge", False),
        ({"gpus": [], "neuron_devices": [], "cores": 2}, "m7i.large", False),
    ],
)
def test_a_price_is_an_assumption_unless_the_machine_shows_its_parts(machine, instance, is_one):
    """vCPUs, accelerators and their number must be those of the instance; one GPU of four, or a bare CPU, proves nothing."""
    assert (
        is_instance(Machine("m", **machine), find_price(load_prices(), instance, "us-east-1"))
        is is_one
    )


ARM = "neuron none"
WHOLE = [
    f"parity {ARM} pipeline",
    f"decisions {ARM}",
    "answers under load",
    "requests conserved",
    "latency target",
]
ON_NEURON = [*WHOLE, "execution parity", "execution load", "platform_support"]
ROW = cost_row(arm=ARM, instance="i")


def test_a_system_whose_gates_pass_has_no_gap():
    """On Neuron its executions must be proven and the platform's support shown, whatever that says; elsewhere not."""
    passed = [Gate(name, "answer", "PASS") for name in WHOLE]
    assert gaps_of(ROW, "m", "cuda", passed) == []
    assert [gap.notebook for gap in gaps_of(ROW, "m", "neuron", passed)] == [
        "03_parity",
        "04_concurrency",
        "00_environment",
    ]
    shown = [Gate(name, "answer", "PASS") for name in ON_NEURON[:-1]] + [
        Gate("platform_support", "answer", "WARN")
    ]
    assert gaps_of(ROW, "m", "neuron", shown) == []


def test_a_rate_of_arrivals_must_have_held_and_its_generator_kept_up():
    """Where it is the throughput; else 08 need not have run. The names are those of its gates."""
    passed = [Gate(name, "answer", "PASS") for name in WHOLE]
    conditions = replace(ROW.conditions, throughput_basis="open arrivals, poisson")
    by_rate = replace(ROW, conditions=conditions)
    assert gaps_of(ROW, "m", "cuda", passed) == []
    assert [gap.notebook for gap in gaps_of(by_rate, "m", "cuda", passed)] == ["08_arrivals"] * 2
    held = [*passed, *(Gate(name, "timing", "PASS") for name in ARRIVAL_GATES)]
    assert gaps_of(by_rate, "m", "cuda", held) == []
    assert set(NEEDED_BY_ARRIVALS) == set(ARRIVAL_GATES)
    unstable = replace(by_rate, state="unstable")
    assert [gap.notebook for gap in gaps_of(unstable, "m", "cuda", held)] == ["08_arrivals"]


@pytest.mark.parametrize("status", ["WARN", "FAIL", "INVALID", "NOT-RUN"])
@pytest.mark.parametrize("name", ON_NEURON)
def test_each_gate_of_a_system_can_keep_it_out(name, status):
    """Even a warning does, as synthetic scenes earn on a checkpoint that was not trained on them; it is named with what to do."""
    gates = [
        Gate(one, "answer", status if one == name else "PASS", reason="why", next="do so")
        for one in ON_NEURON
    ]
    gaps = gaps_of(ROW, "m", "neuron", gates)
    if (name, status) == ("platform_support", "WARN"):
        assert gaps == []
    else:
        assert [gap.reason for gap in gaps] == [f"{name} is {status}; why; do so"]


@pytest.mark.parametrize(
    ("gate", "keeps_out"),
    [
        (f"parity {ARM} text_decoder", True),
        ("parity every arm image_processor", True),
        ("pipeline equals transformers", True),
        ("decisions neuron matmult bf16", False),
        ("parity neuron none twice image_encoder", False),
    ],
)
def test_only_its_own_failures_keep_a_system_out(gate, keeps_out):
    """A failed component of this arm, or of all, does; another arm's verdict does not."""
    gates = [Gate(name, "answer", "PASS") for name in WHOLE] + [Gate(gate, "answer", "FAIL")]
    assert bool(gaps_of(ROW, "m", "cuda", gates)) == keeps_out


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"state": "unstable"}, "the throughput of neuron none is unstable"),
        (
            {"evidence": "measured, priced by assumption"},
            "m is priced as i: measured, priced by assumption",
        ),
        ({"evidence": "rehearsal"}, "m is priced as i: rehearsal"),
    ],
)
def test_a_row_that_is_not_wholly_measured_is_kept_out(fields, reason):
    """Unstable throughput, an assumed price and a rehearsal are no evidence."""
    row = cost_row(arm=ARM, **{"instance": "i", **fields})
    passed = [Gate(name, "answer", "PASS") for name in WHOLE]
    assert [gap.reason for gap in gaps_of(row, "m", "cuda", passed)] == [reason]


@pytest.mark.parametrize("name", [one.name for one in fields(Conditions)])
def test_only_like_is_compared_with_like(name):
    """Each condition that differs is named; under the same ones two systems are comparable."""
    same = Conditions(**dict.fromkeys([one.name for one in fields(Conditions)], 1))
    assert differing_conditions(same, same) == [] and differing_conditions(
        same, replace(same, **{name: 2})
    ) == [name]


def test_results_are_found_by_name_or_path(tmp_path, monkeypatch):
    """A path, a folder of results/, one of results/published/; else the nearest is shown."""
    monkeypatch.setattr("blipkit.records.documents.ROOT", tmp_path)
    monkeypatch.setattr("blipkit.records.documents.PUBLISHED", tmp_path / "results/published")
    for name in ("results/gpu", "results/published/a10g/gpu", "elsewhere"):
        (tmp_path / name / "records").mkdir(parents=True)
        (tmp_path / name / "records/cost.jsonl").write_text("")
    for name in ("gpu", "a10g/gpu", str(tmp_path / "elsewhere")):
        assert find_results(name).joinpath("records/cost.jsonl").is_file()
    with pytest.raises(BadInput, match="no results of 05_cost in gpus; did you mean 'gpu'"):
        find_results("gpus")


def test_systems_are_the_best_settings_of_each_folder(tmp_path):
    """One row a folder and arm, with the kind of machine; settings beyond the target are left out."""
    folders = []
    for name, gpus in (("gpu", ["NVIDIA A10G"]), ("cpu", [])):
        out = Results(tmp_path / name, "05_cost")
        out.write("environment", [{"gpus": gpus, "neuron_devices": []}])
        rows = [cost_row(servers=count, clients=count, best=count == 2) for count in (1, 2)]
        write_typed(out, "cost", rows)
        folders.append(out)
    systems = systems_of(folders)
    assert [(one.kind, one.setting) for one in systems] == [("cuda", "2-2"), ("cpu", "2-2")]
    assert all(one.gaps and one.gap == one.gaps[0].reason for one in systems)


def test_an_older_kits_record_is_read_as_far_as_it_goes(tmp_path):
    """Its p99, its cost and its placement are known; whether it was stable, and what was asked, are not."""
    out = Results(tmp_path, "05_cost")
    price = {"region": "us-east-1", "option": "on_demand", "instance": "i", "price_as_of": "2026"}
    row = {"arm": "a", "servers": 1, "clients": 2, "best": True, "answers_per_s": 3.0}
    out.write("cost", [{**price, **row, "p99_ms": 15.6, "usd_per_million": 2.5}])
    (system,) = systems_of([out])
    assert (system.setting, system.latency) == ("1-2", "p99 16 ms")
    assert system.row.answers_per_s.value == 3.0 and system.row.cost.usd_per_million.value == 2.5
    assert system.row.conditions is None
    assert Gap(f"the throughput of a is {OLDER_KIT}", "04_concurrency") in system.gaps
