"""Run one function of ours in a fresh Python process and take back what it returns.

Compiling and load tests run this way: a Neuron core stays with its process until exit, its runtime
is not fork-safe, and a Jupyter kernel has threads of its own. Starting costs 2-3 s, the import of
torch. Arguments and result are JSON: a child gets a checkpoint's name and digest, never pickled
weights.
"""

import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from blipkit.errors import BadInput, BlipkitError


def call(
    target: str,
    *,
    timeout_s: float,
    threads: int = 0,
    python=sys.executable,
    environment={},
    **arguments,
):
    """Return `module:function`(**arguments), run in a child.

    threads: torch's threads in the child; 0 leaves torch's choice. python: another environment's;
    environment: variables that it gets besides ours. Raises BlipkitError with the child's last
    lines when it dies or takes longer than `timeout_s`.
    """
    with tempfile.TemporaryDirectory(prefix="blipkit-") as folder:
        question = Path(folder, "question.json")
        answer = Path(folder, "answer.json")
        question.write_text(json.dumps(arguments))
        child_end, our_end = os.pipe()
        run = [python, "-X", "faulthandler", "-m", "blipkit.machine.child"]
        command = [*run, target, question, answer, str(child_end)]
        process = _started(command, _variables(threads, environment), child_end)
        os.close(child_end)
        try:
            printed, ended = _waited_for(process, timeout_s)
        finally:
            os.close(our_end)
        if process.returncode:
            raise BlipkitError(f"{target} {ended}; its last lines:\n{_tail(printed)}")
        return _returned(answer)


def _variables(threads: int, environment: Mapping[str, str]) -> dict[str, str]:
    """The child's environment: ours, what it gets besides, and torch's threads unless 0."""
    variables = dict(os.environ)
    variables.update(environment)
    if threads:
        variables["OMP_NUM_THREADS"] = str(threads)
        variables["MKL_NUM_THREADS"] = str(threads)
    return variables


def _started(command: list, variables: dict[str, str], child_end: int) -> subprocess.Popen:
    """The child, which inherits its end of the pipe."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",  # whatever it prints is shown
        env=variables,
        pass_fds=[child_end],
        # so that a compiler which the child started can be stopped with it
        start_new_session=True,
    )


def _waited_for(process: subprocess.Popen, timeout_s: float) -> tuple[str, str]:
    """What the child printed, and how it ended, in words."""
    try:
        printed, _ = process.communicate(timeout=timeout_s)
        return printed, f"died ({_how(process.returncode)})"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        printed, _ = process.communicate()
        return printed, f"took longer than {timeout_s:.0f} s and was stopped"
    finally:
        if process.poll() is None:  # Ctrl-C: leave no orphan behind
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _returned(answer: Path):
    """What the child's function returned; raised here, what it raised there."""
    reply = json.loads(answer.read_text())
    if "problem" not in reply:
        return reply["returned"]
    if reply["bad_input"]:
        raise BadInput(reply["problem"])
    raise BlipkitError(reply["problem"])


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    name = signal.Signals(-status).name
    if name == "SIGKILL":
        return f"{name}, perhaps out of memory"
    return name


def _tail(text: str, lines: int = 15) -> str:
    """The last lines, or after a crash the first of faulthandler's, which name the place.

    Its list of extension modules says nothing.
    """
    printed = [
        line
        for line in text.strip().splitlines()
        if line and not line.startswith("Extension modules:")
    ]
    crashes = [i for i, line in enumerate(printed) if line.startswith("Fatal Python error")]
    if crashes and crashes[0] > 0:
        printed = printed[: crashes[0] + lines - 2]
    return "\n".join(printed[-lines:]) or "(it printed nothing)"


def _end_with_parent(pipe: int) -> None:
    """Wait until the parent's end of the pipe closes, as it does when the parent dies; then end,
    with all that we started.
    """
    os.read(pipe, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    target, question, answer, pipe = sys.argv[1:]
    threading.Thread(target=_end_with_parent, args=(int(pipe),), daemon=True).start()
    arguments = json.loads(Path(question).read_text())
    try:
        reply = {"returned": pkgutil.resolve_name(target)(**arguments)}
    except Exception as error:
        problem = f"{target}: {type(error).__name__}: {error}"
        if isinstance(error, BlipkitError):
            problem = str(error)
        reply = {"problem": problem, "bad_input": isinstance(error, BadInput)}
    Path(answer).write_text(json.dumps(reply))


if __name__ == "__main__":
    main()
