"""What others published: every row is read, and what the forecast is made of is among them."""

import pytest

from blipkit.cost import anchors
from blipkit.cost.anchors import anchor, read_anchors
from blipkit.cost.expected import LONG, SHORT, anchors_of
from blipkit.errors import BadInput, BlipkitError

FIELD = "a field report of 2026 (SDK 2.31; Triton)"


def test_every_row_is_read_and_an_empty_cell_is_none():
    """A batch that nobody stated is none, one that was stated a number; each row has its source and unit."""
    rows = read_anchors()
    assert all(row.source and row.unit in ("images", "sequences") for row in rows)
    batches = {row.batch for row in rows if row.source == FIELD}
    assert batches == {None, 1, 32} and {type(batch) for batch in batches} == {int, type(None)}


def test_the_field_report_used_a_fifth_of_the_peak():
    """180.1 sequences/s of 213 GFLOP are 38 of 190 TFLOP/s; AWS's ViT at batch 2 used 36 %."""
    whole = anchor("cross-encoder 306M s1024", "bfloat16")
    assert whole.share_of_peak == pytest.approx(38 / 190, abs=0.005)
    assert anchor("ViT-B/16 224", "matmult bf16", 2).share_of_peak == pytest.approx(0.36, abs=0.005)


def test_operations_are_counted_by_the_models_shape():
    """Twelve layers of 768 at 1,024 tokens: 12 d^2 a token and 2 n d for attention, two operations each."""
    for model, layers, width, tokens in (
        ("cross-encoder 306M s1024", 12, 768, 1024),
        ("cross-encoder 306M s256", 12, 768, 256),
        ("BERT-base s128", 12, 768, 128),
        ("BERT-large s128", 24, 1024, 128),
    ):
        row = next(row for row in read_anchors() if row.model == model)
        a_token = 12 * width**2 + 2 * tokens * width
        assert row.tokens == tokens
        assert row.gflop == pytest.approx(2e-9 * layers * tokens * a_token, rel=0.005)


@pytest.mark.parametrize("kind", [LONG, SHORT])
def test_the_slowest_row_comes_before_the_fastest(kind):
    """A range has its ends in order, whatever is published next."""
    slowest, fastest = anchors_of(kind)
    assert slowest.share_of_peak < fastest.share_of_peak < 1


def test_a_row_that_is_gone_or_wrong_is_named(tmp_path, monkeypatch):
    """What the forecast is made of cannot be left out in silence, and a batch is a number or nothing."""
    with pytest.raises(BlipkitError, match="no row of inf2.xlarge, 'GPT', 'fp8', batch not said"):
        anchor("GPT", "fp8")
    lines = anchors.ANCHORS.read_text().splitlines()[:2]
    monkeypatch.setattr(anchors, "ANCHORS", tmp_path / "anchors.csv")
    anchors.ANCHORS.write_text("\n".join(lines).replace(",1955,", ",many,"))
    with pytest.raises(BadInput, match="answers_per_s"):
        read_anchors()
