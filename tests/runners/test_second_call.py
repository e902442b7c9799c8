"""A Neuron artifact is believed on a machine once it has answered there twice."""

import json

import numpy as np
import pytest
import rehearsal
from neuron_artifacts import NONE, written_artifact

from blipkit.errors import BlipkitError, WorkerGone
from blipkit.runners import second_call
from blipkit.runners.second_call import CALLED_TWICE, check_second_calls, example_arrays
from blipkit.runners.workers import Load, Run


class StubWorker:
    """Answers until it is asked for what makes it hang; keeps what it was asked."""

    hangs_at = 0  # the number of the message, from 1 on
    asked: list = []
    started = 0

    def __init__(self, target, environment):
        assert target == "blipkit.runners.workers:run_components"
        assert environment["NEURON_RT_VISIBLE_CORES"] == "0"
        type(self).started += 1

    def ask(self, message, timeout_s):
        assert timeout_s > 0
        self.asked.append(message)
        if len(self.asked) == self.hangs_at:
            raise WorkerGone(f"no answer in {timeout_s:.0f} s: it was stopped")

    def close(self):
        self.asked.append("closed")


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """A stub in a worker's place, on a fake machine with a device."""
    rehearsal.enter(monkeypatch, rehearsal.make_system(tmp_path / "system"))
    stub = type("Stub", (StubWorker,), {"asked": []})
    monkeypatch.setattr(second_call, "Worker", stub)
    yield stub
    rehearsal.forget()


def test_each_artifact_is_called_twice_once_for_a_machine(worker, tmp_path, monkeypatch):
    """Loaded, called, called again; what is remembered beside it is the machine's, not its name, and the manifest stays."""
    artifact = written_artifact(tmp_path)
    check_second_calls([artifact, artifact])
    kinds = [type(message) for message in worker.asked]
    assert kinds == [Load, Run, Run, str] and worker.started == 1
    check_second_calls([artifact])
    assert worker.started == 1
    written = json.loads((artifact.folder / CALLED_TWICE).read_text())
    assert [len(machine) for machine in written["machines"]] == [24]
    monkeypatch.setattr("platform.node", lambda: "another")
    check_second_calls([artifact])
    assert worker.started == 2
    assert len(json.loads((artifact.folder / CALLED_TWICE).read_text())["machines"]) == 2


@pytest.mark.parametrize(
    ("at", "what"), [(1, "loading it"), (2, "its first call"), (3, "its second call")]
)
def test_one_that_hangs_is_named_with_what_to_do(worker, tmp_path, at, what):
    """Component, arm, bucket, which call, where it was compiled; the process ends, and nothing is remembered."""
    worker.hangs_at = at
    artifact = written_artifact(tmp_path)
    with pytest.raises(BlipkitError) as error:
        check_second_calls([artifact])
    said = str(error.value)
    assert f"text_encoder of 'neuron matmult bf16', bucket {artifact.bucket}: {what} failed" in said
    assert "no answer in" in said and artifact.manifest.compiled_on in said
    assert f"compile on the device: delete {artifact.folder} and run 02_trace here" in said
    assert worker.asked[-1] == "closed" and not (artifact.folder / CALLED_TWICE).exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"machines": 3}', '{"machines": [3, null]}'])
def test_what_is_remembered_may_be_spoilt(worker, tmp_path, content):
    """It is called again then."""
    artifact = written_artifact(tmp_path)
    (artifact.folder / CALLED_TWICE).write_text(content)
    check_second_calls([artifact])
    check_second_calls([artifact])
    assert worker.started == 1


def test_where_nothing_can_be_remembered_it_is_called_again(worker, tmp_path):
    """A folder that is another's does not stop a run."""
    artifact = written_artifact(tmp_path)
    (artifact.folder / CALLED_TWICE).mkdir()
    for _ in range(2):
        check_second_calls([artifact])
    assert worker.started == 2


def test_what_it_is_called_with_has_the_shapes_and_formats(tmp_path):
    """Ones everywhere: a token, a place that counts, a number."""
    shapes = {"ids": [[2, 3], "int32"], "states": [[1, 2, 4], "float32"]}
    ids, states = example_arrays(written_artifact(tmp_path, NONE, input_shapes=shapes))
    assert ids.shape == (2, 3) and ids.dtype == np.int32 and (ids == 1).all()
    assert states.shape == (1, 2, 4) and states.dtype == np.float32
