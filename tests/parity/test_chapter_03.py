"""03_parity as a whole: what it records, and a replay of it, of a folder that has everything and of one that lacks kinds."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import yaml
from conftest import run_chapter

from blipkit.frames.frames import load_frames
from blipkit.frames.scenes import draw_scene
from blipkit.machine import host
from blipkit.parity import (
    close_panel,
    compare_answers,
    compare_components,
    compare_end_to_end,
    compare_labels,
    compare_pairs,
    forecast_effort,
    measure_effort,
)
from blipkit.parity.flips import Flips
from blipkit.records.results import Results

ARMS = ["torchscript float32", "neuron_emulated matmult bf16"]
KNOBS = {
    "frames": 12,
    "compared_frames": 2,
    "baseline_frames": 6,
    "frame_flip_limit": 0.1,
    "incumbent": ARMS[0],
}
KINDS = {
    "parity": {
        "arm",
        "component",
        "output",
        "precision",
        "baseline",
        "relative_l2",
        "overlap",
        "problem",
    },
    "parity_forecast": {"of", "predicted"},
    "parity_noise": {"arm", "baseline", "excused_margin"},
    "parity_scores": {"arm", "component", "relative_l2"},
    "parity_time": {"of", "predicted", "measured", "ratio"},
    "decisions": {
        "arm",
        "ranked_answers",
        "ranked_flips",
        "unexcused_flips",
        "noise",
        "open_answers",
    },
    "pairs": {"arm", "against", "differ", "mcnemar_p"},
    "labels": {"arm", "accuracy", "calibration_error"},
}
# nothing on a Neuron device here, no incumbent from elsewhere
EMPTY = (
    "parity_executions",
    "incumbent",
    "parity_blocks",
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """03's names after it ran here, its folder made one that can be replayed."""
    folder = tmp_path_factory.mktemp("recorded")
    names, _ = run_chapter("03_parity", KNOBS | {"results": str(folder)}, {"arms": ARMS})
    sections = {"common": {"arms": ARMS}, "parity": KNOBS}
    (folder / "profile.yaml").write_text(yaml.safe_dump(sections))
    (folder / "environment.json").write_text(json.dumps(host.describe().facts()))
    (folder / "run.json").write_text(json.dumps({"started": "2026-11-27 12:00 UTC"}))
    return names


def rows_of(results: Results, kind: str) -> list[dict]:
    """The records of a kind, without what a replay says of itself."""
    return [
        {k: v for k, v in row.items() if k not in ("evidence", "replayed_on", "profile")}
        for row in results.read(kind)
    ]


def replay(folder, results) -> dict:
    """03's names after a replay of a folder."""
    return run_chapter(
        "03_parity", KNOBS | {"results": str(results), "replay": str(folder)}, {"arms": ARMS}
    )[0]


def test_every_kind_of_record_is_written(recorded):
    """The kinds that reports and decisions read, with their keys; every answer of every arm is kept."""
    results = recorded["study"].results
    for kind, keys in KINDS.items():
        rows = results.read(kind)
        assert rows and all(keys <= set(row) for row in rows), kind
    assert all(results.read(kind) == [] for kind in EMPTY)
    assert len(results.read_samples("decisions")) == 12 * 5 * len(ARMS)


def test_rows_of_an_emulated_arm_say_so(recorded):
    """In every kind that names arms; what the machine itself did is measured."""
    for kind in KINDS:
        for row in recorded["study"].results.read(kind):
            emulated = row.get("arm", "").startswith("neuron_emulated")
            assert row["evidence"] == ("emulated" if emulated else "measured"), kind


def test_each_gate_is_judged_once(recorded):
    """Pixels, each component and each pipeline of each arm, decisions of each, and accuracy."""
    names = [gate.gate for gate in recorded["study"].results.gates()]
    assert len(names) == len(set(names)) == 1 + 4 * len(ARMS) + len(ARMS) + 1
    assert "NOT-RUN" not in {gate.status for gate in recorded["gates"]}


def test_what_was_predicted_is_what_was_measured(recorded):
    """Seconds for numbers and answers, and memory, each with its ratio."""
    rows = recorded["effort"].rows
    assert [row.of for row in rows] == ["numbers, s", "answers, s", "memory, GiB"]
    assert all(row.ratio == row.measured / row.predicted > 0 for row in rows)


def test_a_replay_reads_and_asks_nobody(recorded, tmp_path):
    """The same records, samples and gates; nothing is compiled, and no pipeline is put together."""
    there = recorded["study"].results
    names = replay(there.folder, tmp_path)
    here = names["study"].results
    for kind in (*KINDS, *EMPTY):
        assert rows_of(here, kind) == rows_of(there, kind), kind
    assert [(g.gate, g.status) for g in here.gates()] == [(g.gate, g.status) for g in there.gates()]
    assert here.read_samples("decisions").equals(there.read_samples("decisions"))
    assert not here.artifacts.exists() and "pipelines" not in vars(names["panel"].engine)


