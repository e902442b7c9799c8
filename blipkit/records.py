"""The results folder: records, samples and gates that notebooks write, and the one place where gates are judged.

A record is one measured row that explains itself a year later. Notebooks share data only through this folder. During
`blipkit run` a notebook writes into a stage (the environment variable BLIPKIT_STAGE) that replaces its old outputs
together when it ends; opened by hand, it writes straight into the folder. In a replay, whatever a notebook would measure
is read from a folder that was recorded elsewhere, and every row says so.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Literal

from blipkit import machine
from blipkit.arms import evidence_of
from blipkit.errors import BadInput, GateFailed, NotMeasured
from blipkit.params import NOTEBOOKS, PUBLISHED

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


def judge(gate: str, kind: str, measured: float, limit: float, *, at_least=False, shared=False, **about) -> Gate:
    """PASS where `measured` is within `limit`; a NaN never is.

    On a shared machine a timing gate that does not hold is WARN: the machine was not ours alone. about: the gate's
    evidence, reason and next; what to do next is left out where it holds.
    """
    holds = measured >= limit if at_least else measured <= limit
    status = "PASS" if holds else "WARN" if kind == "timing" and shared else "FAIL"
    if holds:
        about["next"] = ""
    if status == "WARN":
        about["reason"] = "; ".join(filter(None, [about.get("reason"), "the machine is shared"]))
    return Gate(gate, kind, status, measured, limit, **about)


def not_run(gate: str, kind: str, reason: str, next: str = "") -> Gate:
    """A gate that nothing was measured for."""
    return Gate(gate, kind, "NOT-RUN", evidence="none", reason=reason, next=next)


def worst(gates: Iterable[Gate]) -> Status:
    """The worst status among the gates; NOT-RUN only where nothing was measured."""
    return min((gate.status for gate in gates), key=WORST_FIRST.index, default="NOT-RUN")


class Results:
    """A results folder, seen from one notebook (or from none, for reading)."""

    def __init__(self, folder: str | Path, notebook: str = "", profile: str = "", replay: str = "", **provenance):
        """provenance: what every record of this notebook carries, such as seed, checkpoint and threads.

        replay: a results folder that was recorded elsewhere; with one, nothing is measured here. A notebook's relative
        folders are taken from notebooks/, wherever papermill was started.
        """
        self.folder = (NOTEBOOKS / folder).resolve() if notebook else Path(folder)
        stage = os.environ.get("BLIPKIT_STAGE")
        self.target = Path(stage) if stage and notebook else self.folder
        self.notebook = notebook
        self.provenance = {"notebook": notebook, "profile": profile, **provenance}
        self.recorded = Results((NOTEBOOKS / replay).resolve()) if replay else None
        if self.recorded:
            begun = read_document(self.recorded.folder / "run.json")["started"]
            print(f"Recorded on {self.machine['name']}, {begun}. What this chapter measures is read from there.")

    @cached_property
    def machine(self) -> dict:
        """The machine that the figures belong to: this one, or the one that a replay was recorded on."""
        return read_document(self.recorded.folder / "environment.json") if self.recorded else machine.describe()

    def measure(self, kind: str, measure: Callable[[], list[dict]]) -> list[dict]:
        """The rows that measure() returns, kept as the records of `kind`; in a replay the rows recorded elsewhere."""
        added = {"schema", "kind", "machine", "versions", "replayed_on", *self.provenance}
        rows = self.recorded.read(kind) if self.recorded else measure()
        if self.recorded:
            self._check_weights(kind, rows)
        elif not isinstance(rows, list) or any(added & set(row) for row in rows):
            expected = f"expected a list of rows without {', '.join(sorted(added))}"
            raise BadInput(f"{kind}: {expected}, which every record has already")
        self.write(kind, rows)
        return [{k: v for k, v in row.items() if k not in added | {"evidence"}} for row in self.read(kind)]

    def _check_weights(self, kind: str, rows: list[dict]) -> None:
        """In a replay, what was recorded must be of the checkpoint that the chapter shows."""
        ours = self.provenance.get("weights_digest")
        for theirs in {row.get("weights_digest") for row in rows} - {ours}:
            seen = f"{kind} was recorded with weights {theirs}, this checkpoint has {ours}"
            raise BadInput(f"replay: {seen}; pass the one that was recorded: --set common.checkpoint=...")

    def measure_samples(self, name: str, measure: Callable):
        """The pandas frame that measure() returns, kept as parquet; in a replay the one recorded elsewhere.

        Where the disk takes no more, what was measured is not lost with it: attrs["not_kept"] says why it is not on disk.
        """
        frame = self.recorded.read_samples(name) if self.recorded else measure()
        try:
            self.write_samples(name, frame)
        except OSError as error:
            frame.attrs["not_kept"] = f"samples/{name}.parquet was not kept: {error.strerror or error}"
        return frame

    @property
    def artifacts(self) -> Path:
        """Where compiled components live; shared by all notebooks, never staged."""
        return self.folder / "artifacts"

    def write(self, kind: str, rows: Iterable[dict]) -> None:
        """Replace the records of `kind` by `rows`, each with machine, versions and provenance beside its figures.

        evidence: measured, where a row does not say otherwise or its arm is only emulated.
        """
        about = {"schema": SCHEMA, "kind": kind, **self.provenance}
        host = {"machine": self.machine["name"], "versions": self.machine["versions"]}
        if self.recorded:
            host["replayed_on"] = machine.describe()["name"]
        if (owner := self.rows(kind)[:1]) and owner[0].get("notebook") != self.notebook:
            said = f"records of {kind!r} are {owner[0]['notebook']}'s"
            raise BadInput(f"{said}; a kind has one notebook: choose another name")
        measured = "recorded" if self.recorded else "measured"
        if self.machine["name"].startswith(machine.REHEARSAL):
            measured = "rehearsal"
        rows = [{**about, "evidence": evidence_of(row.get("arm", "")), **row, **host} for row in rows]
        for row in rows:
            row["evidence"] = row["evidence"].replace("measured", measured)
        text = "".join(json.dumps(row, default=_plain) + "\n" for row in rows)
        with self._replacing(f"records/{kind}.jsonl") as part:
            part.write_text(text, encoding="utf-8")

    def read(self, kind: str) -> list[dict]:
        """The records of `kind`; NotMeasured where there are none."""
        return _rows(self._written(f"records/{kind}.jsonl", f"records of {kind!r}"))

    def rows(self, kind: str) -> list[dict]:
        """The records of `kind`, none where nobody wrote any."""
        return self.read(kind) if self.has(kind) else []

    def has(self, kind: str) -> bool:
        """Whether any notebook wrote records of `kind`."""
        return self._find(f"records/{kind}.jsonl") is not None

    def earlier(self, kind: str) -> list[dict]:
        """Records of `kind` from before this run, of this profile and checkpoint: the published first, then this folder's."""
        paths = [*sorted(PUBLISHED.glob(f"*/*/records/{kind}.jsonl")), self.folder / "records" / f"{kind}.jsonl"]
        rows = [row for path in paths if path.is_file() for row in _rows(path)]
        return [row for row in rows if all(row[name] == self.provenance[name] for name in ("profile", "checkpoint"))]

    def write_samples(self, name: str, frame) -> None:
        """Keep a pandas frame of raw samples as parquet."""
        with self._replacing(f"samples/{name}.parquet") as part:
            frame.to_parquet(part, index=False)

    def read_samples(self, name: str):
        """The pandas frame that `write_samples` kept."""
        import pandas

        return pandas.read_parquet(self._written(f"samples/{name}.parquet", f"samples {name!r}"))

    def write_gates(self, gates: list[Gate]) -> None:
        """Record what was judged. Call `raise_for` in a later cell, so that a failed gate leaves its evidence."""
        self.write(f"gates_{self.notebook}", [asdict(gate) for gate in gates])

    def gates(self) -> list[Gate]:
        """Every gate in the folder, in the notebooks' order."""
        rows = [row for path in sorted((self.folder / "records").glob("gates_*.jsonl")) for row in _rows(path)]
        return [Gate(**{field.name: row[field.name] for field in fields(Gate)}) for row in rows]

    def _find(self, name: str) -> Path | None:
        return next((base / name for base in (self.target, self.folder) if (base / name).is_file()), None)

    def _written(self, name: str, what: str) -> Path:
        path = self._find(name)
        if path is None:
            raise NotMeasured(f"no {what} in {self.folder}; run the notebook that writes them first")
        return path

    @contextlib.contextmanager
    def _replacing(self, name: str):
        """A path to write to, which becomes `name` when it is whole."""
        path = self.target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def read_document(path: Path) -> dict:
    """A results folder's JSON file."""
    text = path.read_bytes() if path.is_file() else b""
    return _parsed(text, f"{path} is missing or damaged; expected what a run writes there: run the profile again")


