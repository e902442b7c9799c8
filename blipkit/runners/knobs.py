"""Knobs of 02_trace."""

from dataclasses import dataclass

from blipkit.profiles.knobs import Section, knob


@dataclass(frozen=True, kw_only=True)
class Trace(Section):
    """02: what does compiling each component cost and produce, and does it plug back in?"""

    name = "trace"

    compile_on: str = knob("inf2.xlarge", "instance at whose price compiling is counted")
    neuron_stack: str = knob(
        ".venv-neuron-stack",
        "environment with torch-xla, to lower in; empty: do not lower",
        may_be_empty=True,
    )
