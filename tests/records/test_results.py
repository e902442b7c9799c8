import json

import pandas
import pytest

from blipkit.errors import BadInput, NotMeasured
from blipkit.machine.host import Machine
from blipkit.paths import ROOT
from blipkit.records.documents import write_machine
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.records.run_record import RunRecord, write_run
from blipkit.runners.arms import evidence_of


def test_a_record_explains_itself(tmp_path):
    """Every row carries machine, versions, profile, seed and schema beside its figures."""
    out = Results(tmp_path, "03_parity", "mine", seed=7)
    out.write("parity", [{"error": 0.5}])
    (row,) = out.read("parity")
    assert (
        row["error"] == 0.5
        and row["seed"] == 7
        and row["profile"] == "mine"
        and row["evidence"] == "measured"
    )
    assert row["machine"] and row["versions"]["torch"] and row["schema"] == 1


def test_figures_of_an_emulated_arm_say_so(tmp_path):
    """Beside others they stay apart: a row says where it is from, and one that does not was measured."""
    out, emulated = Results(tmp_path, "n"), {"arm": "neuron_emulated all bf16"}
    said = {**emulated, "evidence": evidence_of(emulated["arm"])}
    out.write("k", [{"arm": "torchscript float32"}, said, {**emulated, "evidence": "forecast"}])
    assert [row["evidence"] for row in out.read("k")] == ["measured", "emulated", "forecast"]


def test_writing_again_replaces(tmp_path):
    """A second run of a notebook leaves one set of rows."""
    out = Results(tmp_path, "n")
    out.write("k", [{"a": 1}, {"a": 2}])
    out.write("k", [{"a": 3}])
    assert [r["a"] for r in out.read("k")] == [3]


def test_a_notebooks_relative_folder_does_not_depend_on_where_it_was_started(tmp_path, monkeypatch):
    """Bare papermill may be called from anywhere: ../results/tiny is the repository's."""
    monkeypatch.chdir(tmp_path)
    assert Results("../results/tiny", "00_environment").folder == ROOT / "results" / "tiny"


def test_reading_what_nobody_wrote_names_it(tmp_path):
    """The message says which records are missing and where."""
    with pytest.raises(NotMeasured, match="no records of 'parity'"):
        Results(tmp_path).read("parity")
    with pytest.raises(NotMeasured, match="no samples 'requests'"):
        Results(tmp_path).read_samples("requests")


def test_what_a_replay_lacks_is_of_the_folder_that_it_replays(tmp_path):
    """Not of the one that it writes to; a command says what makes it, in either case."""
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    write_run(recorded, RunRecord("mine"))
    write_machine(recorded, Machine("m", versions={}))
    out = Results(tmp_path / "here", "05_cost", "mine", replay=str(recorded))
    said = "in .*recorded, which is replayed; record it again on its machine: blipkit run mine"
    with pytest.raises(NotMeasured, match=said):
        out.read("concurrency")
    with pytest.raises(NotMeasured, match="writes them first, or all of them: blipkit run mine"):
        Results(tmp_path / "here", "05_cost", "mine").read("concurrency")


def test_earlier_records_are_of_the_same_profile_and_checkpoint(tmp_path, monkeypatch):
    """The published ones first, then this folder's own; nothing where there are none."""
    monkeypatch.setattr("blipkit.records.results.PUBLISHED", tmp_path / "published")

    def results(folder, profile="mine", checkpoint="c"):
        return Results(tmp_path / folder, "n", profile, checkpoint=checkpoint)

    assert results("own").earlier("k") == []
    for n, (folder, *of) in enumerate(
        (
            ["own"],
            ["published/m/mine"],
            ["published/m/other", "other"],
            ["published/m/d", "mine", "d"],
        )
    ):
        results(folder, *of).write("k", [{"a": n}])
    assert [row["a"] for row in results("own").earlier("k")] == [1, 0]


def test_a_stage_takes_the_writes_and_shows_them_first(tmp_path, monkeypatch):
    """During a run a notebook writes beside the folder and reads its own new rows before the old ones."""
    Results(tmp_path, "n").write("k", [{"a": 1}])
    monkeypatch.setenv("BLIPKIT_STAGE", str(tmp_path / "stage"))
    staged = Results(tmp_path, "n")
    assert [r["a"] for r in staged.read("k")] == [1]
    staged.write("k", [{"a": 2}])
    assert [r["a"] for r in staged.read("k")] == [2]
    assert json.loads((tmp_path / "records/k.jsonl").read_text())["a"] == 1


def test_samples_come_back_as_they_went(tmp_path):
    """Raw samples survive parquet."""
    frame = pandas.DataFrame({"sent": [0.1, 0.2], "right": [True, False]})
    Results(tmp_path).write_samples("requests", frame)
    assert Results(tmp_path).read_samples("requests").equals(frame)


