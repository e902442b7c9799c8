"""What the systems of results folders do not share."""

from made_up import make

from blipkit.report.differences import Difference, Differences, find_differences, labels


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
    different = find_differences([a, b])
    assert different.lines == [
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
    assert different.columns == ["what", "p on m", "p on n"]


def test_any_number_of_folders_is_told_apart(tmp_path):
    """Labels are profile and machine, numbered where two are alike; one folder differs from nothing."""
    folders = [make(tmp_path / name, common={"seed": seed}) for seed, name in enumerate("abc")]
    assert labels(folders) == ["p on m", "p on m (2)", "p on m (3)"]
    assert find_differences(folders).rows == [Difference("common.seed", ("0", "1", "2"))]
    assert find_differences(folders[:1]).rows == []
    assert find_differences([]) == Differences([], [])


def test_two_checkpoints_in_one_folder_are_both_named(tmp_path):
    """Notebooks that ran on different weights do not pass for one system."""
    a, b = (make(tmp_path / name, [("g", "PASS"), ("h", "PASS")]) for name in "ab")
    path = b / "records/gates_03_parity.jsonl"
    path.write_text(path.read_text().replace('"w1"', '"w0"', 1))
    assert find_differences([a, b]).rows == [Difference("weights digest", ("w1", "w0, w1"))]


def test_a_renamed_knob_is_no_difference(tmp_path):
    """An older kit's folder is compared in the words of today."""
    older = make(tmp_path / "a", concurrency={"batch": 4})
    newer = make(tmp_path / "b", concurrency={"batch_sizes": [4]})
    assert find_differences([older, newer]).rows == []
