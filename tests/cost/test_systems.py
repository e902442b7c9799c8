import pytest
from made_up import make

from blipkit.cost.prices import find_price, load_prices
from blipkit.cost.systems import (
    LIKE,
    differences,
    find_results,
    gaps,
    is_instance,
    labels,
    systems,
    unlike,
)
from blipkit.errors import BadInput
from blipkit.machine.host import Machine, machine_kind
from blipkit.records.gates import Gate
from blipkit.records.results import Results


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
ROW = {"arm": ARM, "state": "stable", "evidence": "measured", "machine": "m", "instance": "i"}


def test_a_system_whose_gates_pass_has_no_gap():
    """On Neuron its executions must be proven and the platform's support shown, whatever that says; elsewhere not."""
    passed = [Gate(name, "answer", "PASS") for name in WHOLE]
    assert gaps(ROW, "cuda", passed) == []
    assert [stem for _, stem in gaps(ROW, "neuron", passed)] == [
        "03_parity",
        "04_concurrency",
        "00_environment",
    ]
    shown = [Gate(name, "answer", "PASS") for name in ON_NEURON[:-1]] + [
        Gate("platform_support", "answer", "WARN")
    ]
    assert gaps(ROW, "neuron", shown) == []


@pytest.mark.parametrize("status", ["WARN", "FAIL", "INVALID", "NOT-RUN"])
@pytest.mark.parametrize("name", ON_NEURON)
def test_each_gate_of_a_system_can_keep_it_out(name, status):
    """Even a warning does, as synthetic scenes earn on a checkpoint that was not trained on them; it is named with what to do."""
    gates = [
        Gate(one, "answer", status if one == name else "PASS", reason="why", next="do so")
        for one in ON_NEURON
    ]
    found = gaps(ROW, "neuron", gates)
    if (name, status) == ("platform_support", "WARN"):
        assert found == []
    else:
        assert [said for said, _ in found] == [f"{name} is {status}. why. do so"]


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
    assert bool(gaps(ROW, "cuda", gates)) == keeps_out


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"state": "unstable"}, "the throughput of neuron none is unstable"),
        (
            {"evidence": "measured, priced by assumption"},
            "m is priced as i: measured, priced by assumption",
        ),
        ({"evidence": "rehearsal"}, "m is priced as i: rehearsal"),
    ],
)
def test_a_row_that_is_not_wholly_measured_is_kept_out(row, said):
    """Unsettled throughput, an assumed price and a rehearsal are no evidence."""
    assert [
        why for why, _ in gaps(ROW | row, "cuda", [Gate(name, "answer", "PASS") for name in WHOLE])
    ] == [said]


@pytest.mark.parametrize("name", LIKE)
def test_only_like_is_compared_with_like(name):
    """Each thing that changes the work is named with the first one's value; the same work is comparable."""
    same = {"like": dict.fromkeys(LIKE, 1)}
    assert unlike(same, same) == {} and unlike(same, {"like": {**same["like"], name: 2}}) == {
        name: 1
    }


def test_results_are_found_by_name_or_path(tmp_path, monkeypatch):
    """A path, a folder of results/, one of results/published/; else the nearest is shown."""
    monkeypatch.setattr("blipkit.cost.systems.ROOT", tmp_path)
    monkeypatch.setattr("blipkit.cost.systems.PUBLISHED", tmp_path / "results/published")
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
        cells = [
            {"arm": "eager float32", "servers": s, "clients": s, "best": s == 2, "instance": "i"}
            for s in (1, 2)
        ]
        out.write("cost", cells)
        folders.append(out)
    found = systems(folders)
    assert [(row["kind"], row["setting"]) for row in found] == [("cuda", "2-2"), ("cpu", "2-2")]
    assert all(row["gaps"] for row in found)


def test_differences_come_most_important_first(tmp_path):
    """Digests, the knobs that say what was asked, the machine, its libraries, then the rest; what is shared is left out."""
    a = make(
        tmp_path / "a",
        [("g", "PASS")],
        common={"seed": 3, "arms": ["x"]},
        parity={"frames": 8, "only_a": 1.5},
    )
    b = make(
        tmp_path / "b",
        [("g", "PASS")],
        machine="n",
        versions={"torch": "2.9", "torch-neuronx": "2.9.0", "blipkit": "0.2.0"},
        common={"seed": 4, "arms": ["y"]},
        parity={"frames": 9},
    )
    path = b / "records/gates_03_parity.jsonl"
    path.write_text(path.read_text().replace('"w1"', '"w2"'))
    assert [tuple(row.values()) for row in differences([a, b])] == [
        ("weights digest", "w1", "w2"),
        ("parity.frames", "8", "9"),
        ("common.seed", "3", "4"),
        ("machine", "m", "n"),
        ("torch", "2.13", "2.9"),
        ("torch-neuronx", "-", "2.9.0"),
        ("blipkit", "0.1.0", "0.2.0"),
        ("common.arms", '["x"]', '["y"]'),
        ("parity.only_a", "1.5", "-"),
    ]
    assert list(differences([a, b])[0]) == ["what", "p on m", "p on n"]


def test_any_number_of_folders_is_told_apart(tmp_path):
    """Labels are profile and machine, numbered where two are alike; one folder differs from nothing."""
    folders = [make(tmp_path / name, common={"seed": seed}) for seed, name in enumerate("abc")]
    assert labels(folders) == ["p on m", "p on m (2)", "p on m (3)"]
    assert differences(folders) == [
        {"what": "common.seed", "p on m": "0", "p on m (2)": "1", "p on m (3)": "2"}
    ]
    assert differences(folders[:1]) == [] and differences([]) == []


def test_two_checkpoints_in_one_folder_are_both_named(tmp_path):
    """Notebooks that ran on different weights do not pass for one system."""
    a, b = (make(tmp_path / name, [("g", "PASS"), ("h", "PASS")]) for name in "ab")
    path = b / "records/gates_03_parity.jsonl"
    path.write_text(path.read_text().replace('"w1"', '"w0"', 1))
    assert differences([a, b]) == [
        {"what": "weights digest", "p on m": "w1", "p on m (2)": "w0, w1"}
    ]
