import pytest
from studies import displayed, recorded, study_of

from blipkit.frames.frames import synthetic_frames
from blipkit.parity.tensors import compare
from blipkit.runners.neuron import one_frame
from blipkit.runners.neuron.casts import emulate, export
from blipkit.runners.neuron.one_frame import CastError, CastErrors, cast_one_frame
from blipkit.runners.neuron.options import CASTS, VENDOR_ORDER


@pytest.fixture
def cast_frame(small, tmp_path):
    study = study_of("02_trace", tmp_path, small)
    return study, cast_one_frame(study, synthetic_frames(1, 5)[0])


def test_every_cast_is_one_row_and_the_most_accurate_comes_first(cast_frame):
    """Its error is what `parity` calls relative_l2; `none` rounds nothing, and `all` more than `matmult`."""
    study, casts = cast_frame
    errors = {row.casts: row.relative_l2 for row in casts.rows}
    assert set(errors) == set(CASTS) and list(errors.values()) == sorted(errors.values())
    assert errors["none"] < 1e-6
    for kind in ("bf16", "fp16", "tf32"):
        assert errors["none"] < errors[f"matmult {kind}"] < errors[f"all {kind}"]
    assert errors["all fp16"] < errors["all bf16"]
    encoder = study.components["image_encoder"].module
    pixels = study.checkpoint.processor.image_processor(
        images=synthetic_frames(1, 5)[0].image, return_tensors="pt"
    )["pixel_values"]
    exported = export(encoder, (pixels,))
    for cast in ("matmult bf16", "all fp16"):
        assert errors[cast] == compare(encoder(pixels), emulate(exported, cast)(pixels)).relative_l2
    records = study.results.read("casts")
    assert {record["evidence"] for record in records} == {"emulated"}
    assert [record["arm"] for record in records] == [f"neuron_emulated {cast}" for cast in CASTS]


def test_errors_are_counted_in_roundings_of_their_own_format():
    """One rounding of bf16 is 2**-8, of fp16 and tf32 2**-11."""
    roundings = {
        cast: CastError(f"neuron_emulated {cast}", "c", 2.0**-8).roundings for cast in CASTS
    }
    assert roundings["matmult bf16"] == roundings["all bf16"] == 1
    assert roundings["matmult fp16"] == roundings["all tf32"] == 8
    assert roundings["none"] == 2**16


def rows_of(errors: dict[str, float]) -> CastErrors:
    return CastErrors(
        [
            CastError(f"neuron_emulated {cast}", "image_encoder", error)
            for cast, error in errors.items()
        ]
    )


def test_the_vendors_order_stands_beside_ours(monkeypatch, capsys):
    """What swapped places is named; where nothing did, that is said."""
    shown = displayed(monkeypatch)
    rows_of({cast: place / 10 for place, cast in enumerate(VENDOR_ORDER)}).table()
    assert capsys.readouterr().out == "not where the vendor's list has them: none\n"
    swapped = [*VENDOR_ORDER[:1], VENDOR_ORDER[2], VENDOR_ORDER[1], *VENDOR_ORDER[3:]]
    rows_of({cast: place / 10 for place, cast in enumerate(swapped)}).table()
    assert (
        capsys.readouterr().out == "not where the vendor's list has them: all tf32, matmult tf32\n"
    )
    assert len(shown) == 2 and shown[0][0].count("<tr>") == len(CASTS)


def test_the_published_recipe_is_read_in_two_ways(monkeypatch):
    """Before and after the default moved: products in fp16, or nothing; each with its error here."""
    shown = displayed(monkeypatch)
    rows_of({"none": 0.0, "matmult fp16": 0.000383}).recipe()
    ((_, text),) = shown
    assert [line.split()[:4] for line in text.splitlines()[2:]] == [
        ["2.26.1", "2.21.33363.0", "matmult", "fp16"],
        ["2.31.0", "2.26.6360.0", "none", "0.000000"],
    ]


def test_in_a_replay_without_them_nothing_is_shown_as_measured(
    small, tmp_path, monkeypatch, capsys
):
    """A line says so; the two readings are known without."""
    monkeypatch.setattr(one_frame, "export", None)  # nothing may be computed
    study = study_of("02_trace", tmp_path / "out", small, replay=recorded(tmp_path / "bare"))
    casts, shown = cast_one_frame(study, None), displayed(monkeypatch)
    casts.table()
    casts.recipe()
    assert casts.rows == [] and "Casts on one frame: not recorded" in capsys.readouterr().out
    assert len(shown) == 1 and "matmult fp16" in shown[0][1]
