"""The results folder: records, samples and gates, written and read by notebooks.

A record is one measured row that explains itself a year later. Notebooks share data only through
this folder. During `blipkit run` a notebook writes into a stage (the environment variable
BLIPKIT_STAGE) that replaces its old outputs together when it ends; opened by hand, it writes
straight into the folder. In a replay, whatever a notebook would measure is read from a folder that
was recorded elsewhere, and every row says so.
"""

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from blipkit.errors import BadInput, NotMeasured
from blipkit.machine import host
from blipkit.paths import NOTEBOOKS, PUBLISHED, inside
from blipkit.reading.files import MB, read_text
from blipkit.records.documents import SCHEMA, plain_value, read_machine, rows_in
from blipkit.records.evidence import open_evidence
from blipkit.records.gates import Gate, judged_otherwise
from blipkit.records.listing import forget
from blipkit.records.run_record import read_run
from blipkit.records.samples import read_samples
from blipkit.records.typed import records_of, row_of
from blipkit.records.writing import json_text, write_bytes

TEXT_LIMIT = 16 * MB  # of a text that is kept beside the samples
TEXT_EXPECTED = "expected a text that a notebook keeps: record the folder again"


class Results:
    """A results folder, seen from one notebook (or from none, for reading)."""

    def __init__(
        self,
        folder: str | Path,
        notebook: str = "",
        profile: str = "",
        replay: str = "",
        **provenance,
    ):
        """provenance: what every record of this notebook carries, such as seed, checkpoint and
        threads.

        replay: a results folder that was recorded elsewhere; with one, nothing is measured here. A
        notebook's relative folders are taken from notebooks/, wherever papermill was started.
        """
        self.folder = Path(folder)
        if notebook:
            self.folder = (NOTEBOOKS / folder).resolve()
        self.target = self.folder
        stage = os.environ.get("BLIPKIT_STAGE")
        if stage and notebook:
            self.target = Path(stage)
        self.notebook = notebook
        self.provenance = {"notebook": notebook, "profile": profile}
        self.provenance.update(provenance)
        # kinds that a replay was asked for, and that its folder has not
        self.lacking: set[str] = set()
        self.recorded: Results | None = None
        if replay:
            self.recorded = Results((NOTEBOOKS / replay).resolve())
            open_evidence(self.recorded.folder)
            started = read_run(self.recorded.folder).started
            source = "What this chapter measures is read from there."
            print(f"Recorded on {self.machine.name}, {started}. {source}")

    @cached_property
    def machine(self) -> host.Machine:
        """The machine that the figures belong to: this one, or the one a replay was recorded on."""
        if self.recorded:
            return read_machine(self.recorded.folder)
        return host.describe()

    def measure(
        self, kind: str, measure: Callable[[], list[dict]], needs: Sequence[str] = ()
    ) -> list[dict]:
        """Keep the rows that measure() returns, or that a replay reads; the records of `kind`.

        needs: keys that a recorded row must have. There are no records where a replay's folder has
        none with them: what rests on them is NOT-RUN. `measure_typed` does this with dataclasses.
        """
        if self.recorded:
            rows = self._recorded_rows(kind, needs)
            if rows is None:
                return []
        else:
            rows = measure()
            added = {"schema", "kind", "machine", "versions", "replayed_on", *self.provenance}
            if not isinstance(rows, list) or any(added & set(row) for row in rows):
                expected = f"expected a list of rows without {', '.join(sorted(added))}"
                raise BadInput(f"{kind}: {expected}, which every record has already")
        self.write(kind, rows)
        return self.read(kind)

    def _recorded_rows(self, kind: str, needs: Sequence[str]) -> list[dict] | None:
        """The rows of a replay's folder; None, and a line that says why, where it lacks them."""
        if not self.recorded.has(kind):
            self._note_lacking(kind, f"no records of {kind!r} were kept there")
            return None
        rows = self.recorded.read(kind)
        absent = sorted({name for row in rows for name in needs if name not in row})
        if absent:
            reason = f"records of {kind!r} are of an older kit, without {', '.join(absent)}"
            self._note_lacking(kind, reason)
            return None
        self._check_weights(kind, rows)
        return rows

    def _note_lacking(self, kind: str, reason: str) -> None:
        """Keep in mind that a replay's folder lacks a kind, and print why."""
        self.lacking.add(kind)
        print(f"{reason}: what rests on them is NOT-RUN")

    def _check_weights(self, kind: str, rows: list[dict]) -> None:
        """In a replay, what was recorded must be of the checkpoint that the chapter shows."""
        digest = self.provenance.get("weights_digest")
        for recorded in {row.get("weights_digest") for row in rows} - {digest}:
            problem = f"{kind} was recorded with weights {recorded}, this checkpoint has {digest}"
            advice = "pass the one that was recorded: --set common.checkpoint=..."
            raise BadInput(f"replay: {problem}; {advice}")

    def measure_samples(
        self, name: str, measure: Callable, columns: Mapping[str, str] | None = None
    ):
        """The pandas frame that measure() returns, kept as parquet; in a replay, the recorded one.

        An empty frame where a replay's folder has none. Where the disk takes no more, what was
        measured is not lost with it: attrs["not_kept"] says why it is not on disk. columns: what a
        recorded one must have, as samples.read_samples takes it.
        """
        if self.recorded and not self.recorded.has_samples(name):
            import pandas

            self._note_lacking(name, f"no samples {name!r} were kept there")
            return pandas.DataFrame()
        frame = self.recorded.read_samples(name, columns) if self.recorded else measure()
        try:
            self.write_samples(name, frame)
        except OSError as error:
            frame.attrs["not_kept"] = (
                f"samples/{name}.parquet was not kept: {error.strerror or error}"
            )
        return frame

    def measure_text(self, name: str, measure: Callable[[], str]) -> str:
        """The text that measure() returns, kept beside the samples as samples/<name>; in a replay,
        the recorded one, "" where its folder has none.
        """
        path = f"samples/{name}"
        if not self.recorded:
            text = measure()
        elif self.recorded._find(path):
            text = read_text(self.recorded.folder / path, TEXT_LIMIT, TEXT_EXPECTED)
        else:
            self._note_lacking(name, f"no {path} was kept there")
            return ""
        self._put(path, text.encode("utf-8"))
        return text

    @property
    def artifacts(self) -> Path:
        """Where compiled components live; shared by all notebooks, never staged."""
        return self.folder / "artifacts"

    def write(self, kind: str, rows: Iterable[dict]) -> None:
        """Replace the records of `kind` by `rows`, each with machine, versions and provenance.

        A row that does not say its evidence was measured.
        """
        before = self.rows(kind)
        owner = before[0].get("notebook") if before else self.notebook
        if owner != self.notebook:
            problem = f"records of {kind!r} are {owner}'s"
            raise BadInput(f"{problem}; a kind has one notebook: choose another name")
        records = [self._record(kind, row) for row in rows]
        text = "".join(json_text(record, plain_value) + "\n" for record in records)
        self._put(f"records/{kind}.jsonl", text.encode("utf-8"))

    def _record(self, kind: str, row: dict) -> dict:
        """A row between what every record says of the run, and of the machine."""
        record = {"schema": SCHEMA, "kind": kind}
        record.update(self.provenance)
        record["evidence"] = "measured"
        record.update(row)
        record["evidence"] = record["evidence"].replace("measured", self._how_measured())
        record["machine"] = self.machine.name
        record["versions"] = self.machine.versions
        if self.recorded:
            record["replayed_on"] = host.describe().name
        return record

    def _how_measured(self) -> str:
        """What the evidence of a measured figure is called here."""
        if self.machine.name.startswith(host.REHEARSAL):
            return "rehearsal"
        if self.recorded:
            return "recorded"
        return "measured"

    def read(self, kind: str) -> list[dict]:
        """The records of `kind`; NotMeasured where there are none."""
        return rows_in(self._written(f"records/{kind}.jsonl", f"records of {kind!r}"))

    def rows(self, kind: str) -> list[dict]:
        """The records of `kind`, none where nobody wrote any."""
        if not self.has(kind):
            return []
        return self.read(kind)

    def has(self, kind: str) -> bool:
        """Whether any notebook wrote records of `kind`."""
        return self._find(f"records/{kind}.jsonl") is not None

    def earlier(self, kind: str) -> list[dict]:
        """Earlier records of `kind`, of this profile and checkpoint: published first, then here."""
        paths = [
            *sorted(PUBLISHED.glob(f"*/*/records/{kind}.jsonl")),
            self.folder / "records" / f"{kind}.jsonl",
        ]
        rows = [row for path in paths if path.is_file() for row in rows_in(path)]
        return [row for row in rows if self._is_alike(row)]

    def _is_alike(self, row: dict) -> bool:
        """Whether a record is of this profile and this checkpoint."""
        return all(row.get(name) == self.provenance[name] for name in ("profile", "checkpoint"))

    def write_samples(self, name: str, frame) -> None:
        """Keep a pandas frame of raw samples as parquet."""
        self._put(f"samples/{name}.parquet", frame.to_parquet(index=False))

    def has_samples(self, name: str) -> bool:
        """Whether samples of this name were kept."""
        return self._find(f"samples/{name}.parquet") is not None

    def read_samples(self, name: str, columns: Mapping[str, str] | None = None):
        """The pandas frame that `write_samples` kept; columns: as samples.read_samples has it."""
        path = self._written(f"samples/{name}.parquet", f"samples {name!r}")
        return read_samples(path, columns)

    def write_gates(self, gates: list[Gate]) -> None:
        """Record the gates; `raise_for` comes after it, so that a failed gate leaves evidence.

        A replay judges by the rules of this kit, and prints which gates that changes.
        """
        if self.recorded and (changed := judged_otherwise(gates, self.recorded.gates())):
            rules = "Judged by the rules of this kit, otherwise than when it was recorded"
            print(f"{rules}: {'; '.join(changed)}")
        self.write(f"gates_{self.notebook}", records_of(gates))

    def gates(self) -> list[Gate]:
        """Every gate in the folder, in the notebooks' order."""
        rows = [
            row
            for path in sorted((self.folder / "records").glob("gates_*.jsonl"))
            for row in rows_in(path)
        ]
        return [row_of(Gate, row) for row in rows]

    def _find(self, name: str) -> Path | None:
        for base in (self.target, self.folder):
            if (base / name).is_file():
                return base / name
        return None

    def _written(self, name: str, content: str) -> Path:
        path = self._find(name)
        if path is not None:
            return path
        command = f"blipkit run {shlex.quote(self.provenance['profile'] or 'PROFILE')}"
        if self.recorded and self.recorded._find(name) is None:
            place = f"{self.recorded.folder}, which is replayed"
            raise NotMeasured(f"no {content} in {place}; record it again on its machine: {command}")
        advice = f"run the notebook that writes them first, or all of them: {command}"
        raise NotMeasured(f"no {content} in {self.folder}; {advice}")

    def _put(self, name: str, content: bytes) -> None:
        """A file in its place; straight in the folder it is no longer the one that a run listed."""
        path = inside(self.target, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.target == self.folder:
            forget(self.folder, name)
        write_bytes(path, content)
