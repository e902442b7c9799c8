"""The environment of whatever this kit starts: ours, its own Python's programs first on PATH.

A Python that was started by its path, without activating its environment, finds none of the
programs installed beside it. torch_neuronx calls two of them by name: libneuronpjrt-path when it is
imported, neuronx-cc when it compiles.
"""

import os
import sys
from collections.abc import Mapping


def surroundings(python: str = sys.executable, added: Mapping[str, str] = {}) -> dict[str, str]:
    """The variables of a process to start: ours and those added, its Python's folder first on PATH.

    python: the one that it runs, or that runs what it starts.
    """
    variables = dict(os.environ)
    variables.update(added)
    variables["PATH"] = programs_first(python, variables.get("PATH", os.defpath))
    return variables


def find_own_programs() -> None:
    """Have this very process find its own Python's programs, too."""
    os.environ["PATH"] = surroundings()["PATH"]


def programs_first(python: str, path: str) -> str:
    """A PATH that begins with the folder of a Python, as it is called: a link there, as an
    environment's own is, is not followed.
    """
    folder = os.path.dirname(os.path.abspath(python))
    others = [entry for entry in path.split(os.pathsep) if entry != folder]
    return os.pathsep.join([folder, *others])
