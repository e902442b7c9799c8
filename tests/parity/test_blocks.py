"""Where an arm that failed begins to err, by cutting its component after some of its blocks."""

from dataclasses import asdict

import pytest
import torch
from conftest import run_chapter
from safetensors.torch import save_file

from blipkit import Bucket, isolate, load_checkpoint
from blipkit.errors import BlipkitError
from blipkit.parity.blocks import blocks_of, cut, cuts, errors_by_block, follow_failures
from blipkit.records.gates import Gate

ARM = "eager bfloat16"
BUCKET = Bucket(1, 2, 8, 2, 4)


@pytest.fixture(scope="module")
def components():
    return isolate(load_checkpoint("builtin:tiny-pets"))


@pytest.mark.parametrize(
    ("blocks", "after"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 4]), (12, [1, 2, 4, 8, 12])]
)
def test_a_component_is_cut_ever_later(blocks, after):
    """Few cuts, so that all of them compile in little more than the time of the whole."""
    assert cuts(blocks) == after


def test_a_cut_leaves_the_component_as_it_was(components):
    """All of its blocks are the whole; fewer are another; the original keeps its own."""
    for component in components:
        inputs = component.example_inputs(BUCKET)
        count = len(blocks_of(component.module, component.name))
        with torch.inference_mode():
            whole = component.module(*inputs)
            assert cut(component, count).module(*inputs).equal(whole)
            assert not cut(component, 1).module(*inputs).equal(whole)
        assert len(blocks_of(component.module, component.name)) == count


def test_errors_grow_with_the_blocks(components, tmp_path):
    """In bfloat16: a rounding after the first block, more after the last."""
    component = components["text_encoder"]
    inputs = component.example_inputs(BUCKET)
    save_file(
        {str(i): x.contiguous() for i, x in enumerate(inputs)}, tmp_path / "inputs.safetensors"
    )
    checkpoint = component.checkpoint
    rows = errors_by_block(
        checkpoint.source,
        checkpoint.digest,
        ARM,
        component.name,
        asdict(BUCKET),
        flags=[],
        folder=str(tmp_path),
    )
    count = len(blocks_of(component.module, component.name))
    assert [blocks for blocks, _ in rows] == cuts(count)
    assert 1e-4 < rows[0][1] < rows[-1][1] < 0.05


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """03's numbers of one arm."""
    knobs = {"frames": 4, "frame_flip_limit": 0.7, "compared_frames": 3, "baseline_frames": 2}
    knobs["results"] = str(tmp_path_factory.mktemp("results"))
    return run_chapter("03_parity", knobs, {"arms": [ARM]})[0]["numbers"]


def test_where_nothing_failed_nothing_is_followed(numbers):
    """The chapter has kept an empty record of it."""
    assert numbers.panel.study.results.read("parity_blocks") == []
    assert follow_failures(numbers, [Gate(f"parity {ARM} text_encoder", "answer", "WARN")]) == []


def test_what_failed_is_followed_and_recorded(numbers, components):
    """Only the component whose gate failed, by its arm; in a child of its own."""
    gates = [
        Gate(f"parity {ARM} text_decoder", "answer", "FAIL"),
        Gate(f"decisions {ARM}", "answer", "FAIL"),
    ]
    rows = follow_failures(numbers, gates)
    assert {(row.arm, row.component, row.problem) for row in rows} == {(ARM, "text_decoder", "")}
    count = len(blocks_of(components["text_decoder"].module, "text_decoder"))
    assert [row.blocks for row in rows] == cuts(count) and rows[-1].relative_l2 > 1e-4
    assert len(numbers.panel.study.results.read("parity_blocks")) == len(rows)


def test_what_cannot_be_followed_says_why(numbers, monkeypatch):
    """A child that dies is no reason to lose the gates."""

    def dies(*_, **__):
        raise BlipkitError("the child died: out of memory")

    monkeypatch.setattr("blipkit.parity.blocks.child.call", dies)
    (row,) = follow_failures(numbers, [Gate(f"parity {ARM} image_encoder", "answer", "FAIL")])
    assert row.relative_l2 is None and row.problem == "the child died: out of memory"
