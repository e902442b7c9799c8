"""Whatever stands in a file, its reader accepts it or refuses it in words, soon, and touches, runs and calls nothing else."""

import os
import re
import socket
import subprocess
import time
from pathlib import Path

import campaign
import pytest
from campaign import HEAD, Target
from sandbox import SECRET, Case, Limits, leaked
from targets import TARGETS

from blipkit.errors import BadInput

STRICT = Limits(cpu_s=0.3, memory=64 << 20)
IMPATIENT = Limits(wall_s=1.0)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where inputs are made: targets that begin with the same valid ones share them."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def table(request):
    """Summaries of the targets, printed when all are through."""
    summaries = []
    yield summaries
    manager = request.config.pluginmanager.getplugin("capturemanager")
    with manager.global_and_fixture_disabled():
        print("\n".join(["", HEAD, *(one.row() for one in summaries)]))


@pytest.mark.parametrize("name", TARGETS)
def test_a_sample_of_spoilt_inputs_is_read_or_refused(name, place):
    """Some inputs of each target, a valid one first, end as they should."""
    target = TARGETS[name]
    assert not campaign.run(target, target.sampled, place).failed


@pytest.mark.fuzz
@pytest.mark.parametrize("name", TARGETS)
def test_every_spoilt_input_is_read_or_refused(name, place, table):
    """All inputs of each target end as they should."""
    target = TARGETS[name]
    summary = campaign.run(target, range(target.count), place)
    table.append(summary)
    failed = [one.number for one in summary.failed]
    assert not failed, f"{len(failed)} of {target.count}, each shown above: {failed}"


def test_there_are_ten_thousand_inputs_and_a_sample():
    """Over all targets; the sample is a hundred or two, so that it takes seconds."""
    assert sum(target.count for target in TARGETS.values()) >= 10_000
    assert 100 <= sum(len(target.sampled) for target in TARGETS.values()) <= 250


def test_an_input_is_known_by_its_number(place):
    """Made a second time, it is the same to the byte."""
    for name in ("profiles", "prices", "artifacts", "video"):
        target = TARGETS[name]
        campaign.prepare(target, place)
        for number in (30, 41, 52):
            made = [_made(target, number, place) for _ in range(2)]
            assert made[0] == made[1]


def _made(target: Target, number: int, place: Path) -> dict[str, bytes]:
    (place / "world/case").mkdir(parents=True, exist_ok=True)
    case = campaign.make_case(target, number, place, place / "world")
    return {str(p): p.read_bytes() for p in case.folder.rglob("*") if p.is_file()}


def _seed(place: Path) -> None:
    (place / "one").mkdir()
    (place / "one/a.txt").write_text("a")


def accept(case: Case) -> None:
    """Reads what is its own, and writes there."""
    Path("b.txt").write_text(Path("a.txt").read_text())


def refuse(case: Case) -> None:
    raise BadInput("a.txt is not as expected")


def fail(case: Case) -> None:
    raise KeyError("a")


def talk(case: Case) -> None:
    raise BadInput("\n".join(["x" * 300] * 2))


def compute(case: Case) -> None:
    end = time.process_time() + 0.5
    while time.process_time() < end:
        pass


def wait(case: Case) -> None:
    time.sleep(60)


def wait_on(case: Case) -> None:
    """Deaf to the alarm, as code in C is."""
    import signal

    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(60)


def die(case: Case) -> None:
    os._exit(3)


def grow(case: Case) -> None:
    b"x" * (100 << 20)


def write_beside(case: Case) -> None:
    (case.world / "outside/new.txt").write_text("x")


def write_through(case: Case) -> None:
    Path("link").symlink_to(case.world / "outside/keep.txt")
    Path("link").write_text("x")


def remove_beside(case: Case) -> None:
    (case.world / "outside/keep.txt").unlink()


def write_unseen(case: Case) -> None:
    """By a way that no audit event shows."""
    import av

    with av.open(str(case.world / "outside/x.mkv"), "w") as container:
        container.add_stream("mpeg4", rate=10)
        container.start_encoding()


def start(case: Case) -> None:
    subprocess.run(["true"])


