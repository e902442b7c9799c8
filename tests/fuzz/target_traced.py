"""What somebody compiled elsewhere: files of torch.jit.save, read before anything loads them."""

import pickle
import zipfile
from pathlib import Path

import mutators
import torch
from campaign import Target
from sandbox import Case

from blipkit.reading.traced_file import INPUTS, read_traced_file

PICKLES = {
    "a call": b"cposix\nsystem\n(S'touch EXECUTED'\ntR.",
    "a call by name": pickle.dumps(["x"], 4)[:-1] + b"\x8c\x05posix\x8c\x06system\x93.",
    "a storage without a format": b"\x80\x02(X\x01\x00\x00\x00aX\x01\x00\x00\x00btQ.",
    "a tensor of tensors": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(]K\x00(]]ttR.",
    "many lists": b"\x80\x02" + b"]" * 200_000 + b".",
    "itself": b"\x80\x02]q\x00h\x00a.",
}


class Sum(torch.nn.Module):
    def forward(self, first, second):
        return first + second


def traced_seeds(place: Path) -> None:
    """One that says its inputs, and a frozen one that does not."""
    traced = torch.jit.trace(Sum().eval(), (torch.ones(2, 3), torch.ones(3, dtype=torch.int64)))
    for name, module in (("says", traced), ("frozen", torch.jit.freeze(traced))):
        (place / name).mkdir()
        torch.jit.save(module, place / name / "file.pt")


def spoil_traced(case: Case) -> None:
    """Bytes of the archive, something else in its place, or another entry in it."""
    rng, path = case.rng, case.folder / "file.pt"
    kind = rng.random()
    if kind < 0.1:
        case.did.append(mutators.replace_file(rng, path, case.world))
    elif kind < 0.5:
        data, said = mutators.spoil_bytes(rng, path.read_bytes())
        path.write_bytes(data)
        case.did.append(said)
    else:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        name = rng.choice(sorted(entries))
        if kind < 0.7:
            entries[name], said = mutators.spoil_bytes(rng, entries[name])
            case.did.append(f"{name}: {said}")
        else:
            planted = rng.choice(sorted(PICKLES))
            entries[f"file/{INPUTS}"] = PICKLES[planted]
            case.did.append(f"{INPUTS} is {planted}")
        packing = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
        with zipfile.ZipFile(path, "w", packing) as archive:
            for entry, content in entries.items():
                archive.writestr(entry, content)


def read_traced(case: Case) -> None:
    """What it says of itself, in words."""
    traced = read_traced_file(case.folder / "file.pt")
    f"{traced.for_neuron} {', '.join(map(str, traced.inputs or ()))}"


TARGETS = [Target("traced", 700, 7, traced_seeds, spoil_traced, read_traced)]
