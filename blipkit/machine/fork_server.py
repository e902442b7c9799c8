"""A process that has imported torch and transformers and forks children from that state.

A child starts in milliseconds instead of the seconds that those imports take. The server itself
computes nothing and has one thread: a fork after CUDA or the Neuron runtime began, or beside
another thread, is not safe, and is refused. Whoever has started it owns it: the variable
BLIPKIT_FORK_SERVER tells its descendants where it listens, and it ends with its owner.
"""

import contextlib
import faulthandler
import gc
import importlib
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from blipkit.errors import BlipkitError
from blipkit.machine.scratch import ScratchFolder, socket_folder
from blipkit.machine.surroundings import surroundings

VARIABLE = "BLIPKIT_FORK_SERVER"
OFF = "off"  # a value of it
# Imported once, before anything is forked. None of them may start a thread (pandas does).
PRELOADED = (
    "transformers.models.auto.processing_auto",
    "transformers.models.blip.modeling_blip",
    "transformers.models.blip.processing_blip",
    "scipy.stats",
    "blipkit.runners.compile",
    "blipkit.serving.process",
    "blipkit.load.clients",
)
UNSAFE = ("torch_neuronx", "torch_xla", "libneuronxla")  # their runtimes do not survive a fork
PACKAGE = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "blipkit.machine.fork_server")
PID_FILE = "pid"  # beside the socket
MAX_MESSAGE_BYTES = 4096  # of the path of a question
REFUSED = "refused"
AGAIN = f"run it again, or do without the server: {VARIABLE}={OFF}"
# id of the process that started it -> server: a child must not take it for its own
_started: dict[int, "Started"] = {}


class Started(NamedTuple):
    """A server that this process has started, and the folder with its socket."""

    process: subprocess.Popen
    folder: ScratchFolder


def is_possible() -> bool:
    """Whether children may be forked: macOS's own libraries do not survive it, and whoever sets
    BLIPKIT_FORK_SERVER=off wants them fresh.
    """
    return sys.platform == "linux" and os.environ.get(VARIABLE) != OFF


def address() -> str:
    """Where the server of this process or of its ancestors listens; it is started where there is
    none, or where the package's code has changed since.
    """
    place = os.environ.get(VARIABLE, "")
    if not place or not Path(place).exists() or _newest_code() > Path(place).stat().st_mtime:
        place = start()
    return place


