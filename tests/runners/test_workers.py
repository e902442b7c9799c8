"""Compiled components in a process of their own: asked over a socket, ended on request, and truthful when they cannot."""

import sys
import tempfile
import time
from multiprocessing.connection import Client

import numpy as np
import psutil
import pytest
import torch

from blipkit.errors import BlipkitError, WorkerGone
from blipkit.runners.neuron.witnesses import Holder
from blipkit.runners.workers import Worker, array_of

BUSY = (
    "NRT:nrt_allocate_neuron_cores  Logical Neuron Core(s) not available - Requested:lnc0-lnc0 "
    "Available:0 Logical Core size:1 (cores busy, ret=-16)"
)


def doubling():
    """For a worker: twice a number; it dies of 13, refuses 7, and finds no core for 9 and 10."""

    def answer(number):
        if number == 13:
            import os

            os._exit(3)
        if number == 7:
            raise ValueError("not seven")
        if number == 9:
            raise RuntimeError(
                "NRT:nrt_allocate_neuron_cores NeuronCore(s) not available - Requested:nc1-nc1 Available:0"
            )
        if number == 10:
            print(BUSY, file=sys.stderr, flush=True)
            raise RuntimeError("The PyTorch Neuron Runtime could not be initialized")
        return 2 * number

    return answer


def exiting():
    """For a worker: what ends the process that asks a careless library."""

    def answer(number):
        raise SystemExit("enough")

    return answer


@pytest.fixture
def here(monkeypatch):
    """Children find this file, and what it imports."""
    import os
    from pathlib import Path

    folder = Path(__file__).parent
    paths = [str(folder), str(folder.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


def test_a_worker_answers_on_every_connection_and_ends(here):
    """Two threads may ask it at once; when it is closed its process is gone."""
    worker = Worker("test_workers:doubling", connections=2)
    pid = worker.executed().pid
    assert [worker.ask(21, connection=place) for place in range(2)] == [42, 42]
    assert psutil.pid_exists(pid)
    worker.close()
    assert not psutil.pid_exists(pid)


def test_what_goes_wrong_in_a_worker_is_told(here, monkeypatch):
    """An error comes back and the worker lives on; a core that is taken is named with its holder; a death says how."""
    worker = Worker("test_workers:doubling")
    with pytest.raises(BlipkitError, match="ValueError: not seven"):
        worker.ask(7)
    holder = Holder(4242, "python serve.py")
    monkeypatch.setattr("blipkit.runners.neuron.messages.holders", lambda: [holder])
    held = r"another process holds the core until it ends, pid 4242 \(python serve.py\); end it"
    for asked in (9, 10):
        with pytest.raises(BlipkitError, match=held):
            worker.ask(asked)
    assert worker.ask(1) == 2
    with pytest.raises(WorkerGone, match=r"blipkit.runners.workers:work died \(exit status 3\)"):
        worker.ask(13)
    worker.close()


def test_a_stopped_worker_does_not_outlive_its_close(here, monkeypatch):
    """It cannot see that its connections are closed; it is killed, and its core is free."""
    monkeypatch.setattr("blipkit.runners.workers.END_S", 0.2)
    worker = Worker("test_workers:doubling")
    pid = worker.executed().pid
    psutil.Process(pid).suspend()
    worker.close()
    assert not psutil.pid_exists(pid)


def test_a_worker_that_wants_to_exit_answers_all_the_same(here):
    """Nobody waits for ever where a library calls sys.exit."""
    worker = Worker("test_workers:exiting")
    with pytest.raises(BlipkitError, match="SystemExit: enough"):
        worker.ask(1)
    worker.close()


def test_a_worker_starts_where_the_name_of_tmpdir_is_long(here, monkeypatch, tmp_path):
    """Longer than a socket's path may be: 107 bytes."""
    long = tmp_path.joinpath(*["job_1355700_of_team"] * 5)
    long.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    worker = Worker("test_workers:doubling")
    assert worker.ask(21) == 42
    worker.close()


def test_a_worker_that_cannot_start_says_why(monkeypatch):
    """Nothing waits for it for ever, also where the thread that waited for it is still closing up."""

    class SlowClient:
        def __init__(self, address):
            self._client = Client(address)

        def close(self):
            self._client.close()
            time.sleep(0.5)

    monkeypatch.setattr("blipkit.runners.workers.Client", SlowClient)
    with pytest.raises(BlipkitError, match="has no attribute 'nothing'"):
        Worker("blipkit.runners.workers:nothing")


def test_what_a_whole_model_in_bfloat16_makes_goes_over_the_socket():
    """numpy has no such format: float32 has each of its numbers, to the bit; others stay as they are."""
    numbers = torch.randn(100).bfloat16()
    array = array_of(numbers)
    assert array.dtype == np.float32 and torch.equal(torch.from_numpy(array).bfloat16(), numbers)
    assert array_of(torch.ones(2, dtype=torch.int32)).dtype == np.int32
