"""A tier in this process, by uvicorn: it listens, writes its metrics, and leaves in order.

Told to end (SIGTERM, or SIGHUP of a shell that is closed), it says at once that it is not ready,
goes on taking requests until whoever routes to it has seen that, finishes what is in flight, and
ends with status 0.
"""

import contextlib
import errno
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from blipkit.errors import BadInput, BlipkitError
from blipkit.service.tiers import Tier

KEEP_S = 75  # that an idle connection is kept: longer than load balancers and our API tier keep it
BACKLOG = 2048
LOOPBACK = "127.0.0.1"
NO_HOST = (socket.EAI_NONAME, socket.EAI_AGAIN, socket.EAI_FAIL)  # of a name, as an OSError has it


@dataclass(frozen=True)
class Times:
    """leave_s: after SIGTERM, how long requests are still taken; drain_s: then, what is in flight
    may take; metrics_every_s: between two lines of metrics.
    """

    leave_s: float = 2.0
    drain_s: float = 20.0
    metrics_every_s: float = 10.0


def listen(port: int, host: str = LOOPBACK) -> socket.socket:
    """A socket that listens; port 0: any that is free. BadInput where it cannot be had."""
    if not host.strip():  # the system would take every address of this machine
        raise BadInput("--host is empty; expected an address of this machine, such as 127.0.0.1")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        reason, advice = _why_not(error)
        raise BadInput(f"cannot listen on {host}:{port}: {reason}; {advice}") from None


def _why_not(error: Exception) -> tuple[str, str]:
    """What the system said of an address, and what to do."""
    other_host = "pass a --host that is an address of this machine"
    number = getattr(error, "errno", None)
    if isinstance(error, UnicodeError) or number in NO_HOST:
        return "no such host", other_host
    if number == errno.EADDRNOTAVAIL:
        return os.strerror(number), other_host
    if not number:
        return str(error), "pass a --port from 0 to 65535"
    return os.strerror(number), "pass another --port, or end what listens there"


def url_of(listening: socket.socket) -> str:
    """Where a socket is asked."""
    host, port, *_ = listening.getsockname()
    return url_at(host, port)


def url_at(host: str, port: int) -> str:
    """An address and a port as a URL has them."""
    if ":" in host:
        host = f"[{host}]"
    return f"http://{host}:{port}"


def run_tier(
    tier: Tier,
    app: Starlette,
    listening: socket.socket,
    times: Times,
    say: Callable[[str], None],
    emit: Callable[[str], None],
) -> None:
    """Serve until told to end. say: told when it is ready; emit: takes each line of metrics.

    BlipkitError where what answers could not be loaded, or requests were given up at the end.
    """
    config = uvicorn.Config(
        app,
        lifespan="on",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_S,
        timeout_graceful_shutdown=max(1, round(times.drain_s)),
    )
    server = Server(config, tier, times, say, emit)
    with closed_shell_tells(server.handle_exit):
        server.run(sockets=[listening])
    tier.write_metrics(emit)
    if tier.problem:
        raise BlipkitError(f"it could not be loaded: {tier.problem}") from tier.problem
    if tier.given_up:
        limit = f"service.drain_s is {times.drain_s:g}"
        raise BlipkitError(f"{tier.given_up} requests were given up at the end; {limit}")


def heeds_closed_shell() -> bool:
    """Whether SIGHUP is to end this process: not where it is ignored, as by nohup."""
    return signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN


@contextlib.contextmanager
def closed_shell_tells(tell: Callable) -> Iterator[None]:
    """While it is open, SIGHUP is told, where it is heeded, and this thread can take signals."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not heeds_closed_shell():
        yield
        return
    before = signal.signal(signal.SIGHUP, tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


class Server(uvicorn.Server):
    """uvicorn's, which leaves in order, and looks after a tier while it serves."""

    def __init__(
        self,
        config: uvicorn.Config,
        tier: Tier,
        times: Times,
        say: Callable[[str], None],
        emit: Callable[[str], None],
    ):
        super().__init__(config)
        self.tier = tier
        self.times = times
        self.say = say
        self.emit = emit
        self._was_ready = False
        self._leave_at = 0.0
        self._write_at = time.monotonic() + times.metrics_every_s

    def handle_exit(self, sig: int, frame) -> None:
        """A signal: the first one is obeyed in order, a second one at once, but for SIGHUP, which
        a shell that is closed sends twice.
        """
        if self.tier.leaving and sig == signal.SIGHUP:
            return
        if self.tier.leaving:
            self.should_exit = self.force_exit = True
            # uvicorn would print a stack for each task that is broken off, which is what was asked
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            return
        self.tier.leaving = True
        self._leave_at = time.monotonic()
        if sig != signal.SIGINT:  # Ctrl-C is a person's, who waits
            self._leave_at += self.times.leave_s

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: is it ready, are metrics due, is it to end?"""
        now = time.monotonic()
        if not self._was_ready and not self.tier.why_not_ready():
            self._was_ready = True
            self.say("ready")
        if now >= self._write_at:
            self._write_at += self.times.metrics_every_s
            if self._write_at <= now:  # stopped for long: the periods it missed end together
                self._write_at = now + self.times.metrics_every_s
            self.tier.write_metrics(self.emit)
        if self.tier.problem or (self.tier.leaving and now >= self._leave_at):
            self.should_exit = True
        return await super().on_tick(counter)
