"""One input, judged: it is accepted or refused in words, within limits, and nothing outside its folder is touched.

The world of a target is a folder with `case`, which is the input's own, `outside`, which is nobody's to touch, and `tmp`.
An audit hook sees what Python opens, removes, starts and connects to; a look at `outside` sees the rest.
"""

import hashlib
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random

from blipkit.errors import BlipkitError
from blipkit.machine import scratch

SECRET = "a-secret-that-stays-outside"
MARKER = "EXECUTED"  # what planted code writes, wherever it runs
PROGRAMS = ("gs", "git", "ffmpeg", "convert", "djpeg", "xv")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty")
CONNECTS = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind")
CHANGES = {  # event -> which of its arguments are paths that change
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.mkdir": (0,),
    "os.rename": (0, 1),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.truncate": (0,),
    "os.utime": (0,),
    "shutil.rmtree": (0,),
    "shutil.move": (0, 1),
}
DIR_FD = (
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.chmod",
    "os.rename",
)  # the last says relative to what


class Hang(BaseException):
    """The wall-clock limit has passed; no `except Exception` may hold it."""


class Forbidden(BaseException):
    """What no reader may do; the hook raises it so that it does not happen."""


@dataclass(frozen=True)
class Limits:
    """What one input may take: CPU-seconds, seconds by the clock, bytes of memory beyond what was there, characters of a message."""

    cpu_s: float = 5.0
    wall_s: float = 30.0
    memory: int = 1 << 30
    message: int = 500


@dataclass
class Case:
    """One input: target and number name it; world: where it is; did: what was done to it, in words."""

    target: str
    number: int
    world: Path
    did: list[str] = field(default_factory=list)
    is_whole: bool = False  # a valid input, which must be accepted

    @cached_property
    def rng(self) -> Random:
        """The generator, the same for the same target and number."""
        return Random(f"{self.target} {self.number}")

    @property
    def folder(self) -> Path:
        return self.world / "case"

    @property
    def words(self) -> str:
        return "; ".join(self.did)


@dataclass(frozen=True)
class Outcome:
    """How an input ended. refused: the message, "" where it was accepted; faults: what must not be, each with its traceback."""

    number: int
    did: str
    refused: str
    cpu_s: float
    peak: int
    faults: tuple[str, ...]


def make_world(world: Path) -> None:
    """The folders of a target, and what stands outside an input's own."""
    for name in ("case", "tmp", "outside/folder"):
        (world / name).mkdir(parents=True)
    (world / "outside/secret.txt").write_text(SECRET)
    (world / "outside/keep.txt").write_text("keep\n")
    (world / "outside/folder/inside.txt").write_text(SECRET)
    for name in PROGRAMS:  # what a library calls if it is there
        program = world / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ntouch {world}/case/{MARKER}\n")
        program.chmod(0o755)
    os.environ["PATH"] = f"{world / 'bin'}{os.pathsep}{os.environ['PATH']}"
    tempfile.tempdir = str(world / "tmp")
    # a run removes what killed processes left; what others of this machine left is none of an input's
    scratch.SHORT_ROOTS = (tempfile.tempdir,)


def clear(folder: Path) -> None:
    """An empty folder, whatever is there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def seen_outside(world: Path) -> dict[str, tuple]:
    """Path -> mode, size, time of change, target or digest of all that stands outside an input's folder."""
    seen = {}
    for path in sorted((world / "outside").rglob("*")):
        stat = path.lstat()
        content = ""
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        seen[str(path.relative_to(world))] = (stat.st_mode, stat.st_size, stat.st_mtime_ns, content)
    return seen


class Watch:
    """The audit hook: it cannot be taken away again, so it is set in a process of its own and told when to look."""

    def __init__(self):
        self.world: Path | None = None
        self.inside: tuple[str, ...] = ()
        self.faults: list[str] = []

    def begin(self, world: Path) -> None:
        """Look from now on."""
        self.faults = []
        self.inside = tuple(os.path.realpath(world / name) for name in ("case", "tmp"))
        self.world = world

    def end(self) -> list[str]:
        """Look no more; what was seen."""
        self.world = None
        return self.faults

    def __call__(self, event: str, arguments: tuple) -> None:
        if self.world is None:
            return
        if event in STARTS:
            self.refuse(f"started a process: {event} {arguments[:1]!r}")
        elif event in CONNECTS:
            self.refuse(f"used the network: {event} {arguments[1:]!r}")
        elif event == "open" and arguments[2] & WRITES:
            self.check(arguments[0], "opened for writing", os.path.realpath)
        elif event in CHANGES:
            if event in DIR_FD and arguments[-1] not in (-1, None):
                return
            for place in CHANGES[event]:
                self.check(arguments[place], event, _real_parent)

    def check(self, path, what: str, real) -> None:
        """Refuse a change of what is not the input's own."""
        if isinstance(path, int) or path is None:
            return
        place = real(os.fsdecode(path))
        if place != os.devnull and not any(
            place == own or place.startswith(f"{own}{os.sep}") for own in self.inside
        ):
            self.refuse(f"{what}: {place}, outside its folder")

    def refuse(self, fault: str) -> None:
        self.faults.append(f"{fault}\n{''.join(traceback.format_stack(limit=12)[:-2])}")
        raise Forbidden(fault)


