"""Knobs of 01_components."""

from dataclasses import dataclass

from blipkit.profiles.knobs import COUNT, Section, knob


@dataclass(frozen=True, kw_only=True)
class Components(Section):
    """01: which components is the model made of, and do they add up to the whole?"""

    name = "components"

    check_frames: int = knob(
        8, "on which the pipeline must equal transformers", "frames", within=COUNT
    )
