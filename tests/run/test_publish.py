import pytest

from blipkit.errors import BadInput
from blipkit.run.publish import publish_folder


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
