"""Ranges of what an Inf2 may do with BLIP, derived by hand: arithmetic on what others published.

Nobody measured any of it. Each number below has its source; where it is our own reading of one, it
says so.
"""

from dataclasses import dataclass

from blipkit.cost.anchors import PEAK_TFLOPS, Published, anchor
from blipkit.cost.dollars import usd_per_million

IMAGE_GFLOP = 111.0  # the image encoder of BLIP-base, a frame of 384 x 384
QUESTION_GFLOP = (16 / 3, 20 / 3)  # the text components, a question; our count for three was 16-20
# rows of params/anchors.csv, slowest and fastest, both cores busy: an image of 577 tokens is
# between a sequence of 1,024 and an image of 197; questions are shorter than all published text
LONG = (("cross-encoder 306M s1024", "matmult bf16", None), ("ViT-B/16 224", "matmult bf16", 2))
SHORT = (("cross-encoder 306M s256", "not said", 32), ("BERT-base s128", "matmult bf16", 8))
CORES = 2  # of one chip; both serve
# minutes of neuronx-cc for an arm: 361 million weights, at 210 s for 304 million in one report; one
# report has no spread, so half of it to four times it
COMPILE_MIN = (2.1, 16.6)
# from none to the end of the 95 % interval that 48 answers on random weights leave the emulated
# `matmult bf16` (results/published, inf2-dry)
FLIPS = (0.0, 0.109)


@dataclass(frozen=True)
class Range:
    """One quantity's expected range.

    unit: of low and high. because: what it is derived from. refuted_by: the observation that would
    show the derivation wrong.
    """

    quantity: str
    unit: str
    low: float
    high: float
    because: str
    refuted_by: str

    @property
    def width(self) -> float | None:
        """High over low, 1 for a point; None where low is 0."""
        if not self.low:
            return None
        return self.high / self.low


def anchors_of(rows: tuple) -> tuple[Published, Published]:
    """The slowest and the fastest row of a kind of sequence."""
    slowest, fastest = rows
    return anchor(*slowest), anchor(*fastest)


def frame_ms(questions: int) -> tuple[float, float]:
    """Shortest and longest milliseconds that a chip needs for a frame with its questions."""
    image = [IMAGE_GFLOP / row.share_of_peak for row in anchors_of(LONG)]
    text = [
        questions * gflop / row.share_of_peak
        for gflop, row in zip(reversed(QUESTION_GFLOP), anchors_of(SHORT), strict=True)
    ]
    longest = image[0] + text[0]
    shortest = image[1] + text[1]
    return shortest / PEAK_TFLOPS, longest / PEAK_TFLOPS


def _used(rows: tuple) -> str:
    """What a kind of sequence used of the peak, as a sentence goes on: 18 % (MODEL) to ..."""
    slowest, fastest = anchors_of(rows)
    ends = (f"{row.share_of_peak:.0%} ({row.model})" for row in (slowest, fastest))
    return " to ".join(ends)


def expected_ranges(questions: int, usd_per_hour: float) -> list[Range]:
    """Every quantity that is forecast, for frames with so many questions, at this price."""
    shortest, longest = frame_ms(questions)
    slowest = questions * 1000 / longest
    fastest = questions * 1000 / shortest
    return [
        _compiling(),
        Range(
            quantity="service time",
            unit="ms",
            low=round(CORES * shortest, 2),
            high=round(CORES * longest, 2),
            because=f"a frame with {questions} questions on one of {CORES} cores, of the chip's "
            f"{PEAK_TFLOPS:g} TFLOP/s: images use {_used(LONG)}, text {_used(SHORT)}",
            refuted_by="a request of one client alone that takes longer or less on the device; a "
            "batch of one at 256 tokens used 0.4 % of it in the field",
        ),
        Range(
            quantity="answers/s",
            unit="answers/s",
            low=round(slowest, 1),
            high=round(fastest, 1),
            because=f"{questions} questions a frame, both cores busy, latency far below its target",
            refuted_by="the operating point of 04 outside it: use of the peak is not what we took",
        ),
        _flips(),
        Range(
            quantity="USD per million answers",
            unit="USD",
            low=round(usd_per_million(usd_per_hour, fastest), 4),
            high=round(usd_per_million(usd_per_hour, slowest), 4),
            because=f"{usd_per_hour} USD an hour over answers/s",
            refuted_by="answers/s outside its range, or another price",
        ),
    ]


def _compiling() -> Range:
    """Minutes that neuronx-cc takes for all components of an arm."""
    return Range(
        quantity="compile time",
        unit="min",
        low=COMPILE_MIN[0],
        high=COMPILE_MIN[1],
        because="one report of 210 s for 304 million weights; half of it to four times it",
        refuted_by="the seconds of 02 for the components of the arm, added up, outside it",
    )


def _flips() -> Range:
    """The share of answers that the arm answers otherwise than the reference."""
    return Range(
        quantity="share of flips",
        unit="share",
        low=FLIPS[0],
        high=FLIPS[1],
        because="casts emulated on a CPU, 48 answers on random weights, to the end of the interval",
        refuted_by="more flips in 03: the emulation misses what the device does",
    )
