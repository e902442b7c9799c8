import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from blipkit.errors import BadInput, BlipkitError
from blipkit.machine import child, fork_server
from blipkit.machine.monitor import Monitor, own_processes

SPIN = "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: pass"
pytestmark = pytest.mark.skipif(not fork_server.is_possible(), reason="no safe fork here")


def call(target: str, timeout_s: float = 60, **arguments):
    return child.call(target, timeout_s=timeout_s, forked=True, **arguments)


def run(code: str) -> None:
    """In a forked child."""
    call("timeit:timeit", stmt=code, number=1)


def test_a_forked_child_returns_what_its_function_does(tmp_path, monkeypatch):
    """In the folder, with the variables and the threads of whoever asks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASKED", "yes")
    assert call("os:getcwd") == str(tmp_path) and call("os:getenv", key="ASKED") == "yes"
    assert call("torch:get_num_threads", threads=1) == 1
    assert call("os:getpid") != call("os:getpid")


def test_a_forked_child_has_what_a_fresh_one_would_import():
    """What takes seconds was imported before it began."""
    code = "import sys; assert {'torch', 'transformers'} <= set(sys.modules)"
    run(code)
    with pytest.raises(BlipkitError, match="AssertionError"):
        child.call("timeit:timeit", timeout_s=60, stmt=code, number=1)


@pytest.mark.parametrize(
    ("target", "arguments", "message"),
    [
        ("os:abort", {}, r"os:abort died \(SIGABRT\)"),
        ("os:_exit", {"status": 3}, r"died \(exit status 3\)"),
        (
            "subprocess:check_call",
            {"args": ["sleep", "60"], "timeout_s": 1},
            "took longer than 1 s",
        ),
        ("os:listdir", {"path": "/nowhere"}, "os:listdir: FileNotFoundError"),
    ],
)
def test_how_a_forked_child_ended_is_told(target, arguments, message):
    """A signal, an exit status, a time limit, an error: as of a fresh one."""
    with pytest.raises(BlipkitError, match=message):
        call(target, **arguments)


def test_bad_input_stays_bad_input():
    """The class of an error comes back with its words."""
    with pytest.raises(BadInput, match="did you mean 'null'"):
        call("blipkit.runners.arms:parse_arm", text="nul float32")


def test_one_server_serves_a_process_and_its_descendants():
    """A forked child asks the server that made it."""
    place = fork_server.address()
    assert fork_server.address() == place == call("blipkit.machine.fork_server:address")


ENDED = """
import signal, socket
from blipkit.machine.fork_server import Server

ours, _ = socket.socketpair()
Server(ours, answer=None).run()
print(signal.set_wakeup_fd(-1))
"""


def test_a_server_that_has_ended_writes_no_more():
    """Children that it killed end after it, and nothing is printed of a closed socket."""
    command = [sys.executable, "-c", ENDED]
    # its input ends at once, as where the owner has ended
    ended = subprocess.run(command, input="", capture_output=True, timeout=60, text=True)
    assert (ended.stdout, ended.stderr) == ("-1\n", "")


def test_a_server_is_started_again_where_the_code_is_newer(monkeypatch):
    """Whoever changes the package gets children that have the change."""
    before = fork_server.address()
    monkeypatch.setattr(fork_server, "_newest_code", lambda: time.time() + 60)
    after = fork_server.address()
    assert after != before and not Path(before).exists()
    monkeypatch.undo()
    os.environ[fork_server.VARIABLE] = after


@pytest.mark.parametrize("unsafe", [*fork_server.UNSAFE, "thread", "cuda"])
def test_what_does_not_survive_a_fork_is_refused(unsafe, monkeypatch):
    """A Neuron runtime, CUDA, a second thread: each by its name."""
    monkeypatch.setattr(fork_server, "_threads", lambda: 2 if unsafe == "thread" else 1)
    for name in fork_server.UNSAFE:
        monkeypatch.delitem(sys.modules, name, raising=False)
    if unsafe in fork_server.UNSAFE:
        monkeypatch.setitem(sys.modules, unsafe, object())
    import torch

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: unsafe == "cuda")
    words = {"thread": "it has 2 threads", "cuda": "CUDA has begun"}
    assert words.get(unsafe, f"{unsafe} was imported") in fork_server.unsafe()


def test_a_server_that_refuses_is_an_error_with_its_reason():
    """A server in which somebody has begun a runtime forks nobody."""
    code = (
        "import sys; sys.modules['torch_xla'] = sys; sys.argv = ['server', *sys.argv[1:]]; "
        "from blipkit.machine import fork_server; fork_server.PRELOADED = (); fork_server.main()"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fork_server, "COMMAND", (sys.executable, "-c", code))
        patch.setattr(fork_server, "_started", {})
        patch.setenv(fork_server.VARIABLE, "")
        with pytest.raises(BlipkitError, match="refused: torch_xla was .*; run it again, .*off"):
            call("os:getpid")
        fork_server.stop()


def test_server_and_children_end_with_whoever_started_them():
    """Killed, it leaves nothing behind, and no folder."""
    code = (
        "from blipkit.machine import child, fork_server; print(fork_server.address(), flush=True); "
        "child.call('subprocess:check_call', timeout_s=60, forked=True, args=['sleep', '62.5'])"
    )
    variables = {name: v for name, v in os.environ.items() if name != fork_server.VARIABLE}
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=variables
    )
    folder = Path(parent.stdout.readline().strip()).parent

    def left() -> list:
        found = psutil.process_iter(["cmdline"])
        return [p for p in found if p.info["cmdline"] in (["sleep", "62.5"],)]

    until(left)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    until(lambda: not left() and not folder.exists())


def until(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_a_forked_child_computes_is_ours():
    """The monitor counts it, though it is no descendant of this process; the server is left out."""
    call("os:getpid")
    with Monitor(0.05) as monitor:
        run(SPIN)
    ours = [sample.ours_s for sample in monitor.samples]
    assert ours[-1] - ours[0] > 0.5
    assert fork_server.pid() not in [process.pid for process in own_processes()]
