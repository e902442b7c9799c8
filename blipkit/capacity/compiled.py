"""What numba compiles, kept on disk so that a second process need not compile it again.

numba is an extra: `pip install 'blipkit[capacity]'`. Where nothing can be kept, functions are
compiled anew in each process, which takes some seconds.
"""

import importlib
import os
from collections.abc import Callable
from pathlib import Path

from blipkit.errors import BadInput
from blipkit.paths import has_home

EXTRA = "pip install 'blipkit[capacity]'"
FOLDER = "NUMBA_CACHE_DIR"  # numba's own variable


def compiled(function: Callable) -> Callable:
    """The function as machine code, compiled at its first call; `.py_func` is the plain one.

    BadInput, with what to install, where numba is missing.
    """
    check_numba()
    from numba import config, njit

    folder = cache_folder()
    if folder is None:
        return njit(function)
    config.CACHE_DIR = str(folder)
    return njit(function, cache=True)


def inlined(function: Callable) -> Callable:
    """A function that is compiled into whoever calls it: a call with arrays takes as long as a
    request.
    """
    check_numba()
    from numba import njit

    return njit(function, inline="always")


def check_numba() -> None:
    """BadInput, with what to install, where numba cannot be imported."""
    try:
        importlib.import_module("numba")
    except ImportError as error:
        problem = f"the simulation is compiled by numba, which cannot be imported ({error})"
        raise BadInput(f"{problem}; install it: {EXTRA}") from None


def cache_folder() -> Path | None:
    """Where compiled functions are kept, made if need be; None where nothing can be written."""
    if stated := os.environ.get(FOLDER):
        folder = Path(stated)
    elif has_home():
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = folder / "blipkit" / "numba"
    else:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None
