"""Run one function of ours in a fresh Python process and take back what it returns.

Compiling and load tests run this way: a Neuron core stays with its process until exit, its runtime is not fork-safe,
and a Jupyter kernel has threads of its own. Starting costs 2-3 s, the import of torch. Arguments and result are JSON:
a child gets a checkpoint's name and digest, never pickled weights.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from blipkit.errors import BadInput, BlipkitError

FAILED = 70  # the child's exit status when our function raised; anything else is the interpreter's end


def call(target: str, *, timeout_s: float, threads: int = 0, python=sys.executable, environment={}, **arguments):
    """Return `module:function`(**arguments), run in a child.

    threads: torch's threads in the child; 0 leaves torch's choice. python: another environment's; environment: variables
    that it gets besides ours. Raises BlipkitError with the child's last lines when it dies or takes longer than
    `timeout_s`.
    """
    with tempfile.TemporaryDirectory(prefix="blipkit-") as folder:
        question, answer = Path(folder, "question.json"), Path(folder, "answer.json")
        question.write_text(json.dumps(arguments))
        environment = {**os.environ, **environment}
        if threads:
            environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        child_end, our_end = os.pipe()
        process = subprocess.Popen(
            [python, "-X", "faulthandler", "-m", "blipkit.child", target, question, answer, str(child_end)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            pass_fds=[child_end],
            start_new_session=True,  # so that a compiler which the child started can be stopped with it
        )
        os.close(child_end)
        try:
            printed, _ = process.communicate(timeout=timeout_s)
            ended = f"died ({_how(process.returncode)})"
        except BaseException as error:  # Ctrl-C, too: leave no orphan behind
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                process.wait()
                raise
            printed, _ = process.communicate()
            ended = f"took longer than {timeout_s:.0f} s and was stopped"
        finally:
            os.close(our_end)
        if process.returncode == 0:
            return json.loads(answer.read_text())
        if process.returncode == FAILED:
            problem = json.loads(answer.read_text())
            error = BadInput if problem["bad_input"] else BlipkitError
            raise error(problem["message"])
        raise BlipkitError(f"{target} {ended}; its last lines:\n{_tail(printed)}")


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    name = signal.Signals(-status).name
    return f"{name}, perhaps out of memory" if name == "SIGKILL" else name


def _tail(text: str, lines: int = 15) -> str:
    """The last lines, or faulthandler's first ones, which name the place; its list of extension modules says nothing."""
    told = [line for line in text.strip().splitlines() if line and not line.startswith("Extension modules:")]
    if crash := next((i for i, line in enumerate(told) if line.startswith("Fatal Python error")), 0):
        told = told[: crash + lines - 2]
    return "\n".join(told[-lines:]) or "(it printed nothing)"


def _end_with_parent(pipe: int) -> None:
    """Wait until the parent's end of the pipe is closed, which its death does too; then end with all we started."""
    os.read(pipe, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    target, question, answer, pipe = sys.argv[1:]
    threading.Thread(target=_end_with_parent, args=(int(pipe),), daemon=True).start()
    module, function = target.split(":")
    arguments = json.loads(Path(question).read_text())
    try:
        result = getattr(importlib.import_module(module), function)(**arguments)
    except Exception as error:
        import traceback

        traceback.print_exc()
        said = str(error) if isinstance(error, BlipkitError) else f"{target}: {type(error).__name__}: {error}"
        Path(answer).write_text(json.dumps({"message": said, "bad_input": isinstance(error, BadInput)}))
        sys.exit(FAILED)
    Path(answer).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
