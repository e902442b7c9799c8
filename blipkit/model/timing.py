"""How long one frame takes the image encoder, beside what its operations alone would take."""

import time
from dataclasses import dataclass

import torch
from torch import nn

from blipkit.records.results import Results
from blipkit.records.typed import measure_typed

TIMES = 5  # calls in one measurement


@dataclass(frozen=True)
class EncoderTime:
    """Milliseconds that one frame takes the image encoder, measured and predicted."""

    image_encoder_ms: float
    predicted_ms: float


def count_operations(module: nn.Module, *inputs: torch.Tensor) -> int:
    """Float operations of one call, as torch counts them: two for each multiplication."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        module(*inputs)
    return counter.get_total_flops()


@torch.inference_mode()
def call_ms(module: nn.Module, *inputs: torch.Tensor) -> float:
    """Mean milliseconds of a call; a first one is not counted."""
    module(*inputs)
    begin = time.perf_counter()
    for _ in range(TIMES):
        module(*inputs)
    return (time.perf_counter() - begin) / TIMES * 1e3


def time_encoder(
    results: Results,
    encoder: nn.Module,
    pixels: torch.Tensor,
    predicted_ms: float,
) -> EncoderTime | None:
    """Time the image encoder on a frame's pixels, beside the prediction.

    None where a replay's folder has no record of it.
    """

    def measured() -> list[EncoderTime]:
        return [EncoderTime(call_ms(encoder, pixels), predicted_ms)]

    rows = measure_typed(results, "image_encoder_time", EncoderTime, measured)
    return rows[0] if rows else None
