"""Knobs of 03_parity."""

from dataclasses import dataclass

from blipkit.profiles.knobs import COUNT, SHARE, Section, knob


@dataclass(frozen=True, kw_only=True)
class Parity(Section):
    """03: do the numbers and the answers agree?"""

    name = "parity"

    incumbent: str = knob(
        "",
        "what answers today: an arm of this machine, or golden outputs that blipkit capture"
        " made on another",
        may_be_empty=True,
    )
    frames: int = knob(300, "asked end to end", "frames", within=COUNT)
    compared_frames: int = knob(
        8, "of these, followed through every component", "frames", within=COUNT
    )
    baseline_frames: int = knob(
        48,
        "of these, asked of each candidate's same-precision baseline, to see what the"
        " precision alone moves",
        "frames",
        within=COUNT,
    )
    tensor_limit: dict[str, float] = knob(
        {"float32": 1e-4, "bfloat16": 0.05, "float16": 0.005}, "relative L2 error, by precision"
    )
    sigma_limit: float = knob(1.0, "spread of the errors over the baseline's spread", "ratio")
    overlap_floor: float = knob(
        0.99, "of the two error histograms, at least", "Bhattacharyya coefficient", within=SHARE
    )
    excused_margin: dict[str, float] = knob(
        {"float32": 1e-4},
        "a flip below it is rounding, where no baseline shows what rounding does",
        "nats",
    )
    frame_flip_limit: float = knob(
        0.02,
        "upper 95 % bound of the share of frames with an unexcused flip",
        "share",
        within=SHARE,
    )
    accuracy_floor: float = knob(
        0.9, "right answers, where the labels are the checkpoint's to answer", "share", within=SHARE
    )
