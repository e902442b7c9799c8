"""What a file of `torch.jit.save` says about itself, read without torch and without loading it.

A traced module keeps the tensors that it was traced with, shapes and number formats, in a pickle
of its archive; a frozen one keeps none. Of the pickle only the instructions are followed that torch
writes, and nothing that it names is imported.
"""

import io
import pickle
import pickletools
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blipkit.errors import BadInput
from blipkit.reading.files import MB, read_bytes, shown_path

EXPECTED = "expected a module traced and saved by torch.jit.save"
INPUTS = "traced_inputs.pkl"
INPUTS_LIMIT = MB
CODE_LIMIT = 50 * MB  # of all Python-like text in the archive
ENTRIES = 100_000
# torch's storage classes -> number formats
STORAGES = {
    "BFloat16Storage": "bfloat16",
    "BoolStorage": "bool",
    "ByteStorage": "uint8",
    "CharStorage": "int8",
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "ShortStorage": "int16",
}
# what torch's pickler writes for dicts, lists, texts, numbers and tensors
INSTRUCTIONS = {
    *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BINPERSID"),
    *("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
    *("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("APPEND", "APPENDS", "SETITEM", "SETITEMS"),
    *("BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1"),
    *("NEWTRUE", "NEWFALSE", "NONE"),
}


@dataclass(frozen=True)
class TracedTensor:
    """Shape and number format of a tensor that a module was traced with."""

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


@dataclass(frozen=True)
class TracedFile:
    """inputs: what its forward was traced with, None where it does not say; for_neuron: whether it
    calls what torch_neuronx has compiled.
    """

    inputs: tuple[TracedTensor, ...] | None
    for_neuron: bool


def read_traced_file(path: Path) -> TracedFile:
    """What a TorchScript file says about itself; BadInput where it is none."""
    if not path.is_file():
        read_bytes(path, 0, EXPECTED)  # says what is there
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > ENTRIES:
                raise ValueError(f"it has {len(entries)} entries")
            return TracedFile(_inputs_of(archive, entries), _is_for_neuron(archive, entries))
    except BadInput:
        raise
    # zipfile and pickle raise what they please about a file that is no archive
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise BadInput(f"{shown_path(path)} is no TorchScript file: {reason}; {EXPECTED}") from None


def _inputs_of(archive: zipfile.ZipFile, entries) -> tuple[TracedTensor, ...] | None:
    """What `forward` was traced with; None where that was not kept, or is no row of tensors."""
    for entry in entries:
        _, _, name = entry.filename.partition("/")
        if name == INPUTS:
            methods = unpickle_tensors(_read(archive, entry, INPUTS_LIMIT))
            inputs = methods.get("forward") if isinstance(methods, dict) else None
            if isinstance(inputs, list) and all(isinstance(one, TracedTensor) for one in inputs):
                return tuple(inputs)
    return None


def _is_for_neuron(archive: zipfile.ZipFile, entries) -> bool:
    """Whether the archive's code names operations or classes of Neuron's."""
    left = CODE_LIMIT
    code = [entry for entry in entries if "/code/" in entry.filename]
    if not code:
        raise ValueError("it holds no code")
    for entry in code:
        if entry.filename.endswith(".py"):
            text = _read(archive, entry, left)
            left -= len(text)
            if b"ops.neuron." in text or b"classes.neuron." in text:
                return True
    return False


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    """An entry of the archive; ValueError where it is above `limit` bytes."""
    if entry.file_size > limit:
        raise ValueError(f"{entry.filename} has more than {limit / MB:g} MB")
    return archive.read(entry)


def unpickle_tensors(content: bytes) -> Any:
    """Dicts and lists with a TracedTensor for each tensor; ValueError for any other pickle."""
    for instruction, argument, _ in pickletools.genops(content):
        if instruction.name not in INSTRUCTIONS:
            raise ValueError(f"{INPUTS} has the instruction {instruction.name} {argument}")
    return _Unpickler(io.BytesIO(content)).load()


class _Unpickler(pickle.Unpickler):
    """Makes what torch's pickler wrote out of functions of this file."""

    def find_class(self, module: str, name: str) -> Any:
        known = {
            "torch._utils._rebuild_tensor_v2": _tensor,
            "torch.jit._pickle.restore_type_tag": _untagged,
            "collections.OrderedDict": dict,
        }
        known.update({f"torch.{storage}": dtype for storage, dtype in STORAGES.items()})
        wanted = f"{module}.{name}"
        if wanted not in known:
            raise ValueError(f"{INPUTS} names {wanted}")
        return known[wanted]

    def persistent_load(self, pid: Any) -> str:
        """The number format of a storage: of what is stored nothing is read."""
        _, dtype, *_ = pid
        return dtype


def _tensor(dtype: Any, offset: Any, shape: Any, *_: Any) -> TracedTensor:
    """A tensor's type, where torch would make the tensor."""
    if dtype not in STORAGES.values() or not all(type(size) is int for size in shape):
        raise ValueError(f"{INPUTS} has a tensor without a shape or a number format")
    return TracedTensor(tuple(shape), dtype)


def _untagged(value: Any, tag: Any) -> Any:
    """A value without the name of its type."""
    return value
