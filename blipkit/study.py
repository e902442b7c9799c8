"""A study: a profile applied to a results folder, which is what a chapter opens.

A chapter's first lines are `study = open_study("03_parity", globals())`. The study knows the knobs
and where each came from, the checkpoint and what it is asked, and the results folder, or the
recorded one that a replay reads.
"""

import ast
import contextlib
import html
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from blipkit.display.html import display_html
from blipkit.display.tables import show_table, table_html
from blipkit.errors import BadInput, shown
from blipkit.frames.frames import Frame
from blipkit.frames.questions import Question, parse_questions
from blipkit.frames.source import FrameSource
from blipkit.model.buckets import Bucket, parse_buckets
from blipkit.model.checkpoints import Checkpoint, load_checkpoint
from blipkit.paths import NOTEBOOKS, is_folder
from blipkit.profiles.common import Common
from blipkit.profiles.knobs import Section, limits_of
from blipkit.profiles.profile import Profile, check_sections, load_profile, read_profile, values_of
from blipkit.profiles.sections import section_class, section_of
from blipkit.records.gates import Gate, raise_for
from blipkit.records.results import Results
from blipkit.records.run_record import read_run
from blipkit.records.typed import records_of

# sections whose chapter loads no checkpoint: they read what others recorded
WITHOUT_CHECKPOINT = ("cost", "capacity")
# knobs that a replay does not take from the record: this machine's, and what only a run reads
OURS = (
    "checkpoint",
    "frames_from",
    "neuron_stack",
    "required",
    "only",
    "cell_limit_s",
    "share_frames",
)
RUN_OWN = ("results", "profile", "replay")  # knobs that a run sets itself; no profile may
INJECTED = "# Parameters"  # how the cell begins that papermill adds


@dataclass(frozen=True)
class KnobRow:
    """A knob, `section.name`, as a chapter's table shows it.

    value: as text; unit: "" where it has none; origin: default, profile, --set or cell.
    """

    knob: str
    value: str
    unit: str
    meaning: str
    origin: str


@dataclass(frozen=True)
class Study:
    """A profile applied to a results folder.

    stem: the chapter; common: the knobs that chapters share; knobs: the chapter's own; results:
    where its records go; replay: a results folder recorded elsewhere, "" where this machine
    measures; checkpoint: the model that is asked, None for a chapter that only reads records;
    profile: what the knobs came from.
    """

    stem: str
    common: Common
    knobs: Section
    results: Results
    replay: str
    checkpoint: Checkpoint | None
    profile: Profile

    @cached_property
    def components(self):
        """The checkpoint taken apart, in the order that data takes."""
        from blipkit.model.components import isolate

        return isolate(self.checkpoint)

    @cached_property
    def buckets(self) -> list[Bucket]:
        """The static shapes to compile for."""
        return parse_buckets(self.common.buckets)

    @cached_property
    def questions(self) -> list[Question]:
        """What is asked about each frame."""
        return parse_questions(self.common.questions)

    @property
    def artifacts(self) -> Path:
        """Where compiled components live."""
        return self.results.artifacts

    def frames(self, count: int) -> list[Frame]:
        """The first `count` frames; synthetic ones where a replay's images are not here."""
        return FrameSource.of(self.common, count).available(self.replay).load()

    def knob_rows(self) -> list[KnobRow]:
        """Every knob of this chapter, and those that chapters share."""
        rows = []
        for section in (self.knobs, self.common):
            for knob in fields(section):
                value = getattr(section, knob.name)
                row = KnobRow(
                    knob=f"{section.name}.{knob.name}",
                    value=_as_text(value),
                    unit=knob.metadata["unit"],
                    meaning=knob.metadata["meaning"],
                    origin=self.profile.origin(section.name, knob.name, value),
                )
                rows.append(row)
        return rows

    def show_knobs(self) -> None:
        """Show the knobs as a table to unfold; as text, those that are not at their default."""
        import pandas

        rows = self.knob_rows()
        changed = [row for row in rows if row.origin != "default"]
        words = [f"{row.knob} = {row.value} ({row.origin})" for row in changed]
        listed = "; ".join(words) or "none"
        head = f"{len(rows)} knobs, {len(changed)} not at their default: {listed}"
        cells = pandas.DataFrame(rows).rename(columns={"origin": "from"})
        table = table_html(cells, "The knobs of this chapter, and those that chapters share")
        display_html(f"<details><summary>{html.escape(head)}</summary>{table}</details>", head)

    def conclude(self, gates: Sequence[Gate]) -> None:
        """Show and record the gates and the knobs that limit them; GateFailed on FAIL, INVALID."""
        columns = ("gate", "status", "measured", "limit", "unit", "reason", "next")
        show_table(records_of(gates), "Gates", columns)
        self.results.write(f"limits_{self.stem}", [{"limits": limits_of(self.knobs)}])
        self.results.write_gates(list(gates))
        raise_for(list(gates))


