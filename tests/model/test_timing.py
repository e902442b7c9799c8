import math
from types import SimpleNamespace

import torch
from studies import recorded

from blipkit import isolate
from blipkit.model import timing
from blipkit.model.timing import EncoderTime, count_operations, time_encoder
from blipkit.records.results import Results


def test_operations_of_a_product_are_two_a_multiplication():
    """A linear layer of 24 x 5 on 7 rows takes 2 * 7 * 24 * 5."""
    assert count_operations(torch.nn.Linear(24, 5), torch.zeros(7, 24)) == 2 * 7 * 24 * 5


def test_the_image_encoders_operations_follow_from_its_config(small):
    """Its products, by hand: patches, and in each layer query, key, value, two of attention, one after it, two of the feed-forward."""
    vision = small.config.vision_config
    states, width, inner = (
        (vision.image_size // vision.patch_size) ** 2 + 1,
        vision.hidden_size,
        vision.intermediate_size,
    )
    patches = 2 * (states - 1) * width * 3 * vision.patch_size**2
    layer = 2 * states * width * (4 * width + 2 * inner) + 2 * 2 * states * states * width
    pixels = torch.zeros(1, 3, vision.image_size, vision.image_size)
    assert (
        count_operations(small.model.vision_model, pixels)
        == patches + vision.num_hidden_layers * layer
    )


def test_the_time_is_the_mean_of_the_calls_after_the_first(monkeypatch):
    """With a clock that says half a second for all of them."""
    calls, clock = [], iter([10.0, 10.5])
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    assert math.isclose(timing.call_ms(calls.append, 1), 500 / timing.TIMES)
    assert len(calls) == 1 + timing.TIMES


def test_the_time_is_kept_beside_its_prediction(small, tmp_path):
    """In a replay both are read; where there are none, nothing is measured."""
    encoder, provenance = isolate(small)["image_encoder"].module, {"weights_digest": small.digest}
    pixels = torch.zeros(
        1, 3, small.config.vision_config.image_size, small.config.vision_config.image_size
    )
    timed = time_encoder(
        Results(tmp_path / "here", "01_components", **provenance), encoder, pixels, 0.25
    )
    assert timed.image_encoder_ms > 0 and timed.predicted_ms == 0.25
    row = provenance | {"image_encoder_ms": 2.0, "predicted_ms": 0.5}
    far = recorded(tmp_path / "far", image_encoder_time=[row])
    replayed = Results(tmp_path / "out", "01_components", replay=str(far), **provenance)
    assert time_encoder(replayed, None, pixels, 0.25) == EncoderTime(2.0, 0.5)
    bare = Results(
        tmp_path / "out", "01_components", replay=str(recorded(tmp_path / "bare")), **provenance
    )
    assert time_encoder(bare, None, pixels, 0.25) is None and bare.lacking == {"image_encoder_time"}
