"""Do torch-neuronx and neuronx-cc, which are installed here, also work?

Their metadata say only that files lie there. Importing and compiling call programs by their names,
and since SDK 2.33 another product has the name torch-neuronx.
"""

import re
import shutil

from blipkit.errors import BlipkitError
from blipkit.machine import child, host
from blipkit.machine.surroundings import surroundings
from blipkit.runners.neuron.messages import explain_error
from blipkit.runners.neuron.support import numbers

TRY_S = 300  # a new instance reads its disk from afar, the first time


def import_problem(installed: str) -> str:
    """Why torch_neuronx cannot be used, "" where it can; tried in a child, as its runtime stays
    with the process that imports it.
    """
    try:
        has_trace = child.call("blipkit.runners.kinds.neuron:has_trace", timeout_s=TRY_S)
    except BlipkitError as error:
        return f"import torch_neuronx fails: {explain_error(error)}"
    if has_trace:
        return ""
    return f"torch_neuronx {installed} has no trace, so that nothing can be compiled with it"


def compiler_problem(installed: str) -> str:
    """Why the program neuronx-cc cannot be used, "" where it can; installed: its package's."""
    program = shutil.which("neuronx-cc", path=surroundings()["PATH"])
    if not program:
        places = "neither the folder of this Python nor PATH has the program"
        return f"{places}: install neuronx-cc again in this environment"
    said = host.output_of(program, "--version", timeout_s=TRY_S)
    found = re.search(r"version (\d\S*)", said)
    if not found:
        return f"{program} --version fails: run it to see why"
    if numbers(found[1]) != numbers(installed):
        of_another = f"{program} is {found[1]}, the installed package {installed}"
        return f"{of_another}: remove the one that is of another environment from PATH"
    return ""