def _real_parent(path: str) -> str:
    """The path with links in its folders followed, not the last one."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


class Listener:
    """A port of this machine at which nobody has a reason to call: C code is not seen by the hook."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen()
        self.socket.setblocking(False)

    @property
    def address(self) -> str:
        host, port = self.socket.getsockname()
        return f"{host}:{port}"

    def was_called(self) -> bool:
        try:
            self.socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True


def ring(number, frame) -> None:
    """What the alarm calls."""
    raise Hang()


def judge(case: Case, call, watch: Watch, listener: Listener, limits: Limits) -> Outcome:
    """Call with a case that is ready; how it ended. `watch` is this process's audit hook."""
    before, faults, refused = seen_outside(case.world), [], ""
    cpu, memory = _cpu(), _resident()
    peak = _peak()
    os.chdir(case.folder)
    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_s)
    watch.begin(case.world)
    try:
        call(case)
    except BlipkitError as error:
        refused = str(error) or type(error).__name__
    except Hang:
        faults.append(f"still running after {limits.wall_s:g} s\n{_where()}")
    except Forbidden:
        pass
    except BaseException as error:
        faults.append(f"raw {type(error).__name__}: {str(error)[:300]}\n{_where()}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faults += watch.end()
        os.chdir(case.world)
    cpu = _cpu() - cpu
    grown = 0
    if _peak() > peak:
        grown = _peak() - memory
    faults += _faults_of(case, refused, cpu, grown, limits)
    if seen_outside(case.world) != before:
        faults.append("changed what stands outside its folder")
    if listener.was_called():
        faults.append(f"called {listener.address}")
    return Outcome(case.number, case.words, refused, cpu, grown, tuple(faults))


def _faults_of(case: Case, refused: str, cpu: float, grown: int, limits: Limits) -> list[str]:
    """What is wrong with how a case ended, its files and its processes."""
    faults = []
    if cpu > limits.cpu_s:
        faults.append(f"took {cpu:.1f} CPU-seconds, more than {limits.cpu_s:g}")
    if grown > limits.memory:
        faults.append(f"took {grown >> 20} MiB, more than {limits.memory >> 20}")
    if case.is_whole and refused:
        faults.append(f"a valid input was refused: {refused}")
    if len(refused) > limits.message:
        faults.append(f"a message of {len(refused)} characters: {refused[:200]!r} ...")
    left = [path.name for path in (case.world / "tmp").iterdir()]
    if left:
        faults.append(f"left in the folder of temporary files: {sorted(left)[:5]}")
        clear(case.world / "tmp")
    for folder, _, names in os.walk(case.world):
        if MARKER in names:
            faults.append(f"ran planted code: {folder}/{MARKER}")
            Path(folder, MARKER).unlink()
    if not _is_childless():
        faults.append("left a process")
    return faults


def leaked(folder: Path) -> list[str]:
    """Files in a folder that was written which hold what stands outside, or are links."""
    found = []
    for path in folder.rglob("*"):
        if path.is_symlink():
            found.append(f"{path.name} is a link to {os.readlink(path)}")
        elif (
            path.is_file()
            and path.stat().st_size < 1 << 26
            and SECRET.encode() in path.read_bytes()
        ):
            found.append(f"{path.name} holds what stands outside")
    return found


def _where() -> str:
    return "".join(traceback.format_exc(limit=-6, chain=False))


def _cpu() -> float:
    """CPU-seconds of this process and of the children that it has waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak() -> int:
    """The most bytes that this process has had in memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def _resident() -> int:
    import psutil

    return psutil.Process().memory_info().rss


def _is_childless() -> bool:
    """Whether this process has no child, ended or not."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False
