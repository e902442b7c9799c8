"""Knobs of 00_environment."""

from dataclasses import dataclass

from blipkit.profiles.knobs import Section, knob

MACHINES = ("cpu", "cuda", "neuron")


@dataclass(frozen=True, kw_only=True)
class Environment(Section):
    """00: what machine is this, and is it the one I think?"""

    name = "environment"

    expect: str = knob(
        "cpu", "the machine this profile is meant for: cpu, cuda or neuron", one_of=MACHINES
    )
