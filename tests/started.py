"""Commands in processes of their own, as people start them."""

import signal
import subprocess
import sys
import threading

START_S = 300.0  # that Ray, torch and a first compile may take on a slow machine beside others


class Started:
    """A command as a person starts it; `said` grows with what it prints."""

    left: list["Started"] = []  # what a test has started, until it is over

    def __init__(self, *words: str):
        command = [sys.executable, "-m", "blipkit", *words]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: list[str] = []
        self.ready = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.left.append(self)

    def _read(self) -> None:
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if line.endswith(": ready\n"):
                self.ready.set()
        self.ready.set()

    @property
    def url(self) -> str:
        """Where it is asked, once it says that it is ready."""
        assert self.ready.wait(START_S) and self.said[-1].endswith("/v1/answers: ready"), self.said
        return self.said[-1].removesuffix("/v1/answers: ready")

    def end(self, sig: int = signal.SIGTERM) -> int:
        self.process.send_signal(sig)
        return self.ended()

    def ended(self) -> int:
        """Its status, once it has ended."""
        self.reader.join(120)
        return self.process.wait(60)


def end_all() -> None:
    """End what was started and still runs, in order, or else at once."""
    for one in Started.left:
        if one.process.poll() is None:
            one.process.terminate()
            try:
                one.process.wait(60)
            except subprocess.TimeoutExpired:
                one.process.kill()
    Started.left.clear()
