"""The kernel that a run gives to its notebooks: this very Python, an empty profile of IPython, and
what chapters import already there.

A user's kernelspecs and IPython profile have no say. The process that Jupyter starts asks the fork
server for the kernel, hands signals on to it, and ends as it ends.
"""

import json
import os
import signal
import sys
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from blipkit.machine import fork_server
from blipkit.machine.child import QUESTION, forked_question
from blipkit.machine.scratch import ScratchFolder, instead_of_home
from blipkit.machine.surroundings import find_own_programs

# else each kernel warns of TCP, though it stays on this host, and tells of the interrupt at its end
QUIET = "--IPKernelApp.log_level=50"


class OwnKernelManager(AsyncKernelManager):
    """Starts this Python's kernel, whatever kernels are installed for a user.

    The file with its ports and key lies in a folder of ours, and not among the user's own.
    """

    def __init__(self, **options):
        super().__init__(**options)
        self._folder = ScratchFolder()
        self.connection_file = str(Path(self._folder.name, "kernel.json"))

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "blipkit.run.kernel", "-f", "{connection_file}", QUIET]
        return KernelSpec(argv=argv, display_name="blipkit", language="python")


def own_folders(folder: str) -> dict[str, str]:
    """The variables that make a kernel keep what it writes in a folder of its own.

    All of it where the user has no home; else what is cached there, such as fonts, is used.
    """
    variables = dict.fromkeys(["IPYTHONDIR", "JUPYTER_RUNTIME_DIR"], folder)
    variables.update(instead_of_home(folder))
    return variables


def launch(argv: list[str]) -> None:
    """In the kernel's process: run it until it is shut down."""
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance(argv=argv)


def main() -> None:
    """Be the kernel that Jupyter asked for, or the one who stands for it."""
    argv = sys.argv[1:]
    with ScratchFolder() as folder:
        os.environ.update(own_folders(folder))
        find_own_programs()
        if not fork_server.is_possible():
            launch(argv)
            return
        question = Path(folder, QUESTION)
        asked = forked_question("blipkit.run.kernel:launch", {"argv": argv}, os.environ)
        question.write_text(json.dumps(asked))
        child_alive, _ = os.pipe()  # our end is open as long as we are here
        kernel = fork_server.fork(question, sys.stdout.fileno(), child_alive)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: os.kill(kernel.pid, received))
        sys.exit(abs(kernel.wait()))


if __name__ == "__main__":
    main()
