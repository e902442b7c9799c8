"""What others published of their hardware, params/anchors.csv: throughput, latency, source."""

from dataclasses import dataclass

from blipkit.errors import BlipkitError, shown
from blipkit.paths import PROFILES
from blipkit.records.typed import row_of

ANCHORS = PROFILES / "anchors.csv"
# bf16 of an Inferentia2 chip, TFLOP/s: docs/neuron.md. Larger Inf2 have more chips, not faster ones
PEAK_TFLOPS = 190.0


@dataclass(frozen=True)
class Published:
    """A row of params/anchors.csv: throughput and latency that others published, with the source.

    tokens: of one unit, such as 197 for an image in 14 x 14 patches; gflop: what it takes, by
    count; answers_per_s: in units; devices: chips that were measured, of devices_of_instance.
    batch; latency in ms; None: not published.
    """

    instance: str
    model: str
    tokens: int
    gflop: float
    answers_per_s: float
    unit: str
    devices: int
    devices_of_instance: int
    batch: int | None
    p50_ms: float | None
    p99_ms: float | None
    precision: str
    source: str

    @property
    def share_of_peak(self) -> float:
        """What it used of its Inferentia2 chips' operations in bf16; counted, not measured."""
        return self.answers_per_s * self.gflop / 1000 / (PEAK_TFLOPS * self.devices)


def read_anchors() -> list[Published]:
    """Every row of params/anchors.csv; an empty cell is None."""
    import pandas

    table = pandas.read_csv(ANCHORS, dtype={"batch": "Int64"})
    table = table.astype(object).where(table.notna(), None)
    return [row_of(Published, row) for row in table.to_dict("records")]


def anchor(model: str, precision: str, batch: int | None = None) -> Published:
    """The row of an inf2.xlarge by model, precision and batch; BlipkitError where it is gone."""
    sought = ("inf2.xlarge", model, precision, batch)
    for row in read_anchors():
        if (row.instance, row.model, row.precision, row.batch) == sought:
            return row
    said = f"{ANCHORS} has no row of inf2.xlarge, {shown(model)}, {shown(precision)}"
    raise BlipkitError(f"{said}, batch {batch or 'not said'}; the forecast is made of it: put back")