def _parsed(text: bytes, otherwise: str) -> dict:
    """A JSON object; where it is none, BadInput says `otherwise`."""
    with contextlib.suppress(ValueError):
        if isinstance(found := json.loads(text), dict):
            return found
    raise BadInput(otherwise)


def check_schema(row: dict, path: Path) -> None:
    """Refuse a record that a newer kit wrote: its keys may mean something else there."""
    schema = row.get("schema")
    if type(schema) is not int or schema < 1:
        raise BadInput(f"{path} has schema {schema!r}; expected a whole number from 1 on: blipkit did not write it")
    if schema > SCHEMA:
        raise BadInput(f"{path} has schema {schema}; this kit reads up to {SCHEMA}: update blipkit")


def _rows(path: Path) -> list[dict]:
    """The records in a file; BadInput names the line that is not one."""
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        seen, advice = f"{path}, line {number} is damaged", "run the notebook that writes it again"
        rows.append(_parsed(line, f"{seen}; expected one JSON record: {advice}"))
        check_schema(rows[-1], path)
    return rows


def _plain(value):
    """numpy and torch scalars, paths and tuples as JSON can hold them."""
    return value.item() if hasattr(value, "item") else str(value)


def raise_for(gates: list[Gate]) -> None:
    """Raise GateFailed, naming each gate that is FAIL or INVALID."""
    bad = [g for g in gates if g.status in ("FAIL", "INVALID")]
    said = [f"{g.gate}: {g.status}, measured {g.measured}, limit {g.limit}. {g.reason} {g.next}".strip() for g in bad]
    if said:
        raise GateFailed("\n".join(said))
