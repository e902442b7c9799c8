"""Gates that a profile requires: which chapter judges each, and which count in a run."""

from collections.abc import Sequence

from blipkit.arrivals.gates import GATES as ARRIVAL_GATES
from blipkit.arrivals.judge_settings import AGREES
from blipkit.capacity.gates import CALIBRATED, CONSERVED, HOLDS
from blipkit.cost.decision import saving_gate_name
from blipkit.cost.prices import AGE_GATE
from blipkit.cost.pricing import ANSWERS_GATE, INTERVAL_GATE
from blipkit.cost.systems import PLATFORM_GATE
from blipkit.errors import BadInput, nearest, shown
from blipkit.load import execution
from blipkit.load.gates import ADMISSION, OF_GRID
from blipkit.model.components import COMPONENT_NAMES
from blipkit.model.whole import ADAPTERS_EQUAL, PIPELINE_EQUALS
from blipkit.parity.answers import ACCURACY
from blipkit.parity.calls import EVERY_ARM, PIPELINE, PIXELS, tensor_gate_name
from blipkit.parity.decisions import decision_gate_name
from blipkit.parity.effort import EXECUTION
from blipkit.parity.golden import SOFTWARE_GATE
from blipkit.profiles.profile import Profile
from blipkit.records.environment import MACHINE_GATE
from blipkit.renamed import gate_today
from blipkit.runners.arms import REFERENCE
from blipkit.runners.compiled import EVERY_COMPONENT, SECOND_CALL
from blipkit.runners.neuron.lowering import gate_name
from blipkit.runners.plugged import PLUGS_IN
from blipkit.service.outcome import GATES as SERVICE_GATES


def judges(profile: Profile) -> dict[str, str]:
    """Every gate that the chapters can judge with this profile -> the chapter that does."""
    candidate = profile.section("cost").candidate
    gates = {
        "00_environment": [MACHINE_GATE, PLATFORM_GATE],
        "01_components": [ADAPTERS_EQUAL, PIPELINE_EQUALS],
        "02_trace": [EVERY_COMPONENT, SECOND_CALL, PLUGS_IN, *map(gate_name, COMPONENT_NAMES)],
        "03_parity": parity_gates(profile.common.arms),
        "04_concurrency": [*OF_GRID, ADMISSION, execution.GATE],
        "08_arrivals": [*ARRIVAL_GATES, AGREES],
        "05_cost": [ANSWERS_GATE, INTERVAL_GATE, AGE_GATE, saving_gate_name(candidate)],
        "09_service": list(SERVICE_GATES),
        "10_capacity": [CALIBRATED, CONSERVED, HOLDS],
    }
    return {gate: stem for stem, names in gates.items() for gate in names}


def parity_gates(arms: Sequence[str]) -> list[str]:
    """What 03 judges of these arms."""
    gates = [ACCURACY, SOFTWARE_GATE, EXECUTION, tensor_gate_name(EVERY_ARM, PIXELS)]
    gates += map(decision_gate_name, arms)
    judged = (*COMPONENT_NAMES, PIPELINE)
    gates += [tensor_gate_name(arm, name) for arm in (*arms, REFERENCE) for name in judged]
    return gates


def check_required(profile: Profile) -> None:
    """Refuse a required gate that no chapter could judge: it would never be measured."""
    known = judges(profile)
    for gate in map(gate_today, profile.common.required):
        if gate not in known:
            advice = f"{nearest(gate, known)} Name those you need, or none: []"
            raise BadInput(f"common.required: nothing here has the gate {shown(gate)}; {advice}")


def required_of(profile: Profile, stems: Sequence[str]) -> list[str]:
    """The required gates that these chapters judge, by their names of today."""
    known = judges(profile)
    return [gate for gate in map(gate_today, profile.common.required) if known.get(gate) in stems]