@pytest.mark.parametrize(
    ("lacking", "gates"),
    [
        (
            ["records/parity.jsonl"],
            {"every arm image_processor", "image_encoder", "text_encoder", "text_decoder"},
        ),
        (["records/parity_scores.jsonl", "records/parity_noise.jsonl"], {"pipeline", "decisions"}),
        (["samples/decisions.parquet"], {"decisions", "accuracy"}),
        ([f"records/{kind}.jsonl" for kind in ("parity_forecast", "parity_time", *EMPTY)], set()),
    ],
)
def test_what_a_folder_lacks_is_not_run(recorded, tmp_path, capsys, lacking, gates):
    """Its gates are NOT-RUN, the others are judged; the chapter says so and does not stop."""
    folder = shutil.copytree(recorded["study"].results.folder, tmp_path / "there")
    for name in lacking:
        (folder / name).unlink()
    names = replay(folder, tmp_path / "here")
    assert {kind_of(gate.gate) for gate in names["gates"] if gate.status == "NOT-RUN"} == gates
    assert len(names["gates"]) == len(recorded["gates"])
    assert capsys.readouterr().out.count("what rests on them is NOT-RUN") == len(lacking)


def kind_of(gate: str) -> str:
    """What a gate judges, without the arm."""
    if gate.startswith("decisions "):
        return "decisions"
    return gate.removeprefix("parity ") if "every arm" in gate else gate.rpartition(" ")[2]


def test_rows_of_an_older_kit_are_lacking(recorded, tmp_path, capsys):
    """Records without a figure that a gate needs judge nothing, whatever else they hold."""
    folder = shutil.copytree(recorded["study"].results.folder, tmp_path / "there")
    path = folder / "records/parity.jsonl"
    path.write_text(path.read_text().replace('"sigma_ratio"', '"roundings"'))
    names = replay(folder, tmp_path / "here")
    assert {g.status for g in names["numbers"].gates()} == {"NOT-RUN"} and not names["numbers"].rows
    assert "of an older kit, without sigma_ratio" in capsys.readouterr().out


def test_verbs_cope_with_an_empty_folder(recorded, tmp_path, capsys):
    """Every table says that nothing was recorded, no figure is drawn, every gate is NOT-RUN."""
    folder = recorded["study"].results.folder
    for name in ("profile.yaml", "environment.json", "run.json"):
        (tmp_path / name).write_text((folder / name).read_text())
    names = replay(tmp_path, tmp_path / "here")
    panel = names["panel"]
    answers = compare_answers(panel)
    forecast = forecast_effort(panel)
    outcomes = [
        compare_components(panel),
        answers,
        compare_end_to_end(panel),
        compare_pairs(panel, answers),
    ]
    outcomes += [
        compare_labels(answers),
        close_panel(panel),
        forecast,
        measure_effort(panel, forecast),
    ]
    capsys.readouterr()
    for result in outcomes:
        result.table()
        assert "not recorded" in capsys.readouterr().out
        if hasattr(result, "figure"):
            result.figure()
            assert capsys.readouterr().out == ""
    gates = [gate for result in outcomes if hasattr(result, "gates") for gate in result.gates()]
    assert {gate.status for gate in gates} == {"NOT-RUN"}
    assert {gate.gate for gate in gates} == {gate.gate for gate in recorded["gates"]}
    assert not (tmp_path / "here/records/decisions.jsonl").exists()


def test_flips_are_shown_with_their_frames(recorded, capsys):
    """Where an answer flipped: its question, and both sides' answers; where none did, the first frames with theirs."""
    answers = recorded["answers"]
    assert not answers.flipped
    capsys.readouterr()
    answers.frames()
    printed = capsys.readouterr().out
    assert (
        printed.count("<img") == 4
        and "is the dog barking? no, no" in printed
        and "flipped in some arm: 0" in printed
    )
    pair = answers.by_arm[ARMS[1]][0]
    flipped = replace(pair, candidate=replace(pair.candidate, text="never"))
    pairs = [flipped if other == pair else other for other in answers.pairs]
    fresh = replace(answers, pairs=pairs)
    fresh.frames()
    fresh.flip_table()
    printed = capsys.readouterr().out
    assert (
        f"{ARMS[1]}: never by" in printed
        and "eager float32: " in printed
        and "frames shown: 1" in printed
    )


def test_scenes_in_a_folder_are_scenes_all_the_same(tmp_path):
    """Of a checkpoint that was not trained on them the answers say little, whether the profile names them or a folder of them."""
    draw_scene(3, 1).image.save(tmp_path / "front-door.png")
    frames = load_frames(str(tmp_path), 1, 3)

    def flips_of(trained: bool) -> Flips:
        study = SimpleNamespace(
            common=SimpleNamespace(frames_from=str(tmp_path), seed=3),
            checkpoint=SimpleNamespace(trained_on_scenes=trained),
        )
        return Flips(SimpleNamespace(study=study, frames=frames), [], [])

    assert flips_of(trained=False).untrained_scenes
    assert not flips_of(trained=True).untrained_scenes