def open_study(stem: str, namespace: dict[str, Any]) -> Study:
    """Open the chapter `stem`, in a run or by hand.

    namespace: the notebook's `globals()`, after its parameters cell. Its knobs are checked here,
    because papermill only logs an unknown parameter. Those that chapters share come from the
    profile that the cell names; in a run, from the profile that the run has resolved.
    """
    values = _parameters_in(stem, namespace)
    results, profile_name, replay = (values.pop(name) for name in RUN_OWN)
    profile = _profile(results, profile_name)
    section = section_of(stem)
    has_checkpoint = section not in WITHOUT_CHECKPOINT
    if replay:
        recorded = (NOTEBOOKS / replay).resolve()
        profile, notes = replayed(profile, recorded)
        if has_checkpoint:  # else its knobs are of today: nothing is measured
            values = _as_recorded(values_of(profile.section(section)), values)
            if notes:
                print(f"Recorded with other knobs, which are taken: {'; '.join(notes)}")
    for note in profile.notes:
        print(f"Left out of what was recorded: {note}")
    knobs = section_class(section)(**values)
    common = profile.common
    checkpoint = None
    provenance = {}
    if has_checkpoint:
        checkpoint = load_checkpoint(_from_notebooks(common.checkpoint))
        provenance = {"seed": common.seed, "threads": common.threads}
        provenance.update(checkpoint.provenance())
        if replay:
            provenance.update(_pixels_of(recorded))
    out = Results(results, stem, profile.name, replay, **provenance)
    return Study(stem, common, knobs, out, replay, checkpoint, profile)


def _as_recorded(recorded: dict[str, Any], set_here: dict[str, Any]) -> dict[str, Any]:
    """A chapter's knobs in a replay: those recorded, but as set here what is this machine's."""
    values = dict(recorded)
    for name in OURS:
        if name in values:
            values[name] = set_here[name]
    return values


def replayed(profile: Profile, folder: Path) -> tuple[Profile, list[str]]:
    """The profile with the knobs that a folder was recorded with, and in words, which differed.

    What belongs to this machine stays the profile's, and so do prices.
    """
    recorded = read_profile(folder)
    resolved = profile.resolved()
    notes = []
    sections = {name: dict(values) for name, values in profile.sections.items()}
    for section, values in recorded.sections.items():
        for name, value in values.items():
            if section in WITHOUT_CHECKPOINT or name in OURS:
                continue
            sections.setdefault(section, {})[name] = value
            ours = resolved[section][name]
            if ours != value:
                notes.append(f"{section}.{name} was {shown(value)}, the profile says {shown(ours)}")
    left_out = list(dict.fromkeys([*profile.notes, *recorded.notes]))
    return replace(profile, sections=sections, notes=left_out), notes


def _parameters_in(stem: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Name -> value of the parameters that a notebook has set.

    BadInput where one is no knob of it, or a value that the knob cannot mean, or one is missing.
    """
    known = (*RUN_OWN, *(knob.name for knob in fields(section_class(section_of(stem)))))
    values = {name: value for name, value in namespace.items() if _is_plain(name, value)}
    if assigned := _names_set(namespace.get("In", ())) & set(values):
        values = {name: values[name] for name in values if name in assigned or name in known}
    where = "parameters of this notebook"
    knobs = {name: value for name, value in values.items() if name not in RUN_OWN}
    check_sections({section_of(stem): knobs}, where)
    for name in RUN_OWN:
        if not isinstance(values.get(name), str):
            raise BadInput(f"{where}: {name} is {shown(values.get(name))}; expected a text")
    if missing := [name for name in known if name not in values]:
        raise BadInput(f"{where}: no {missing[0]}; expected {', '.join(known)}")
    return values


def _names_set(cells: Sequence[str]) -> set[str]:
    """The names that a notebook's parameters cells set; none where no such cell was run.

    cells: the text of every cell so far, as IPython keeps it. What else is there is not the
    notebook's: a user's IPython profile may set names, too.
    """
    names = set()
    for text in cells:
        with contextlib.suppress(SyntaxError):  # a cell with IPython's own commands
            targets = _targets(ast.parse(text))
            if targets.intersection(RUN_OWN) or text.startswith(INJECTED):
                names |= targets
    return names


def _targets(cell: ast.Module) -> set[str]:
    """The names that a cell's statements set."""
    assignments = [line for line in cell.body if isinstance(line, (ast.Assign, ast.AnnAssign))]
    nodes = [node for line in assignments for node in ast.walk(line)]
    names = [node for node in nodes if isinstance(node, ast.Name)]
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}


def _is_plain(name: str, value: object) -> bool:
    """Whether a notebook's name may be a knob: neither Jupyter's own nor what a cell imported."""
    if name.startswith("_") or name in ("In", "Out"):
        return False
    return not callable(value) and not isinstance(value, ModuleType)


def _as_text(value: object) -> str:
    """A knob's value as the table shows it: a text as it stands, all else as JSON has it."""
    if isinstance(value, str) and value:
        return value
    return json.dumps(value)


def _profile(results: str, name: str) -> Profile:
    """The profile of the run in progress; where no run is, the one of that name."""
    folder = (NOTEBOOKS / results).resolve()
    if "BLIPKIT_STAGE" not in os.environ:
        return load_profile(name)
    stated = read_run(folder).stated
    resolved = read_profile(folder).sections
    sections = {}
    for section, keys in stated.keys.items():
        sections[section] = {key: resolved[section][key] for key in keys}
    return Profile(name, sections, stated.settings)


def _pixels_of(folder: Path) -> dict[str, str]:
    """Digest of the pixels that the recorded machine showed the model, and what decoded them."""
    rows = Results(folder).rows("environment")
    if not rows:
        return {}
    return {name: rows[0][name] for name in ("pixel_digest", "image_backend") if name in rows[0]}


def _from_notebooks(checkpoint: str) -> str:
    """A checkpoint's folder as found from notebooks/, wherever papermill was started."""
    if checkpoint.startswith("builtin:") or not is_folder(checkpoint):
        return checkpoint
    folder = (NOTEBOOKS / Path(checkpoint).expanduser()).resolve()
    if not folder.is_dir():
        return checkpoint
    return str(folder)
