"""What a chapter opens: knobs with their origin, a replay's recorded knobs, and what is refused."""

import pytest
import yaml

from blipkit.errors import BadInput, GateFailed
from blipkit.profiles.profile import load_profile
from blipkit.records.gates import Gate
from blipkit.records.run_record import RunRecord, Stated, write_run
from blipkit.study import open_study, replayed


def cells(stem_profile="tiny", **own) -> dict:
    """A notebook's globals after its parameters cell: those of 00, whose one knob is `expect`."""
    return {
        "results": "../results/tiny",
        "profile": stem_profile,
        "replay": "",
        "expect": "cpu",
        **own,
    }


@pytest.fixture
def namespace(tmp_path):
    """`cells` that write into a folder of their own."""
    return lambda **own: cells(results=str(tmp_path / "results"), **own)


def origins(study) -> dict[str, str]:
    return {row.knob: row.origin for row in study.knob_rows()}


def test_every_knob_says_its_unit_its_meaning_and_where_it_came_from(namespace):
    """Opened by hand: what the cell says is the cell's, what the profile says the profile's, the rest is default."""
    study = open_study("00_environment", namespace(expect="cuda"))
    assert origins(study)["environment.expect"] == "cell" and study.knobs.expect == "cuda"
    assert (
        origins(study)["common.required"] == "profile"
        and origins(study)["common.seed"] == "default"
    )
    assert all(row.meaning for row in study.knob_rows())
    assert open_study("00_environment", namespace()).knobs.expect == "cpu"


def test_in_a_run_the_knobs_are_those_that_the_run_resolved(namespace, tmp_path, monkeypatch):
    """A --set reaches the shared knobs too, and the table says so."""
    profile = load_profile("smoke", ["common.seed=9"])
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "profile.yaml").write_text(yaml.safe_dump(profile.resolved()))
    keys = {name: list(values) for name, values in profile.sections.items()}
    write_run(folder, RunRecord(stated=Stated(keys, profile.settings)))
    monkeypatch.setenv("BLIPKIT_STAGE", str(tmp_path / "stage"))
    study = open_study("00_environment", namespace(profile="smoke"))
    assert study.common.seed == 9 and origins(study)["common.seed"] == "--set"
    assert (
        origins(study)["common.arms"] == "profile" and origins(study)["common.threads"] == "default"
    )


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"expects": "cpu"}, "unknown key 'expects'; did you mean 'expect'"),
        ({"expect": "gpu"}, "environment.expect is 'gpu'; did you mean 'cpu'"),
        ({"expect": 3}, "expect is 3; expected a valid string"),
        ({"replay": None}, "replay is None; expected a text"),
        ({"profile": "tinny"}, "did you mean 'tiny'"),
    ],
)
def test_what_no_knob_can_be_is_refused_by_name(namespace, own, message):
    """papermill itself would let a misspelt knob pass."""
    with pytest.raises(BadInput, match=message):
        open_study("00_environment", namespace(**own))


PARAMETERS = """results: str = "../results/tiny"  # a folder
profile: str = "tiny"
replay: str = ""
expect: str = "cpu"
"""


def history(*cells: str) -> list[str]:
    """What IPython keeps of the cells that were run; the first one stands for none."""
    return ["", *cells, "%matplotlib inline", "import x\nstudy = open_study('...', globals())"]


def test_what_a_users_ipython_profile_sets_is_no_knob(namespace):
    """Names of its startup files and exec_lines are there before the first cell; only the cell's count."""
    import numpy

    theirs = {"np": numpy, "pi": 3.14, "seed": 1, "servers": [1], "study_dir": "/home/x"}
    study = open_study("00_environment", namespace(In=history(PARAMETERS), **theirs))
    assert study.knobs.expect == "cpu"


@pytest.mark.parametrize(
    "cell", [PARAMETERS + "expects = 'cpu'\n", "# Parameters\nexpects = 'cpu'\n"]
)
def test_what_a_parameters_cell_sets_is_judged(namespace, cell):
    """The notebook's own, and the one that papermill adds: a misspelt name is refused still."""
    cells = namespace(In=history(PARAMETERS, cell), expects="cpu", pi=3.14)
    with pytest.raises(BadInput, match="unknown key 'expects'; did you mean 'expect'"):
        open_study("00_environment", cells)


def test_a_knob_that_the_cell_lacks_is_named():
    """Somebody deleted its line."""
    namespace = cells()
    del namespace["expect"]
    with pytest.raises(BadInput, match="no expect; expected results, profile, replay, expect"):
        open_study("00_environment", namespace)


def test_a_replay_takes_the_recorded_knobs_and_says_what_differs(tmp_path):
    """Frames, arms and limits are the recorded ones, by their names of today; prices and what is here stay ours."""
    recorded = {
        "common": {"seed": 7, "checkpoint": "builtin:random-base"},
        "parity": {"frames": 40},
        "concurrency": {"p99_limit_ms": 100.0},
        "cost": {"region": "eu-west-1"},
    }
    (tmp_path / "profile.yaml").write_text(yaml.safe_dump(recorded))
    profile, notes = replayed(load_profile("tiny", ["parity.frames=7"]), tmp_path)
    assert (profile.common.seed, profile.section("parity").frames) == (7, 40)
    assert profile.section("concurrency").latency_limit_ms == 100.0
    assert (
        profile.common.checkpoint == "builtin:tiny-pets"
        and profile.section("cost").region == "us-east-1"
    )
    assert "parity.frames was 40, the profile says 7" in notes and not [
        n for n in notes if "cost" in n
    ]


def test_gates_are_shown_and_recorded_before_they_raise(namespace, capsys):
    """A failed gate leaves its evidence."""
    study = open_study("00_environment", namespace())
    with pytest.raises(GateFailed, match="machine: FAIL"):
        study.conclude([Gate("machine", "answer", "FAIL", 1, 0)])
    assert [gate.gate for gate in study.results.gates()] == ["machine"]


def test_a_chapter_says_which_recorded_knobs_are_left_out(namespace, tmp_path, capsys):
    """Its profile is a run's of an older kit, with a knob that is gone: the rest of it is taken."""
    (tmp_path / "run.json").write_text("{}")
    recorded = tmp_path / "profile.yaml"
    recorded.write_text("common: {seed: 7}\ncapacity: {beside_as_of: '2026-11-28'}\n")
    study = open_study("00_environment", namespace(profile=str(recorded)))
    assert study.common.seed == 7
    assert "Left out of what was recorded: capacity.beside_as_of was" in capsys.readouterr().out
