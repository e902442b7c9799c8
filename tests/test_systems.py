import pytest
from made_up import make

from blipkit.records import Results
from blipkit.systems import differences, labels, machine_kind, systems


@pytest.mark.parametrize(
    ("gpus", "neuron", "kind"), [([], [], "cpu"), (["NVIDIA A10G"], [], "cuda"), ([], ["neuron0"], "neuron")]
)
def test_a_machine_is_what_its_devices_are(gpus, neuron, kind):
    """Neuron devices and GPUs tell what a record was measured on."""
    assert machine_kind({"gpus": gpus, "neuron_devices": neuron}) == kind


def test_systems_are_the_best_settings_of_each_folder(tmp_path):
    """One row a folder and arm, with the kind of machine; settings beyond the target are left out."""
    folders = []
    for name, gpus in (("gpu", ["NVIDIA A10G"]), ("cpu", [])):
        out = Results(tmp_path / name, "05_cost")
        out.write("environment", [{"gpus": gpus, "neuron_devices": []}])
        cells = [{"arm": "eager float32", "servers": s, "clients": s, "best": s == 2} for s in (1, 2)]
        out.write("cost", cells)
        folders.append(out)
    found = systems(folders)
    assert [(row["kind"], row["setting"]) for row in found] == [("cuda", "2-2"), ("cpu", "2-2")]


def test_differences_come_most_important_first(tmp_path):
    """Digests, the knobs that say what was asked, the machine, its libraries, then the rest; what is shared is left out."""
    a = make(tmp_path / "a", [("g", "PASS")], common={"seed": 3, "arms": ["x"]}, parity={"frames": 8, "only_a": 1.5})
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
    assert differences(folders) == [{"what": "common.seed", "p on m": "0", "p on m (2)": "1", "p on m (3)": "2"}]
    assert differences(folders[:1]) == [] and differences([]) == []


def test_two_checkpoints_in_one_folder_are_both_named(tmp_path):
    """Notebooks that ran on different weights do not pass for one system."""
    a, b = (make(tmp_path / name, [("g", "PASS"), ("h", "PASS")]) for name in "ab")
    path = b / "records/gates_03_parity.jsonl"
    path.write_text(path.read_text().replace('"w1"', '"w0"', 1))
    assert differences([a, b]) == [{"what": "weights digest", "p on m": "w1", "p on m (2)": "w0, w1"}]