def test_a_text_is_kept_beside_the_samples(tmp_path):
    """As it was, with the file's own name."""
    out = Results(tmp_path, "n")
    assert out.measure_text("judge/log.txt", lambda: "p90 8 ms, µ\n") == "p90 8 ms, µ\n"
    assert (tmp_path / "samples/judge/log.txt").read_text() == "p90 8 ms, µ\n"


def test_a_replay_keeps_the_recorded_text(tmp_path, capsys):
    """And none where none was kept there."""
    far = recorded(tmp_path / "far")
    (far / "samples/log.txt").write_text("theirs")
    out = Results(tmp_path / "here", "n", "mine", str(far), weights_digest="d1")
    assert out.measure_text("log.txt", never) == "theirs"
    assert (tmp_path / "here/samples/log.txt").read_text() == "theirs"
    assert out.measure_text("other.txt", never) == "" and out.lacking == {"other.txt"}
    assert "no samples/other.txt was kept there" in capsys.readouterr().out


def test_gates_come_back_in_notebook_order(tmp_path):
    """The verdict reads every notebook's gates."""
    for notebook in ("02_trace", "01_components"):
        Results(tmp_path, notebook).write_gates([Gate(notebook, "answer", "PASS")])
    assert [g.gate for g in Results(tmp_path).gates()] == ["01_components", "02_trace"]


def recorded(folder, digest="d1"):
    """A results folder as another machine left it."""
    out = Results(folder, "04_concurrency", "mine", weights_digest=digest)
    out.write("k", [{"figure": 7.0, "evidence": "measured, priced by assumption"}])
    out.write_samples("s", pandas.DataFrame({"sent": [0.5]}))
    write_machine(folder, Machine("Far away", versions={"torch": "1"}))
    write_run(folder, RunRecord(started="2026-01-02 03:04 UTC"))
    return folder


def never():
    raise AssertionError("a replay measures nothing")


def test_measuring_keeps_what_was_measured(tmp_path):
    """The records come back as they stand in the folder, with what every record carries."""
    out = Results(tmp_path, "n", seed=1)
    (record,) = out.measure("k", lambda: [{"a": 1, "b": (2, 3)}])
    assert (record["a"], record["b"]) == (1, [2, 3]) and [record] == out.read("k")
    assert (record["seed"], record["machine"]) == (1, out.machine.name)


def test_a_replay_reads_what_was_recorded_and_says_so(tmp_path, capsys):
    """Figures are the recorded ones; evidence, machine and versions are those of the record, whoever replays it."""
    out = Results(
        tmp_path / "here",
        "04_concurrency",
        "mine",
        str(recorded(tmp_path / "far")),
        weights_digest="d1",
    )
    assert "Recorded on Far away, 2026-01-02 03:04 UTC" in capsys.readouterr().out
    assert out.measure("k", never)[0]["figure"] == 7.0
    assert out.measure_samples("s", never).sent.tolist() == [0.5]
    out.write_gates([Gate("g", "answer", "PASS")])
    (row,), (gate,) = out.read("k"), out.gates()
    assert (row["machine"], row["versions"]) == ("Far away", {"torch": "1"}) and row["replayed_on"]
    assert row["evidence"] == "recorded, priced by assumption" and gate.evidence == "recorded"


def test_a_replay_of_other_weights_is_refused(tmp_path):
    """What was recorded must be of the checkpoint that the chapter shows."""
    out = Results(
        tmp_path / "here",
        "n",
        "mine",
        str(recorded(tmp_path / "far", digest="d2")),
        weights_digest="d1",
    )
    with pytest.raises(BadInput, match="k was recorded with weights d2, this checkpoint has d1"):
        out.measure("k", never)


def test_an_interrupted_write_leaves_the_old_records(tmp_path, monkeypatch):
    """A row that cannot be written leaves neither half a file nor the loss of the one before."""
    out = Results(tmp_path, "n")
    out.write("k", [{"a": 1}])

    def interrupted(number):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        out.write("k", [{"a": 2}])
    assert out.read("k")[0]["a"] == 1 and [p.name for p in (tmp_path / "records").iterdir()] == [
        "k.jsonl"
    ]


@pytest.mark.parametrize("rows", [{"a": 1}, [{"machine": "mine"}], [{"seed": 4}]])
def test_what_is_measured_must_be_rows_of_its_own(tmp_path, rows):
    """A row that names what every record carries would lose it without a word."""
    with pytest.raises(BadInput, match="k: expected a list of rows without .*machine.*seed"):
        Results(tmp_path, "n", seed=1).measure("k", lambda: rows)


def test_a_kind_has_one_notebook(tmp_path):
    """A second notebook cannot replace the first one's records."""
    Results(tmp_path, "00_environment").write("k", [{"a": 1}])
    with pytest.raises(
        BadInput, match="records of 'k' are 00_environment's; a kind has one notebook"
    ):
        Results(tmp_path, "06_example").write("k", [{"a": 2}])
