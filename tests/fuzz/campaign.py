"""Many inputs for a target, one after another in a process of its own, which is ended and started anew where it does not answer."""

import contextlib
import gc
import importlib
import io
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sandbox
from sandbox import Case, Limits, Listener, Outcome, Watch

from blipkit.paths import ROOT

KEPT = ROOT / "results" / "fuzz"  # failing inputs; git ignores it
SPARE = 4 << 30  # bytes of address space that a process may take beyond what it has
LARGEST = 3 << 30  # bytes of a file that it may write
LIMITS = Limits()
PATIENCE_S = 20  # beyond an input's own limit, for making it
WARM = ("blipkit.report.page", "blipkit.report.compare", "blipkit.run.publish", "pyarrow.parquet")


@dataclass(frozen=True)
class Target:
    """A reader, and how inputs for it are made.

    count: inputs in `make test-fuzz`; sample: in `make test`. seeds: writes valid inputs, each a folder, into a folder.
    spoil: changes what a case's folder holds, and says so in `did`. call: reads it. warm: modules that are imported before
    the inputs, so that none of them pays for it.
    """

    name: str
    count: int
    sample: int
    seeds: Callable[[Path], None]
    spoil: Callable[[Case], None]
    call: Callable[[Case], object]
    warm: Sequence[str] = ()

    @property
    def sampled(self) -> range:
        """Numbers of the sample: some over the whole range, the first of them a valid input."""
        return range(0, self.count, self.count // self.sample)


@dataclass(frozen=True)
class Summary:
    """What became of a target's inputs."""

    target: str
    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.faults]

    def row(self) -> str:
        """Inputs, accepted, refused, faults, the slowest's CPU-seconds, the largest's MiB."""
        refused = sum(bool(one.refused) for one in self.outcomes)
        accepted = (
            len(self.outcomes)
            - refused
            - sum(bool(one.faults) and not one.refused for one in self.outcomes)
        )
        slowest = max(self.outcomes, key=lambda one: one.cpu_s)
        largest = max(one.peak for one in self.outcomes) >> 20
        return (
            f"{self.target:<12}{len(self.outcomes):>8}{accepted:>10}{refused:>9}{len(self.failed):>8}"
            f"{slowest.cpu_s:>12.2f}{largest:>10}"
        )


HEAD = f"{'target':<12}{'inputs':>8}{'accepted':>10}{'refused':>9}{'faults':>8}{'slowest s':>12}{'MiB':>10}"


def prepare(target: Target, place: Path) -> None:
    """Import what the target takes, and write its valid inputs, if no target has that shares them."""
    for module in (*WARM, *target.warm):
        importlib.import_module(module)
    seeds = seeds_of(target, place)
    if not seeds.is_dir():
        seeds.mkdir(parents=True)
        target.seeds(seeds)


def seeds_of(target: Target, place: Path) -> Path:
    """Where a target's valid inputs are."""
    return place / target.seeds.__name__


def make_case(target: Target, number: int, place: Path, world: Path) -> Case:
    """The input with this number, ready in world/case; the first ones are the valid inputs."""
    case = Case(target.name, number, world)
    seeds = sorted(seeds_of(target, place).iterdir())
    chosen = case.rng.choice(seeds)
    if number < len(seeds):
        chosen = seeds[number]
    sandbox.clear(case.folder)
    shutil.copytree(chosen, case.folder, symlinks=True, dirs_exist_ok=True)
    case.did.append(chosen.name)
    if number < len(seeds):
        case.is_whole = True
        case.did.append("as it is")
    else:
        target.spoil(case)
    return case


def run(target: Target, numbers: Sequence[int], place: Path, limits: Limits = LIMITS) -> Summary:
    """Judge the inputs with these numbers; what fails is kept as a file and printed at once."""
    prepare(target, place)
    todo, outcomes = list(numbers), []
    while todo:
        done = _until_fault(target, todo, place, limits)
        outcomes += done
        todo = todo[len(done) :]
        if done[-1].faults:
            report(target, done[-1], place)
    return Summary(target.name, tuple(outcomes))


def _until_fault(target: Target, numbers: list[int], place: Path, limits: Limits) -> list[Outcome]:
    """Outcomes of the first numbers, up to the first that has a fault: its process is not trusted with another."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(target, numbers, place, limits, theirs, ours))
    # what tests before this one left is the parent's to free: native code may wait there for threads
    # that the fork does not have
    gc.freeze()
    process.start()
    gc.unfreeze()
    theirs.close()
    done: list[Outcome] = []
    while len(done) < len(numbers) and not (done and done[-1].faults):
        done.append(_next(ours, process, numbers[len(done)], limits))
    ours.close()
    if not done[-1].faults:
        process.join(5)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.join()
    return done


def _next(connection, process, number: int, limits: Limits) -> Outcome:
    """The next outcome from the process; where none comes, that is the fault."""
    fault = (
        f"still running after {limits.wall_s + PATIENCE_S:g} s, in code that no alarm interrupts"
    )
    try:
        if connection.poll(limits.wall_s + PATIENCE_S):
            return connection.recv()
    except EOFError:
        process.join(5)
        fault = f"its process ended with {process.exitcode}"
    return Outcome(number, "", "", 0.0, 0, (fault,))


def _work(
    target: Target, numbers: Sequence[int], place: Path, limits: Limits, connection, other
) -> None:
    """In the process: each input made, read and judged."""
    os.setsid()
    other.close()
    world = place / f"world-{os.getpid()}"
    sandbox.make_world(world)
    _contain()
    listener, watch = Listener(), Watch()
    sys.addaudithook(watch)
    os.environ["FUZZ_LISTENER"] = listener.address
    for number in numbers:
        case = make_case(target, number, place, world)
        outcome = sandbox.judge(case, target.call, watch, listener, limits)
        connection.send(outcome)
        if outcome.faults:
            break
    shutil.rmtree(world, ignore_errors=True)


def _contain() -> None:
    """Let this process print nothing, and take no more than this machine has."""
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    sys.stdout = sys.stderr = io.TextIOWrapper(os.fdopen(silent, "wb"), encoding="utf-8")
    import psutil

    most = psutil.Process().memory_info().vms + SPARE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, LARGEST))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def report(target: Target, outcome: Outcome, place: Path) -> None:
    """Print a fault, how to see it again, and where its input is kept."""
    kept, did = keep(target, outcome.number, place)
    print(f"\n{target.name} {outcome.number}: {did}", flush=True)
    for fault in outcome.faults:
        print(f"  {fault.rstrip()}")
    again = f"PYTHONPATH=. {sys.executable} tests/fuzz {target.name} {outcome.number}"
    print(f"  again: {again}\n  input: {kept}", flush=True)


def keep(target: Target, number: int, place: Path) -> tuple[Path, str]:
    """The input once more, as an archive, and what was done to it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    archive = KEPT / f"{target.name}-{number}.tar.gz"
    world = place / "again"
    shutil.rmtree(world, ignore_errors=True)
    (world / "case").mkdir(parents=True)
    case = make_case(target, number, place, world)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(case.folder, "case", filter=_small)
    return archive, case.words


def _small(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """What an archive takes: not the files of gigabytes that hold nothing."""
    return member if member.size < 1 << 26 else None