def fork(case: Case) -> None:
    if not os.fork():
        os._exit(0)


def connect(case: Case) -> None:
    socket.create_connection(("127.0.0.1", 9), 1)


def call_unseen(case: Case) -> None:
    """As a library in C would: no audit event."""
    import av

    av.open(f"tcp://{os.environ['FUZZ_LISTENER']}", timeout=0.2)


def execute(case: Case) -> None:
    Path("EXECUTED").touch()


def litter(case: Case) -> None:
    import tempfile

    tempfile.mkdtemp()


FAULTS = [
    (fail, "raw KeyError"),
    (talk, "a message of 601 characters"),
    (compute, "CPU-seconds, more than 0.3"),
    (die, "its process ended with 3"),
    (grow, "MiB, more than 64"),
    (write_beside, "opened for writing: .*outside/new.txt, outside its folder"),
    (write_through, "opened for writing: .*outside/keep.txt, outside its folder"),
    (remove_beside, "os.remove: .*outside/keep.txt, outside its folder"),
    (write_unseen, "changed what stands outside its folder"),
    (start, "started a process: subprocess.Popen"),
    (fork, "started a process: os.fork"),
    (connect, "used the network: socket.getaddrinfo"),
    (call_unseen, "called 127.0.0.1:"),
    (execute, "ran planted code: .*EXECUTED"),
    (litter, "left in the folder of temporary files"),
]


def run_one(call, place: Path, number: int = 1, limits: Limits = STRICT) -> tuple[str, ...]:
    """The faults of one input of a target that calls `call`."""
    target = Target("made-up", 1, 1, _seed, lambda case: None, call)
    return campaign.run(target, [number], place, limits).outcomes[0].faults


@pytest.mark.parametrize(("call", "fault"), FAULTS, ids=lambda one: getattr(one, "__name__", ""))
def test_each_fault_is_seen(call, fault, tmp_path, monkeypatch):
    """A reader that did what none may do would be caught, and its input kept."""
    monkeypatch.setattr(campaign, "KEPT", tmp_path / "kept")
    faults = run_one(call, tmp_path / "place")
    assert any(re.search(fault, one) for one in faults), faults
    assert (tmp_path / "kept/made-up-1.tar.gz").is_file()


def test_a_reader_that_waits_is_interrupted(tmp_path, monkeypatch):
    """By an alarm, so that its traceback shows where it waited."""
    monkeypatch.setattr(campaign, "KEPT", tmp_path / "kept")
    (fault,) = run_one(wait, tmp_path / "place", limits=IMPATIENT)
    assert fault.startswith("still running after 1 s") and "in wait" in fault


def test_code_that_no_alarm_interrupts_is_ended(tmp_path, monkeypatch):
    """Its process is killed, and the next input is judged in a new one."""
    monkeypatch.setattr(campaign, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(campaign, "PATIENCE_S", 0.5)
    target = Target("made-up", 2, 2, _seed, lambda case: None, _deaf_at_first)
    deaf, heard = campaign.run(target, [1, 2], tmp_path / "place", IMPATIENT).outcomes
    assert "in code that no alarm interrupts" in deaf.faults[0] and not heard.faults


def _deaf_at_first(case: Case) -> None:
    if case.number == 1:
        wait_on(case)


def test_what_is_read_or_refused_is_no_fault(tmp_path, monkeypatch):
    """A reader may accept, and may refuse what is not valid; what is valid it may not."""
    monkeypatch.setattr(campaign, "KEPT", tmp_path / "kept")
    assert run_one(accept, tmp_path / "a") == run_one(refuse, tmp_path / "b") == ()
    (fault,) = run_one(refuse, tmp_path / "c", number=0)
    assert fault == "a valid input was refused: a.txt is not as expected"


def test_what_stands_outside_is_found_in_what_was_written(tmp_path):
    """A copy of it, and a link to it; not a file of its own."""
    (tmp_path / "own").write_text("own")
    assert leaked(tmp_path) == []
    (tmp_path / "copy").write_text(f"x {SECRET} y")
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert sorted(leaked(tmp_path)) == [
        "copy holds what stands outside",
        "link is a link to /etc/passwd",
    ]
