"""The results folder: records, samples and gates that notebooks write, and the one place where gates are judged.

A record is one measured row that explains itself a year later. Notebooks share data only through this folder. During
`blipkit run` a notebook writes into a stage (the environment variable BLIPKIT_STAGE) that replaces its old outputs
together when it ends; opened by hand, it writes straight into the folder.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from blipkit import machine
from blipkit.errors import BlipkitError, GateFailed
from blipkit.params import NOTEBOOKS

SCHEMA = 1
Status = Literal["PASS", "WARN", "FAIL", "INVALID", "NOT-RUN"]
WORST_FIRST = ("FAIL", "INVALID", "WARN", "PASS", "NOT-RUN")


@dataclass
class Gate:
    """A named check with its limit. `kind` is answer (parity, decisions, counts) or timing (p99, stability)."""

    gate: str
    kind: Literal["answer", "timing"]
    status: Status
    measured: float | str | None = None
    limit: float | str | None = None
    evidence: str = "measured"
    reason: str = ""
    next: str = ""


def judge(
    gate: str, kind: str, measured: float, limit: float, *, at_least=False, shared=False, reason="", next=""
) -> Gate:
    """PASS where `measured` is within `limit`; a NaN never is.

    On a shared machine a timing gate that does not hold is WARN: the machine was not ours alone.
    """
    holds = measured >= limit if at_least else measured <= limit
    status = "PASS" if holds else "WARN" if kind == "timing" and shared else "FAIL"
    if status == "WARN":
        reason = f"{reason}; the machine is shared" if reason else "the machine is shared"
    return Gate(gate, kind, status, measured, limit, "measured", reason, "" if holds else next)


def not_run(gate: str, kind: str, reason: str, next: str = "") -> Gate:
    """A gate that nothing was measured for."""
    return Gate(gate, kind, "NOT-RUN", reason=reason, next=next)


def worst(gates: Iterable[Gate]) -> Status:
    """The worst status among the gates; NOT-RUN only where nothing was measured."""
    seen = {gate.status for gate in gates}
    return next((status for status in WORST_FIRST if status in seen), "NOT-RUN")


class Results:
    """A results folder, seen from one notebook (or from none, for reading)."""

    def __init__(self, folder: str | Path, notebook: str = "", profile: str = "", **provenance):
        """provenance: what every record of this notebook carries, such as seed, checkpoint and threads.

        A notebook's relative folder is taken from notebooks/, wherever papermill was started.
        """
        self.folder = (NOTEBOOKS / folder).resolve() if notebook else Path(folder)
        stage = os.environ.get("BLIPKIT_STAGE")
        self.target = Path(stage) if stage and notebook else self.folder
        self.notebook = notebook
        self.provenance = {"notebook": notebook, "profile": profile, **provenance}

    @property
    def artifacts(self) -> Path:
        """Where compiled components live; shared by all notebooks, never staged."""
        return self.folder / "artifacts"

    def write(self, kind: str, rows: Iterable[dict]) -> None:
        """Replace the records of `kind` by `rows`, each with machine, versions and provenance beside its figures."""
        about = {"schema": SCHEMA, "kind": kind, "evidence": "measured", **self.provenance}
        host = {"machine": machine.describe()["name"], "versions": machine.versions()}
        lines = [json.dumps({**about, **row, **host}, default=_plain) for row in rows]
        self._write_text(f"records/{kind}.jsonl", "".join(f"{line}\n" for line in lines))

    def read(self, kind: str) -> list[dict]:
        """The records of `kind`; an error that names the notebook to run where there are none."""
        path = self._find(f"records/{kind}.jsonl")
        if path is None:
            raise BlipkitError(f"no records of {kind!r} in {self.folder}; run the notebook that writes them first")
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def has(self, kind: str) -> bool:
        """Whether any notebook wrote records of `kind`."""
        return self._find(f"records/{kind}.jsonl") is not None

    def write_samples(self, name: str, frame) -> None:
        """Keep a pandas frame of raw samples as parquet."""
        path = self.target / "samples" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(path, index=False)

    def read_samples(self, name: str):
        """The pandas frame that `write_samples` kept."""
        import pandas

        path = self._find(f"samples/{name}.parquet")
        if path is None:
            raise BlipkitError(f"no samples {name!r} in {self.folder}; run the notebook that writes them first")
        return pandas.read_parquet(path)

    def write_gates(self, gates: list[Gate]) -> None:
        """Record what was judged. Call `raise_for` in a later cell, so that a failed gate leaves its evidence."""
        self.write(f"gates_{self.notebook}", [asdict(gate) for gate in gates])

    def gates(self) -> list[Gate]:
        """Every gate in the folder, in the notebooks' order."""
        names = [f.name for f in Gate.__dataclass_fields__.values()]
        paths = sorted((self.folder / "records").glob("gates_*.jsonl"))
        rows = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
        return [Gate(**{n: row[n] for n in names}) for row in rows]

    def _find(self, name: str) -> Path | None:
        return next((base / name for base in (self.target, self.folder) if (base / name).is_file()), None)

    def _write_text(self, name: str, text: str) -> None:
        path = self.target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)


def _plain(value):
    """numpy and torch scalars, paths and tuples as JSON can hold them."""
    return value.item() if hasattr(value, "item") else str(value)


def raise_for(gates: list[Gate]) -> None:
    """Raise GateFailed, naming each gate that is FAIL or INVALID."""
    bad = [g for g in gates if g.status in ("FAIL", "INVALID")]
    if bad:
        lines = [
            f"{g.gate}: {g.status}, measured {g.measured}, limit {g.limit}. {g.reason} {g.next}".strip() for g in bad
        ]
        raise GateFailed("\n".join(lines))