def start() -> str:
    """Start a server that ends with this process, in place of the one before; where it listens.

    It imports meanwhile: whoever connects earlier waits until it is done.
    """
    stop()
    folder = socket_folder()
    place = str(Path(folder.name, "socket"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen(64)
        server = subprocess.Popen(
            [*COMMAND, place, str(listener.fileno())],
            stdin=subprocess.PIPE,  # never written to: its end is this process's
            pass_fds=[listener.fileno()],
            env=surroundings(added={"OPENBLAS_NUM_THREADS": "1"}),  # else numpy begins threads
            start_new_session=True,
        )
    _started[os.getpid()] = Started(server, folder)
    Path(folder.name, PID_FILE).write_text(str(server.pid))
    os.environ[VARIABLE] = place
    return place


def stop() -> None:
    """End the server that this process has started, if there is one."""
    started = _started.pop(os.getpid(), None)
    if started:
        started.process.stdin.close()
        started.process.wait()
        started.folder.cleanup()


def pid() -> int | None:
    """The process id of the server that this process uses; None where it uses none."""
    place = os.environ.get(VARIABLE, "")
    if not place or not Path(place).exists():
        return None
    return int(Path(place).with_name(PID_FILE).read_text())


def _newest_code() -> float:
    """When a file of the package was changed last, s since 1970."""
    return max(path.stat().st_mtime for path in PACKAGE.rglob("*.py"))


@dataclass
class Forked:
    """A child of the server, as `subprocess.Popen` has one: pid, and how it ended."""

    pid: int
    connection: socket.socket
    returncode: int | None = None

    def wait(self, timeout_s: float | None = None) -> int:
        """Its exit status, negative for a signal; TimeoutError where it takes longer."""
        if self.returncode is None:
            self.connection.settimeout(timeout_s)
            reply = self.connection.recv(MAX_MESSAGE_BYTES)
            self.connection.close()
            # without a reply the server is gone, and its children with it
            self.returncode = int(reply or -signal.SIGKILL)
        return self.returncode

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        with contextlib.suppress(TimeoutError, BlockingIOError):
            self.wait(0)
        return self.returncode


def fork(question: Path, output: int, alive: int) -> Forked:
    """A child of the server that answers a question.

    output: a descriptor for what it prints; alive: of a pipe whose other end is open as long as
    somebody waits for the answer. BlipkitError where the server is gone, or refuses.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(address())
        socket.send_fds(connection, [str(question).encode()], [output, alive])
        reply = connection.recv(MAX_MESSAGE_BYTES).decode()
    except OSError as error:
        connection.close()
        raise BlipkitError(f"the fork server is gone: {error}; {AGAIN}") from None
    if not reply.isdigit():
        connection.close()
        raise BlipkitError(f"the fork server {reply or 'ended'}; {AGAIN}")
    return Forked(int(reply), connection)


class Server:
    """Forks a child for each question, and says how it ended.

    answer: what a child does with a question and the pipe that says whether somebody waits.
    """

    def __init__(self, listener: socket.socket, answer: Callable[[Path, int], None]):
        self.listener = listener
        self.answer = answer
        self.children: dict[int, socket.socket] = {}  # pid -> who waits for it
        self.selector = selectors.DefaultSelector()
        self.selector.register(listener, selectors.EVENT_READ)
        self.selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        self.wakeup, self.woken = socket.socketpair()  # a signal writes into one end
        for end in (self.wakeup, self.woken):
            end.setblocking(False)
        self.selector.register(self.wakeup, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # else no byte is written
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the owner
        signal.set_wakeup_fd(self.woken.fileno())

    def run(self) -> None:
        """Until the owner ends; children that are left end then, even one that is stopped."""
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    self._fork()
                elif key.fileobj is self.wakeup:
                    self.wakeup.recv(MAX_MESSAGE_BYTES)
                    self._reap()
                else:  # the owner's end of our standard input is closed
                    self._kill_children()
                    signal.set_wakeup_fd(-1)  # else their ends are written to what is closed
                    return

    def _kill_children(self) -> None:
        """End what was forked, with all that it has started."""
        for pid in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _fork(self) -> None:
        connection, _ = self.listener.accept()
        message, descriptors, _, _ = socket.recv_fds(connection, MAX_MESSAGE_BYTES, 2)
        if not message:
            connection.close()
            return
        problem = unsafe()
        if problem:
            connection.send(f"{REFUSED}: {problem}".encode())
            connection.close()
        elif pid := os.fork():
            self.children[pid] = connection
            connection.send(str(pid).encode())
        else:
            self._become_child(Path(message.decode()), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)

    def _become_child(self, question: Path, output: int, alive: int) -> None:
        """Answer, and end; nothing of the server stays open."""
        status = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self.selector.close()
            self.listener.close()
            for connection in self.children.values():
                connection.close()
            os.dup2(output, 1)
            os.dup2(output, 2)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            faulthandler.enable()
            self.answer(question, alive)
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)  # the server's own clean-up is not the child's

    def _reap(self) -> None:
        """Tell those who wait how their children ended."""
        while self.children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            connection = self.children.pop(pid)
            with contextlib.suppress(OSError):  # nobody waits any more
                connection.send(str(os.waitstatus_to_exitcode(status)).encode())
            connection.close()


def unsafe() -> str:
    """Why this process must not be forked, in words; "" where it may be."""
    runtimes = [name for name in UNSAFE if name in sys.modules]
    if runtimes:
        return f"{', '.join(runtimes)} was imported, whose runtime does not survive a fork"
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        return "CUDA has begun, which does not survive a fork"
    if _threads() > 1:
        return f"it has {_threads()} threads, of which a fork keeps one"
    return ""


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def main() -> None:
    """Import, then serve on the socket whose descriptor we were given."""
    from blipkit.machine import child

    listener = socket.socket(fileno=int(sys.argv[2]))
    for name in PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a child's collections leave the pages that it shares with us alone
    try:
        Server(listener, child.answer_forked).run()
    finally:
        shutil.rmtree(Path(sys.argv[1]).parent, ignore_errors=True)


if __name__ == "__main__":
    main()
