import contextlib
import json
import os
import re
import shutil
from pathlib import Path

import pandas
import pytest
import yaml

from blipkit.errors import BadInput, BlipkitError
from blipkit.machine.host import Machine
from blipkit.profiles.profile import read_sections
from blipkit.records.documents import write_machine
from blipkit.records.evidence import not_verified, open_evidence
from blipkit.records.listing import output_of, read_listing, write_listing
from blipkit.records.run_record import ChapterRun, RunRecord, write_run
from blipkit.run.publish import machine_folder, publish_folder


def test_publishing_keeps_evidence_and_leaves_the_rest(smoke, monkeypatch, tmp_path):
    """Records, samples, verdict and machine are kept, which a replay needs; notebooks and artifacts are not."""
    monkeypatch.setattr("blipkit.run.publish.PUBLISHED", tmp_path)
    kept = {str(p.relative_to(publish_folder(smoke))) for p in publish_folder(smoke).rglob("*")}
    assert {
        "records/parity.jsonl",
        "samples/requests/torchscript-float32-pipeline-threads-1-1-0.parquet",
        "verdict.json",
        "environment.json",
        "profile.yaml",
    } <= kept
    assert not [name for name in kept if name.endswith((".ipynb", ".pt"))]


def test_publishing_needs_a_results_folder(tmp_path):
    """Another folder is refused."""
    with pytest.raises(BadInput, match="not a results folder"):
        publish_folder(tmp_path)


def test_a_benchmark_is_published_too(tmp_path, monkeypatch):
    """Its folder has records and a machine, and no run."""
    monkeypatch.setattr("blipkit.run.publish.PUBLISHED", tmp_path / "published")
    (tmp_path / "bench/records").mkdir(parents=True)
    (tmp_path / "bench/records/bench.jsonl").write_text("{}")
    (tmp_path / "bench/environment.json").write_text('{"name": "A machine, 2 cores"}')
    assert (publish_folder(tmp_path / "bench") / "records/bench.jsonl").is_file()


class Killed(BaseException):
    """Stands in for a kill: nothing of ours catches it."""


@pytest.fixture
def published(tmp_path, monkeypatch) -> Path:
    """results/published of this test."""
    monkeypatch.setattr("blipkit.run.publish.PUBLISHED", tmp_path / "published")
    (tmp_path / "published").mkdir()
    return tmp_path / "published"


def run_of(folder: Path, records: str = '{"schema": 1}\n', machine: str = "m") -> Path:
    """A folder as a run leaves it, with one listed kind of records."""
    (folder / "records").mkdir(parents=True, exist_ok=True)
    (folder / "records/k.jsonl").write_text(records)
    (folder / "profile.yaml").write_text("common: {}\n")
    write_run(folder, RunRecord("p", "now"))
    write_machine(folder, Machine(machine))
    write_listing(folder, {"03_parity": [output_of(folder, "records/k.jsonl")]})
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_is_published_is_verified_like_its_source(published, tmp_path):
    """The listing goes with it, of what is kept; a file cut later is refused."""
    source = run_of(tmp_path / "results")
    (source / "03_parity.ipynb").write_text("{}")
    names = ("03_parity.ipynb", "records/k.jsonl")
    write_listing(source, {"03_parity": [output_of(source, name) for name in names]})
    target = publish_folder(source)
    assert [one.name for one in read_listing(target)["03_parity"]] == ["records/k.jsonl"]
    assert open_evidence(target).verified and not_verified([target]) == []
    (target / "records/k.jsonl").write_text("")
    with pytest.raises(BadInput, match="has 0 of 1 records"):
        publish_folder(target)


def test_a_folder_without_a_listing_is_published_and_said_to_be_so(published, tmp_path):
    """As an older kit left it: nothing is refused."""
    source = run_of(tmp_path / "results")
    (source / ".outputs.json").unlink()
    target = publish_folder(source)
    assert not_verified([target]) == [
        f"{target} is not verified: a chapter opened by hand, or an older kit, wrote it without digests"
    ]


@pytest.mark.parametrize("of", ["m/tiny", "m/tiny/tiny", "."])
def test_what_is_published_is_not_published_over_itself(published, tmp_path, of):
    """Its own folder, one within it, and one around it are refused, and nothing is touched."""
    publish_folder(run_of(tmp_path / "tiny"))
    source = run_of(published / of)
    before = content(published)
    with pytest.raises(BadInput, match="one lies in the other"):
        publish_folder(source)
    assert content(published) == before


@pytest.mark.parametrize("machine", ["犬の機械", "...", "", "Größe", "../x"])
def test_every_machine_has_a_folder_of_its_own(published, tmp_path, machine):
    """A name without a letter or digit of ours gets one that is never empty, and not another's."""
    first = publish_folder(run_of(tmp_path / "tiny", machine="one"))
    target = publish_folder(run_of(tmp_path / "other/tiny", machine=machine))
    assert target.parent.parent == published and target.parent.name and target.name == "tiny"
    assert first.is_dir() and first != target
    assert machine_folder("猫の機械") != machine_folder("犬の機械") != machine_folder("")


def test_two_machines_never_share_a_folder_in_silence(published, tmp_path):
    """Their names differ only in what a folder's name leaves out: the second one is refused."""
    target = publish_folder(run_of(tmp_path / "tiny", machine="A machine, 2 cores"))
    before = content(published)
    for folder in (tmp_path / "b/tiny", tmp_path / "b/other"):
        with pytest.raises(BadInput, match="was measured on 'A machine, 2 cores', and this on"):
            publish_folder(run_of(folder, machine="A machine: 2 cores"))
    assert content(published) == before and target.name == "tiny"


