"""Run one function of ours in a process of its own and take back what it returns.

Compiling and load tests run this way: a Neuron core stays with its process until exit, and a
Jupyter kernel has threads of its own. A fresh Python takes seconds to import torch; one that the
fork server makes has it already. Arguments and result are JSON: a child gets a checkpoint's name
and digest, never pickled weights.
"""

import contextlib
import ctypes
import json
import os
import pkgutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from blipkit.errors import BadInput, BlipkitError, ChildFailed
from blipkit.machine import fork_server
from blipkit.machine.malloc import settle_malloc
from blipkit.machine.scratch import ScratchFolder
from blipkit.machine.surroundings import surroundings

# in a folder that parent and child share
QUESTION = "question.json"
ANSWER = "answer.json"


def call(
    target: str,
    *,
    timeout_s: float,
    threads: int = 0,
    forked: bool = False,
    python: str = sys.executable,
    environment: Mapping[str, str] = {},
    **arguments,
):
    """Return `module:function`(**arguments), run in a child; the options are those of `start`.

    Raises ChildFailed with the child's last lines when it dies or takes longer than `timeout_s`.
    """
    return start(target, arguments, threads, forked, python, environment).result(timeout_s)


def start(
    target: str,
    arguments: Mapping[str, Any],
    threads: int = 0,
    forked: bool = False,
    python: str = sys.executable,
    environment: Mapping[str, str] = {},
) -> "Child":
    """A child that runs `module:function`(**arguments).

    threads: torch's threads in the child; 0 leaves torch's choice. forked: by the fork server, for
    what touches neither CUDA nor Neuron. python: another environment's; environment: variables that
    it gets besides ours.
    """
    variables = _variables(python, threads, environment)
    if forked and fork_server.is_possible():
        return Child(forked_question(target, arguments, variables), fork_server.fork)
    question = {"target": target, "arguments": arguments}
    return Child(question, partial(_start_fresh, python, variables))


def forked_question(
    target: str, arguments: Mapping[str, Any], variables: Mapping[str, str]
) -> dict[str, Any]:
    """What `answer_forked` is asked; by itself a child has the server's surroundings, not ours."""
    return {
        "target": target,
        "arguments": arguments,
        "environment": dict(variables),
        "folder": os.getcwd(),
    }


def _variables(python: str, threads: int, environment: Mapping[str, str]) -> dict[str, str]:
    """The child's environment: its surroundings, and torch's threads where they are given."""
    variables = surroundings(python, environment)
    variables["PYTHONIOENCODING"] = "utf-8"  # as `Child` reads it, whatever our terminal's is
    if threads:
        variables["OMP_NUM_THREADS"] = str(threads)
        variables["MKL_NUM_THREADS"] = str(threads)
    return variables


