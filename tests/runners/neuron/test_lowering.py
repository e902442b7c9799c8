"""The parent's side of lowering: finding the environment, keeping what the child says, judging it. No torch_xla here."""

from dataclasses import asdict, replace

import pytest
from lowerings import row

from blipkit import Bucket, isolate
from blipkit.errors import BadInput, BlipkitError
from blipkit.machine import child, host
from blipkit.runners.neuron.findings import Finding, RecordingReply
from blipkit.runners.neuron.lowering import (
    STACK_FOLDER,
    find_stack,
    lower,
    lowering_gate,
)

BUCKETS = [Bucket(1, 1, 6, 2, 3), Bucket(2, 1, 6, 2, 3)]
SORTING = Finding("FAIL", "sorting is not supported", "model.py:7: x.sort()", "sort later")
SLICING = Finding("WARN", "a slice", "model.py:9: x[i:]", "mask instead")


@pytest.fixture
def make_stack(tmp_path):
    """make_stack(torch="2.9.1", ...) makes a folder that looks like an environment with these versions."""

    def make(**versions):
        site = tmp_path / "stack" / "lib" / "python3.11" / "site-packages"
        site.mkdir(parents=True)
        (tmp_path / "stack" / "bin").mkdir()
        (tmp_path / "stack" / "bin" / "python").touch()
        for name, version in versions.items():
            distribution = site / f"{name}-{version}.dist-info"
            distribution.mkdir()
            (distribution / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            )
        return str(tmp_path / "stack")

    return make


@pytest.fixture
def stack(make_stack):
    return make_stack(torch="2.9.1", torch_xla="2.9.0", transformers=host.version("transformers"))


def answering(monkeypatch, reply_to):
    """Children answer each job with reply_to(component) instead of starting."""
    calls = []

    def call(target, *, jobs, **arguments):
        calls.append(jobs)
        return [asdict(reply_to(job["component"])) for job in jobs]

    monkeypatch.setattr(child, "call", call)
    return calls


def test_without_an_environment_every_row_says_so(small, monkeypatch):
    """NOT-RUN, with the command that makes one, and no child is started; likewise where a profile names none."""
    calls = answering(monkeypatch, None)
    monkeypatch.setattr("blipkit.runners.neuron.lowering.ROOT", "/nowhere")
    for folder in (STACK_FOLDER, ""):
        rows = lower(isolate(small), BUCKETS, folder)
        assert [row.status for row in rows] == ["NOT-RUN"] * 6
        assert {(row.next, row.evidence) for row in rows} == {("make neuron-stack", "none")}
        gate = lowering_gate("image_encoder", rows)
        assert (gate.status, gate.next, gate.evidence) == ("NOT-RUN", "make neuron-stack", "none")
    assert calls == []


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        (
            {"torch": "2.9.1", "torch_xla": "2.9.0", "transformers": "4.1.0"},
            "transformers 4.1.0, expected",
        ),
        (
            {"torch": "2.13.0", "torch_xla": "2.9.0"},
            r"torch 2.13.0, expected 2.9.\*, transformers missing.*pip install 'torch",
        ),
        ({"torch": "2.9.1"}, "torch-xla missing, expected 2.9"),
    ],
)
def test_wrong_versions_are_named_with_the_command_that_mends_them(make_stack, versions, message):
    """One comparison has one transformers version, and torch-xla's is the one that torch-neuronx exists for."""
    with pytest.raises(BadInput, match=message):
        find_stack(make_stack(**versions))


def test_a_folder_that_is_no_environment_is_refused(tmp_path):
    """Only the default may be absent."""
    with pytest.raises(BadInput, match="no bin/python there"):
        find_stack(str(tmp_path))


def test_rows_say_what_was_found_and_where(small, stack, monkeypatch):
    """Each component and bucket has a row with the worst of its findings and the versions that it was found with."""
    findings = {"image_encoder": [], "text_encoder": [SLICING], "text_decoder": [SLICING, SORTING]}
    answering(monkeypatch, lambda name: RecordingReply(findings[name], {"dot": 2}, {}, 1e-7, 1.0))
    rows = lower(isolate(small), BUCKETS, stack)
    assert [row.status for row in rows] == ["PASS", "PASS", "WARN", "WARN", "FAIL", "FAIL"]
    assert rows[0].stack["torch-xla"] == "2.9.0" and rows[1].bucket == str(BUCKETS[1])
    assert rows[5].findings == [SLICING, SORTING] and rows[5].operations == {"dot": 2}
    gates = [lowering_gate(name, rows) for name in findings]
    assert [(gate.status, gate.measured) for gate in gates] == [
        ("PASS", 0),
        ("WARN", 0),
        ("FAIL", 2),
    ]
    assert "model.py:7: x.sort()" in gates[2].reason and gates[2].next == "sort later"
    assert "model.py:9" in gates[1].reason and gates[1].next == "mask instead"


def test_a_component_that_kills_the_child_does_not_hide_the_others(small, stack, monkeypatch):
    """The child dies: each component is tried alone, and the row of the one that kills it says how."""

    def reply_to(name):
        if name == "text_encoder":
            raise BlipkitError("died (SIGSEGV); its last lines: lowering text_encoder")
        return RecordingReply([])

    calls = answering(monkeypatch, reply_to)
    rows = lower(isolate(small), BUCKETS[:1], stack)
    assert [row.status for row in rows] == ["PASS", "FAIL", "PASS"] and len(calls) == 4
    assert "SIGSEGV" in rows[1].findings[0].where and rows[1].component == "text_encoder"


def test_a_changed_checkpoint_is_not_lowered(small, stack, monkeypatch):
    """Bad input from the child stays bad input."""

    def reply_to(name):
        raise BadInput("no such folder")

    answering(monkeypatch, reply_to)
    with pytest.raises(BadInput, match="no such folder"):
        lower(isolate(small), BUCKETS, stack)


def test_operations_are_counted_where_anything_was_lowered():
    """All of them, and those on 64-bit integers; nothing is said of what was not lowered."""
    lowered = replace(row("5.23", dot=4, erf=1), int64={"dot": 1})
    assert (lowered.operation_count, lowered.int64_operation_count) == (5, 1)
    assert (row("5.23").operation_count, row("5.23").int64_operation_count) == (None, None)
