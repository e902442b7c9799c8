import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from blipkit.errors import BadInput, BlipkitError, ChildFailed
from blipkit.machine import child


def test_a_child_returns_what_its_function_does():
    """Arguments go in as JSON, the result comes back."""
    assert child.call("os:getcwd", timeout_s=60) == os.getcwd()


def test_a_child_gets_its_threads():
    """Torch's thread count is set before anything is imported."""
    assert child.call("os:getenv", timeout_s=60, threads=3, key="OMP_NUM_THREADS") == "3"


def test_a_child_that_dies_is_reported_with_its_end():
    """A crash in a compiler is a message with the signal, not a hang or a lost parent."""
    with pytest.raises(BlipkitError, match=r"os:abort died \(SIGABRT\)"):
        child.call("os:abort", timeout_s=60)


def test_a_child_that_hangs_is_stopped():
    """A time limit ends it."""
    with pytest.raises(BlipkitError, match="took longer than 1 s"):
        child.call("subprocess:check_call", timeout_s=1, args=["sleep", "60"])


def test_a_childs_error_comes_back_in_its_own_words(small, tmp_path):
    """The parent shows what the child said, and bad input stays bad input."""
    with pytest.raises(BlipkitError, match="changed since this run loaded it"):
        child.call(
            "blipkit.runners.compile:compile_from_source",
            timeout_s=120,
            source=small.source,
            digest="0",
            jobs=[],
        )
    with pytest.raises(BadInput, match="did you mean 'null'"):
        child.call("blipkit.runners.arms:parse_arm", timeout_s=120, forked=True, text="nul float32")


@pytest.mark.parametrize("forked", [False, True])
def test_what_a_child_printed_comes_with_its_error(forked):
    """A program that it calls says on stderr why it failed; the exception only that it did."""
    program = ["sh", "-c", "echo the reason >&2; exit 70"]
    with pytest.raises(ChildFailed, match="non-zero exit status 70") as error:
        child.call("subprocess:check_call", timeout_s=60, forked=forked, args=program)
    assert error.value.printed == "the reason\n"
    with pytest.raises(ChildFailed, match="died") as error:
        child.call("os:abort", timeout_s=60, forked=forked)
    assert "Fatal Python error" in error.value.printed


def test_a_child_ends_with_its_parent():
    """When the parent is killed, neither the child nor what it started lives on."""
    code = "from blipkit.machine import child; child.call('subprocess:check_call', timeout_s=60, args=['sleep', '61.25'])"
    parent = subprocess.Popen([sys.executable, "-c", code])

    def sleepers():
        return [
            p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "61.25"]
        ]

    deadline = time.monotonic() + 30
    while not sleepers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sleepers()
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    while sleepers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not sleepers()


@pytest.mark.parametrize("forked", [False, True])
def test_a_stopped_child_does_not_outlive_its_parent(forked):
    """It cannot see that its parent was killed; the system, or the fork server, ends it."""
    code = (
        "import os; from blipkit.machine import child; "
        f"asked = child.start('subprocess:check_call', {{'args': ['sleep', '63.5']}}, forked={forked}); "
        "print(asked._process.pid, flush=True); asked.result(60)"
    )
    variables = {name: v for name, v in os.environ.items() if name != "BLIPKIT_FORK_SERVER"}
    run = [sys.executable, "-c", code]
    parent = subprocess.Popen(run, stdout=subprocess.PIPE, text=True, env=variables)
    stopped = psutil.Process(int(parent.stdout.readline()))
    deadline = time.monotonic() + 30
    while not stopped.children() and time.monotonic() < deadline:
        time.sleep(0.05)
    stopped.suspend()
    parent.kill()
    parent.wait()
    while is_alive(stopped) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(stopped)


def is_alive(process: psutil.Process) -> bool:
    """Whether it is there and no zombie."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_child_can_be_told_to_end():
    """By SIGTERM, which it may obey in order; told again once it has ended, nothing happens."""
    waiting = child.start("signal:pause", {})
    waiting.tell_to_end()
    with pytest.raises(ChildFailed, match="SIGTERM"):
        waiting.result(timeout_s=20)
    waiting.tell_to_end()