class Child:
    """A child that was started; what it prints is read while it runs.

    It leads a process group, so that a compiler which it started is stopped with it, and ends when
    our end of a pipe is closed, which our death does too.
    """

    def __init__(self, question: Mapping[str, Any], start: Callable):
        """start: of the question's file, descriptors for what it prints and of the pipe -> process
        with `pid`, `wait` and `poll`.
        """
        self.target = question["target"]
        self._folder = ScratchFolder()
        place = Path(self._folder.name, QUESTION)
        place.write_text(json.dumps(question))
        self._heard: Callable[[str], None] | None = None
        self._lines: list[str] = []
        child_alive, self._alive = os.pipe()
        self._printed, output = os.pipe()
        try:
            self._process = start(place, output, child_alive)
        except BaseException:
            os.close(self._alive)
            os.close(self._printed)
            raise
        finally:
            os.close(child_alive)
            os.close(output)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def listen(self, heard: Callable[[str], None]) -> None:
        """Have each line that it prints from now on told, in another thread."""
        self._heard = heard

    def _read(self) -> None:
        with open(self._printed, encoding="utf-8", errors="replace") as printed:
            for line in printed:
                self._lines.append(line)
                if self._heard:
                    self._heard(line.rstrip())

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return "".join(self._lines)

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def result(self, timeout_s: float):
        """What its function returned, or raised; ChildFailed where it dies, or takes longer."""
        ended = f"took longer than {timeout_s:.0f} s and was stopped"
        with self._folder:
            try:
                ended = f"died ({_how(self._process.wait(timeout_s))})"
            except (TimeoutError, subprocess.TimeoutExpired):
                pass
            finally:
                self.kill()
                os.close(self._alive)
            self._reader.join()
            if self._process.poll():
                problem = f"{self.target} {ended}; its last lines:\n{_tail(self._lines)}"
                raise ChildFailed(problem, self.printed)
            return _returned(Path(self._folder.name, ANSWER), self.printed)

    def tell_to_end(self) -> None:
        """Ask it, and nothing that it started, to end in order (SIGTERM), if it has not ended."""
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it with all that it started, if it has not ended."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _start_fresh(
    python: str, variables: dict[str, str], question: Path, output: int, alive: int
) -> subprocess.Popen:
    """A Python that imports everything itself."""
    run = [python, "-X", "faulthandler", "-m", "blipkit.machine.child"]
    return subprocess.Popen(
        [*run, question, str(alive)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=variables,
        pass_fds=[alive],
        start_new_session=True,
    )


def _returned(answer: Path, printed: str):
    """What the child's function returned; raised here, what it raised there."""
    reply = json.loads(answer.read_text())
    if "problem" not in reply:
        return reply["returned"]
    if reply["bad_input"]:
        raise BadInput(reply["problem"])
    raise ChildFailed(reply["problem"], printed)


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    name = signal.Signals(-status).name
    if name == "SIGKILL":
        return f"{name}, perhaps out of memory"
    return name


def _tail(lines: Sequence[str], most: int = 15) -> str:
    """The last lines, or faulthandler's first ones, which name the place; its list of extension
    modules says nothing.
    """
    printed = [line.rstrip() for line in lines]
    printed = [line for line in printed if line and not line.startswith("Extension modules:")]
    crashes = [i for i, line in enumerate(printed) if line.startswith("Fatal Python error")]
    if crashes and crashes[0] > 0:
        printed = printed[: crashes[0] + most - 2]
    return "\n".join(printed[-most:]) or "(it printed nothing)"


def _end_with_parent(pipe: int) -> None:
    """Wait until the parent's end of the pipe is closed, which its death does too; then end with
    all we started.
    """
    os.read(pipe, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


PR_SET_PDEATHSIG = 1  # prctl's: the signal that the system sends when our parent is gone


def wake_with_parent() -> None:
    """Have the system let us go on when our parent dies: whoever is stopped cannot see it.

    What is to be done then is `_end_with_parent`'s.
    """
    with contextlib.suppress(OSError, AttributeError):  # another system
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGCONT)


def name_process(target: str) -> None:
    """Show in `ps` and `top` what this child does: blipkit:FUNCTION, of which Linux keeps 15
    letters.
    """
    with contextlib.suppress(OSError):  # another system
        Path("/proc/self/comm").write_text(f"blipkit:{target.partition(':')[2]}"[:15])


def answer(question: Path, alive: int) -> None:
    """In the child: call what is asked for, and leave what it returned or raised beside it."""
    wake_with_parent()
    threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
    asked = json.loads(question.read_text())
    target = asked["target"]
    name_process(target)
    try:
        reply = {"returned": pkgutil.resolve_name(target)(**asked["arguments"])}
    except Exception as error:
        problem = f"{target}: {type(error).__name__}: {error}"
        if isinstance(error, BlipkitError):
            problem = str(error)
        reply = {"problem": problem, "bad_input": isinstance(error, BadInput)}
    question.with_name(ANSWER).write_text(json.dumps(reply))


def answer_forked(question: Path, alive: int) -> None:
    """In a child of the fork server: take over who asks' variables, folder and threads, then
    `answer`.
    """
    settle_malloc()
    asked = json.loads(question.read_text())
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():  # a fresh process has them from the variable; torch is there already here
        import torch

        torch.set_num_threads(min(int(threads), os.cpu_count()))  # as torch itself would
    answer(question, alive)


def main() -> None:
    answer(Path(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    main()
