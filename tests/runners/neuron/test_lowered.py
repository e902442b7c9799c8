from dataclasses import replace

import pytest
from studies import displayed, recorded, statuses, study_of

from blipkit.records.typed import record_of
from blipkit.runners.neuron import lowered
from blipkit.runners.neuron.findings import Finding
from blipkit.runners.neuron.lowered import Lowered, lower_components
from blipkit.runners.neuron.lowering import Lowering
from blipkit.runners.neuron.operation_changes import OperationChange

NAMES = ("image_encoder", "text_encoder", "text_decoder")
PRODUCTS = {"image_encoder": 6, "text_encoder": 14, "text_decoder": 16}
SORTING = Finding("FAIL", "sorting is not supported", "model.py:7: x.sort()", "sort later")
STACK = {"torch": "2.9.1", "torch-xla": "2.9.0"}


def row(component: str, bucket="1f", findings=(), status="PASS", **operations) -> Lowering:
    """A component that lowered to these operations, or to none."""
    return Lowering(
        component=component,
        bucket=bucket,
        operations=operations,
        int64={"constant": 2} if operations else {},
        relative_l2=3e-7 if operations else None,
        seconds=1.0,
        status=status,
        findings=list(findings),
        stack=STACK,
    )


def rows() -> list[Lowering]:
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
    several = Lowered(NAMES, [*rows(), row("image_encoder", "8f", dot=99)], [], PRODUCTS)
    assert list(several.counts()) == ["dot", "add", "erf"]
    assert several.counts()["dot"] == PRODUCTS
    shown = displayed(monkeypatch)
    several.figure()
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
    between = ("image_encoder", "1f", "torch 2.8 -> 2.9")
    changes = [OperationChange(*between, {"sort": 1}, {}), OperationChange(*between, {}, {})]
    failing = [*rows()[:2], row("text_decoder", findings=[SORTING], status="FAIL", dot=16)]
    Lowered(NAMES, failing, changes, PRODUCTS).findings()
    assert [text.splitlines()[0] for _, text in shown] == [
        "In the way",
        "Lowered before, with other versions",
    ]
    assert (
        capsys.readouterr().out
        == "in the way: 1; compared with an earlier version: 2, of those changed: 1\n"
    )
    gates = statuses(Lowered(NAMES, failing, changes, PRODUCTS).gates())
    assert gates == {
        "lowering image_encoder": "PASS",
        "lowering text_encoder": "PASS",
        "lowering text_decoder": "FAIL",
    }


def test_what_ended_the_process_is_a_finding_though_nothing_was_lowered(monkeypatch):
    """It has no operations; the finding is shown all the same."""
    died = Finding("FAIL", "tracing it failed", "died (SIGSEGV)", "leave it out")
    shown = displayed(monkeypatch)
    Lowered(NAMES[:1], [row("image_encoder", findings=[died], status="FAIL")], [], {}).findings()
    assert "tracing it failed" in shown[0][1]


@pytest.mark.parametrize(
    ("recorded_rows", "message"),
    [
        ([row(name, status="NOT-RUN") for name in NAMES], "NOT-RUN: make neuron-stack"),
        ([], "not recorded"),
    ],
)
def test_without_an_environment_or_a_record_the_gates_are_not_run(
    recorded_rows, message, monkeypatch, capsys
):
    """Nothing is drawn, and lines say why."""
    shown = displayed(monkeypatch)
    nothing = Lowered(NAMES, recorded_rows, [], PRODUCTS)
    nothing.table()
    nothing.figure()
    nothing.findings()
    assert len(shown) == (1 if recorded_rows else 0)
    assert capsys.readouterr().out.count(message) == (2 if recorded_rows else 3)
    assert statuses(nothing.gates()) == {f"lowering {name}": "NOT-RUN" for name in NAMES}


def test_a_study_is_lowered_and_compared_with_what_was_before(small, tmp_path, monkeypatch):
    """The rows are records; the earlier ones are read before these take their place."""
    study = study_of("02_trace", tmp_path, small)
    bucket, calls = str(study.buckets[0]), []
    older = [row(name, bucket, dot=3) for name in NAMES]
    monkeypatch.setattr(lowered, "lower", lambda *arguments: calls.append(arguments) or older)
    first = lower_components(study, PRODUCTS)
    assert first.changes == [] and calls[0][1:] == (study.buckets, ".venv-neuron-stack")
    assert first.rows == older
    later = {**STACK, "torch": "2.10.0"}
    newer = [replace(row(name, bucket, dot=4), stack=later) for name in NAMES]
    monkeypatch.setattr(lowered, "lower", lambda *_: newer)
    second = lower_components(study, PRODUCTS)
    changes = [(change.component, change.added) for change in second.changes]
    assert changes == [(name, {"dot": 1}) for name in NAMES]
    assert study.results.read("operation_changes")[0]["between"] == "torch 2.9.1 -> 2.10.0"


def test_in_a_replay_the_recorded_rows_are_shown(small, tmp_path, monkeypatch):
    """Nothing is lowered; a folder without them leaves the gates NOT-RUN."""
    monkeypatch.setattr(lowered, "lower", None)
    records = [dict(record_of(one), weights_digest=small.digest) for one in rows()]
    far = recorded(tmp_path / "far", lowering=records, operation_changes=[])
    shown = lower_components(study_of("02_trace", tmp_path / "a", small, replay=far), PRODUCTS)
    assert shown.counts()["dot"] == PRODUCTS and set(statuses(shown.gates()).values()) == {"PASS"}
    bare = study_of("02_trace", tmp_path / "b", small, replay=recorded(tmp_path / "bare"))
    assert lower_components(bare, PRODUCTS).rows == []
    assert bare.results.lacking == {"lowering", "operation_changes"}


def test_rows_of_an_older_kit_that_lack_something_are_not_compared_with(
    small, tmp_path, monkeypatch
):
    """They are left out, and nothing raises."""
    study = study_of("02_trace", tmp_path, small)
    study.results.write("lowering", [{"component": "image_encoder", "bucket": "1f"}])
    assert lowered.earlier_lowerings(study.results) == []
    monkeypatch.setattr(lowered, "lower", lambda *_: rows())
    assert lower_components(study, PRODUCTS).changes == []
    assert lowered.earlier_lowerings(study.results) == rows()