def test_links_are_refused_and_their_targets_never_copied(published, tmp_path):
    """Anywhere under what is kept, and in the place that it would take."""
    (tmp_path / "secret").write_text('{"schema": 1, "secret": 1}\n')
    for name in ("records/l.jsonl", "samples", "verdict.md"):
        source = run_of(tmp_path / name.replace("/", "-"))
        (source / name).symlink_to(tmp_path / "secret")
        with pytest.raises(BadInput, match="is a link"):
            publish_folder(source)
    assert content(published) == {}
    (published / "m").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="is a link"):
        publish_folder(run_of(tmp_path / "results"))


def test_a_pipe_among_the_records_is_refused(published, tmp_path):
    """It would never end."""
    source = run_of(tmp_path / "results")
    os.mkfifo(source / "records/p.jsonl")
    with pytest.raises(BadInput, match="no ordinary file"):
        publish_folder(source)


@pytest.mark.parametrize("kill_at", range(9))
def test_a_kill_at_any_step_leaves_one_whole(published, tmp_path, kill_at):
    """The one of before or the new one, in its place or brought back by the next; no third is seen."""
    source = run_of(tmp_path / "tiny")
    target = publish_folder(source)
    before = content(target)
    run_of(source, '{"schema": 1, "new": 1}\n')
    steps = []

    def killed(function):
        def call(*arguments, **options):
            steps.append(1)
            if len(steps) - 1 == kill_at:
                raise Killed
            return function(*arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Killed):
        for owner, name in ((Path, "rename"), (shutil, "rmtree"), (Path, "write_bytes")):
            patch.setattr(owner, name, killed(getattr(owner, name)))
        publish_folder(source)
    kept = [path for path in (target, published / ".m.tiny.old") if path.is_dir()]
    assert content(kept[0]) == before or b"new" in content(kept[0])["records/k.jsonl"]
    assert [path.parent for path in published.glob("*/*/run.json")] in ([target], [])
    assert b"new" in content(publish_folder(source))["records/k.jsonl"]
    assert sorted(path.name for path in published.iterdir()) == ["README.md", "m"]


def test_a_publishing_that_fails_after_a_kill_brings_the_old_one_back(
    published, tmp_path, monkeypatch
):
    """Put aside by one that was killed, it is in its place again before anything is copied."""
    target = publish_folder(run_of(tmp_path / "tiny"))
    target.rename(published / ".m.tiny.old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("blipkit.run.publish._copy", full)
    with pytest.raises(BlipkitError, match="No space left on device; free some space, or"):
        publish_folder(tmp_path / "tiny")
    assert open_evidence(target).verified


def test_no_byte_of_a_private_path_is_published(published, tmp_path):
    """Only the last name of the frames' folder; `~` for a home; the source stays as it is."""
    secret = tmp_path / "Zoë's clients & co/cams"
    row = {
        "schema": 1,
        "error": f"no frame in {secret}/1.png",
        "at": "/home/alice/models",
        "x": 0.5,
    }
    source = run_of(tmp_path / "tiny", json.dumps(row) + '\n{"schema": 1, "x": NaN}\n')
    common = {"frames_from": str(secret), "checkpoint": "/Users/alice.b/blip"}
    (source / "profile.yaml").write_text(yaml.safe_dump({"common": common}))
    ended = {"03_parity": ChapterRun("stopped", f"cell 3: BadInput: {secret!s} is empty")}
    write_run(source, RunRecord("p", "now", notebooks=ended))
    (source / "verdict.md").write_text(f"stopped: {secret}. In /home/alice.\n")
    (source / "samples").mkdir()
    frame = pandas.DataFrame({"file": [f"{secret}/1.png", None], "sent": [0.5, 1.0]})
    frame.to_parquet(source / "samples/s.parquet")
    (source / "samples/judge.txt").write_text(f"a judge's log, of {secret}\n")
    names = ("records/k.jsonl", "samples/s.parquet", "samples/judge.txt")
    write_listing(source, {"03_parity": [output_of(source, name) for name in names]})
    before = content(source)
    target = publish_folder(source)
    for name, text in content(target).items():
        if not name.endswith(".parquet"):
            assert not re.search(rb"clients|Zo|alice", text), name
    samples = pandas.read_parquet(target / "samples/s.parquet")
    assert list(samples["file"])[0] == ".../cams/1.png" and list(samples["sent"]) == [0.5, 1.0]
    assert (target / "samples/judge.txt").read_text() == "a judge's log, of .../cams\n"
    assert read_sections(target / "profile.yaml")["common"] == {
        "frames_from": ".../cams",
        "checkpoint": "~/blip",
    }
    first, second = (target / "records/k.jsonl").read_text().splitlines()
    assert json.loads(first)["at"] == "~/models" and second == '{"schema": 1, "x": NaN}'
    assert open_evidence(target).verified and content(source) == before


def test_frames_that_may_be_shared_keep_their_path(published, tmp_path):
    """share_frames says so; and what holds no path is kept to the byte."""
    source = run_of(tmp_path / "tiny")
    common = {"frames_from": "/data/cams", "share_frames": True}
    (source / "profile.yaml").write_text("# mine\n" + yaml.safe_dump({"common": common}))
    target = publish_folder(source)
    assert (target / "profile.yaml").read_bytes() == (source / "profile.yaml").read_bytes()


def test_a_damaged_record_is_named(published, tmp_path):
    """Not copied, and not a traceback."""
    source = run_of(tmp_path / "tiny", "half a rec")
    with pytest.raises(BadInput, match="k.jsonl is damaged"):
        publish_folder(source)
