"""What each of the compiler's casts does to one frame, emulated, beside the vendor's order."""

from dataclasses import dataclass

import torch

from blipkit.display.tables import show_table
from blipkit.frames.frames import Frame
from blipkit.records.typed import measure_typed
from blipkit.runners.arms import ROUNDOFF, Arm
from blipkit.runners.neuron.casts import emulate, export
from blipkit.runners.neuron.options import CASTS, VENDOR_ORDER, casts_as_read
from blipkit.runners.tensors import relative_l2
from blipkit.study import Study

EMULATED = "neuron_emulated"
COMPONENT = "image_encoder"
# (SDK, its neuronx-cc): before and after the default of --auto-cast moved
RELEASES = (("2.26.1", "2.21.33363.0"), ("2.31.0", "2.26.6360.0"))
RECIPE = "fp16"  # what the published recipe passes as --auto-cast-type, and nothing else


@dataclass(frozen=True)
class CastError:
    """An emulated arm's error in one component's output: its L2 norm over the reference's."""

    arm: str
    component: str
    relative_l2: float

    @property
    def casts(self) -> str:
        """Where and to what it rounds: `matmult bf16`."""
        return self.arm.partition(" ")[2]

    @property
    def roundings(self) -> float:
        """The error in units of one rounding of its format."""
        return self.relative_l2 / ROUNDOFF[Arm(EMULATED, self.casts).precision]


@dataclass(frozen=True)
class CastErrors:
    """Every cast's error, the most accurate first; none where a replay's folder has none."""

    rows: list[CastError]

    def table(self) -> None:
        """Show the casts by what they err here, beside their place in the vendor's list."""
        if not self.rows:
            print("Casts on one frame: not recorded")
            return
        shown = [
            {
                "casts": row.casts,
                "relative_l2": row.relative_l2,
                "roundings": row.roundings,
                "here": place,
                "vendor": VENDOR_ORDER.index(row.casts) + 1,
            }
            for place, row in enumerate(self.rows, 1)
        ]
        caption = "Casts, emulated, the most accurate first, beside the vendor's order"
        show_table(shown, caption)
        swapped = [row["casts"] for row in shown if row["here"] != row["vendor"]]
        print(f"not where the vendor's list has them: {', '.join(swapped) or 'none'}")

    def recipe(self) -> None:
        """Show how two releases read the published recipe's one flag, and what each errs here."""
        errors = {row.casts: row.relative_l2 for row in self.rows}
        shown = []
        for sdk, compiler in RELEASES:
            read = casts_as_read(cast_type=RECIPE, neuronx_cc=compiler)
            shown.append(
                {
                    "SDK": sdk,
                    "neuronx-cc": compiler,
                    f"--auto-cast-type {RECIPE} is": read,
                    "relative_l2": errors.get(read),
                }
            )
        show_table(shown, "One flag, two readings, emulated")


def cast_one_frame(study: Study, frame: Frame) -> CastErrors:
    """Send one frame through the image encoder with each cast; keep each one's error."""

    def measured() -> list[CastError]:
        encoder = study.components[COMPONENT].module
        processor = study.checkpoint.processor.image_processor
        pixels = processor(images=frame.image, return_tensors="pt")["pixel_values"]
        exported = export(encoder, (pixels,))
        rows = []
        with torch.inference_mode():
            expected = encoder(pixels)
            for casts in CASTS:
                error = relative_l2(expected, emulate(exported, casts)(pixels))
                rows.append(CastError(f"{EMULATED} {casts}", COMPONENT, error))
        return rows

    rows = measure_typed(study.results, "casts", CastError, measured, evidence="emulated")
    return CastErrors(sorted(rows, key=_error))


def _error(row: CastError) -> float:
    return row.relative_l2
