"""What a file of torch.jit.save says about itself, read without loading it."""

import pickle
import zipfile

import pytest
import torch

from blipkit.errors import BadInput
from blipkit.reading.traced_file import (
    STORAGES,
    TracedFile,
    TracedTensor,
    read_traced_file,
    unpickle_tensors,
)


class First(torch.nn.Module):
    def forward(self, first, second):
        return first.float() * second.float()


def saved(path, *inputs, freeze=False):
    """A file that a traced module was saved in."""
    module = torch.jit.trace(First().eval(), inputs)
    torch.jit.save(torch.jit.freeze(module) if freeze else module, path)
    return path


def archive(path, **entries):
    """An archive as torch.jit.save makes it, with what a test puts in."""
    with zipfile.ZipFile(path, "w") as file:
        for name, content in {"code/__torch__.py": b"class M", **entries}.items():
            file.writestr(f"made/{name}", content)
    return path


@pytest.mark.parametrize("dtype", sorted(STORAGES.values()))
def test_shapes_and_formats_are_those_that_it_was_traced_with(tmp_path, dtype):
    """Every number format of torch's."""
    first = torch.ones(1, 3, 2, dtype=getattr(torch, dtype))
    traced = read_traced_file(saved(tmp_path / "a.pt", first, torch.ones(2)))
    assert traced.inputs == (TracedTensor((1, 3, 2), dtype), TracedTensor((2,), "float32"))
    assert not traced.for_neuron and str(traced.inputs[0]) == f"{dtype} (1, 3, 2)"


def test_a_frozen_module_does_not_say_its_inputs(tmp_path):
    """None, which is not the same as no inputs."""
    path = saved(tmp_path / "a.pt", torch.ones(2), torch.ones(2), freeze=True)
    assert read_traced_file(path) == TracedFile(inputs=None, for_neuron=False)


@pytest.mark.parametrize(
    "code", [b"torch.ops.neuron.forward_v2(a)", b"__torch__.torch.classes.neuron.Model"]
)
def test_what_calls_neurons_operations_was_compiled_for_it(tmp_path, code):
    """Its code names them; a name that only looks alike does not."""
    assert read_traced_file(archive(tmp_path / "a.pt", **{"code/a.py": code})).for_neuron
    other = archive(tmp_path / "b.pt", **{"code/a.py": b"neurons = self.neuron"})
    assert not read_traced_file(other).for_neuron


class Planted:
    def __reduce__(self):
        return open, ("EXECUTED", "w")


REFUSED = {
    "a function of Python's": (pickle.dumps(Planted(), 2), "names io.open"),
    "an object's state": (b"\x80\x02cos\nx\n}b.", "has the instruction BUILD"),
    "a class by its name": (pickle.dumps(Planted, 4), "has the instruction"),
    "half of one": (pickle.dumps([1, 2, 3], 2)[:-2], "no TorchScript file"),
    "too much": (b"x" * (10**6 + 1), "traced_inputs.pkl has more than 1 MB"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_of_the_pickle_only_tensors_are_made(tmp_path, monkeypatch, kind):
    """Nothing that it names is imported or called."""
    monkeypatch.chdir(tmp_path)
    content, message = REFUSED[kind]
    path = archive(tmp_path / "a.pt", **{"traced_inputs.pkl": content})
    with pytest.raises(BadInput, match=message):
        read_traced_file(path)
    assert not (tmp_path / "EXECUTED").exists()


@pytest.mark.parametrize("inputs", [{"other": []}, {"forward": [1]}, {"forward": 3}, [], None])
def test_inputs_that_are_no_tensors_are_not_said(tmp_path, inputs):
    """A method of another name, numbers, nothing: as if it had kept none."""
    content = pickle.dumps(inputs, 2)
    assert unpickle_tensors(content) == inputs
    path = archive(tmp_path / "a.pt", **{"traced_inputs.pkl": content})
    assert read_traced_file(path).inputs is None


def test_what_is_no_archive_of_torch_is_refused(tmp_path):
    """No file, a folder, a text, an archive without code."""
    (tmp_path / "text.pt").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "zip.pt", "w") as file:
        file.writestr("a/b", "c")
    messages = {
        "gone.pt": "No such file",
        ".": "a folder",
        "text.pt": "is no TorchScript file: File is not a zip file; expected a module traced",
        "zip.pt": "is no TorchScript file: it holds no code",
    }
    for name, message in messages.items():
        with pytest.raises(BadInput, match=message):
            read_traced_file(tmp_path / name)
