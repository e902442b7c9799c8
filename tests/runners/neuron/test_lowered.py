import pytest
from studies import displayed, recorded, statuses, study_of

from blipkit.runners.neuron import lowered
from blipkit.runners.neuron.lowered import Lowered, lower_components

NAMES = ("image_encoder", "text_encoder", "text_decoder")
PRODUCTS = {"image_encoder": 6, "text_encoder": 14, "text_decoder": 16}
SORTING = {
    "status": "FAIL",
    "what": "sorting is not supported",
    "where": "model.py:7: x.sort()",
    "next": "sort later",
}
STACK = {"torch": "2.9.1", "torch-xla": "2.9.0"}


def row(component: str, bucket="1f", findings=(), status="PASS", **operations) -> dict:
    about = {
        "component": component,
        "bucket": bucket,
        "operations": operations,
        "int64": {"constant": 2} if operations else {},
    }
    rest = {"relative_l2": 3e-7 if operations else None, "seconds": 1.0, "status": status}
    return {**about, **rest, "findings": list(findings), "stack": STACK}


def rows() -> list[dict]:
    return [row(name, dot=PRODUCTS[name], add=5, erf=1) for name in NAMES]


def test_products_stand_beside_their_prediction(monkeypatch):
    """Counts of operations, of those on 64-bit integers, of products; a row for each component and bucket."""
    shown = displayed(monkeypatch)
    Lowered(NAMES, rows(), [], PRODUCTS).table()
    ((page, text),) = shown
    assert "64-bit integers become 32-bit ones" in text and page.count("<tr>") == 3
    assert text.splitlines()[2].split()[-4:] == ["12", "2", "6", "6"]


def test_operations_are_counted_once_a_component(monkeypatch):
    """In its first bucket, the most frequent first; rare ones are in the table, not in the picture."""
    found = Lowered(NAMES, [*rows(), row("image_encoder", "8f", dot=99)], [], PRODUCTS)
    assert list(found.counts()) == ["dot", "add", "erf"]
    assert found.counts()["dot"] == PRODUCTS
    shown = displayed(monkeypatch)
    found.figure()
    ((page, caption),) = shown
    assert caption.startswith("3 kinds of operation, 2 of them drawn; ")
    assert caption.endswith(
        "in its first bucket: image_encoder 12, text_encoder 20, text_decoder 22."
    )
    assert "<td>erf</td>" in page and page.startswith('<figure class="detail">')


def test_findings_and_changes_are_shown_where_there_are_any(monkeypatch, capsys):
    """With the component and its line; where there are none, a line says so."""
    shown = displayed(monkeypatch)
    Lowered(NAMES, rows(), [], PRODUCTS).findings()
    assert shown == []
    assert (
        capsys.readouterr().out
        == "in the way: 0; compared with an earlier version: 0, of those changed: 0\n"
    )
    about = {"component": "image_encoder", "bucket": "1f", "between": "torch 2.8 -> 2.9"}
    changes = [
        {**about, "added": {"sort": 1}, "removed": {}},
        {**about, "added": {}, "removed": {}},
    ]
    found = [*rows()[:2], row("text_decoder", findings=[SORTING], status="FAIL", dot=16)]
    Lowered(NAMES, found, changes, PRODUCTS).findings()
    assert [text.splitlines()[0] for _, text in shown] == [
        "In the way",
        "Lowered before, with other versions",
    ]
    assert (
        capsys.readouterr().out
        == "in the way: 1; compared with an earlier version: 2, of those changed: 1\n"
    )
    gates = statuses(Lowered(NAMES, found, changes, PRODUCTS).gates())
    assert gates == {
        "lowering image_encoder": "PASS",
        "lowering text_encoder": "PASS",
        "lowering text_decoder": "FAIL",
    }


def test_what_ended_the_process_is_a_finding_though_nothing_was_lowered(monkeypatch):
    """It has no operations; the finding is shown all the same."""
    died = {
        "status": "FAIL",
        "what": "recording it ended the process",
        "where": "died (SIGSEGV)",
        "next": "leave it out",
    }
    shown = displayed(monkeypatch)
    Lowered(NAMES[:1], [row("image_encoder", findings=[died], status="FAIL")], [], {}).findings()
    assert "recording it ended the process" in shown[0][1]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([row(name, status="NOT-RUN") for name in NAMES], "NOT-RUN: make neuron-stack"),
        ([], "not recorded"),
    ],
)
def test_without_an_environment_or_a_record_the_gates_are_not_run(found, said, monkeypatch, capsys):
    """Nothing is drawn, and lines say why."""
    shown = displayed(monkeypatch)
    one = Lowered(NAMES, found, [], PRODUCTS)
    one.table()
    one.figure()
    one.findings()
    assert len(shown) == (1 if found else 0) and capsys.readouterr().out.count(said) == (
        2 if found else 3
    )
    assert statuses(one.gates()) == {f"lowering {name}": "NOT-RUN" for name in NAMES}


def test_a_study_is_lowered_and_compared_with_what_was_before(small, tmp_path, monkeypatch):
    """The rows are records; the earlier ones are read before these take their place."""
    study = study_of("02_trace", tmp_path, small)
    bucket, asked = str(study.buckets[0]), []
    monkeypatch.setattr(
        lowered,
        "lower",
        lambda *given: asked.append(given) or [row(n, bucket, dot=3) for n in NAMES],
    )
    first = lower_components(study, PRODUCTS)
    assert first.changes == [] and asked[0][1:] == (study.buckets, ".venv-neuron-stack")
    newer = [{**row(name, bucket, dot=4), "stack": {**STACK, "torch": "2.10.0"}} for name in NAMES]
    monkeypatch.setattr(lowered, "lower", lambda *_: newer)
    second = lower_components(study, PRODUCTS)
    assert [(change["component"], change["added"]) for change in second.changes] == [
        (name, {"dot": 1}) for name in NAMES
    ]
    assert study.results.read("operation_changes")[0]["between"] == "torch 2.9.1 -> 2.10.0"


def test_in_a_replay_the_recorded_rows_are_shown(small, tmp_path, monkeypatch):
    """Nothing is lowered; a folder without them leaves the gates NOT-RUN."""
    monkeypatch.setattr(lowered, "lower", None)
    kept = [{**one, "weights_digest": small.digest} for one in rows()]
    far = recorded(tmp_path / "far", lowering=kept, operation_changes=[])
    found = lower_components(study_of("02_trace", tmp_path / "a", small, replay=far), PRODUCTS)
    assert found.counts()["dot"] == PRODUCTS and set(statuses(found.gates()).values()) == {"PASS"}
    bare = study_of("02_trace", tmp_path / "b", small, replay=recorded(tmp_path / "bare"))
    assert lower_components(bare, PRODUCTS).rows == []
    assert bare.results.lacking == {"lowering", "operation_changes"}
